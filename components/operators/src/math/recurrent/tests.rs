//! Cells of one weight for each gate, small enough to follow by hand.

use tract_onnx::pb::AttributeProto;

use super::*;
use crate::testing::{compute, expect, float, floats, int, model_of, node, run_model_on, string, strings};

/// One weight of the input and one of the state for each gate, in a batch of 1.
fn cell(
    op: &str,
    gates: &[[f32; 2]],
    x: &[f32],
    attributes: Vec<AttributeProto>,
) -> (NodeProto, Vec<Option<Tensor>>) {
    let mut node = node("", op, attributes);
    node.output = vec!["y".into(), "last".into()];
    let column = |which: usize| -> Option<Tensor> {
        let weights: Vec<f32> = gates.iter().map(|gate| gate[which]).collect();
        Some(tensor1(&weights).into_shape(&[1, gates.len(), 1]).unwrap())
    };
    let x = tensor1(x).into_shape(&[x.len(), 1, 1]).unwrap();
    (node, vec![Some(x), column(0), column(1)])
}

fn states(values: &[f32], last: f32) -> [Tensor; 2] {
    [tensor1(values).into_shape(&[values.len(), 1, 1, 1]).unwrap(), tensor3(&[[[last]]])]
}

#[test]
fn a_reversed_sequence_starts_at_its_end() {
    let attributes = vec![string("direction", "reverse"), strings("activations", &["Affine"])];
    let (node, inputs) = cell("RNN", &[[1.0, 10.0]], &[1.0, 2.0, 3.0], attributes);
    expect(node, &inputs, &states(&[321.0, 32.0, 3.0], 321.0));
}

#[test]
fn a_sequence_ends_at_its_length() {
    let (node, mut inputs) =
        cell("RNN", &[[1.0, 10.0]], &[1.0, 2.0, 3.0], vec![strings("activations", &["Relu"])]);
    inputs.extend([None, Some(tensor1(&[2i32]))]);
    expect(node.clone(), &inputs, &states(&[1.0, 12.0, 0.0], 12.0));
    let mut reversed = node;
    reversed.attribute.push(string("direction", "reverse"));
    expect(reversed, &inputs, &states(&[21.0, 2.0, 0.0], 21.0));
}

#[test]
fn activations_take_their_parameters_in_turn_and_are_clipped() {
    let attributes =
        vec![strings("activations", &["LeakyRelu"]), floats("activation_alpha", &[0.5]), float("clip", 2.0)];
    let (node, inputs) = cell("RNN", &[[1.0, 0.0]], &[-1.0, -3.0, 3.0], attributes);
    expect(node, &inputs, &states(&[-0.5, -1.0, 2.0], 2.0));
}

#[test]
fn a_gru_mixes_its_state_with_a_candidate() {
    let activations = || vec![strings("activations", &["Affine", "Affine"])];
    // Update x / 4, reset x, candidate x + r * 3 h.
    let (node, mut inputs) = cell("GRU", &[[0.25, 0.0], [1.0, 0.0], [1.0, 3.0]], &[2.0], activations());
    inputs.extend([None, None, Some(tensor3(&[[[4f32]]]))]);
    expect(node, &inputs, &states(&[15.0], 15.0));
    // A bias of 1 on the state's side goes before the reset, if the attribute says so.
    inputs[3] = Some(tensor2(&[[0f32, 0.0, 0.0, 0.0, 0.0, 1.0]]));
    for (before, state) in [(0, 15.5), (1, 16.0)] {
        let attributes = [activations(), vec![int("linear_before_reset", before)]].concat();
        let (node, _) = cell("GRU", &[[0.25, 0.0], [1.0, 0.0], [1.0, 3.0]], &[2.0], attributes);
        expect(node, &inputs, &states(&[state], state));
    }
}

#[test]
fn an_lstm_may_couple_its_gates_and_look_at_its_cell() {
    let attributes = vec![strings("activations", &["Affine", "Affine", "Affine"]), int("input_forget", 1)];
    // Input x / 4 + c, output 2 c, cell 2 x.
    let gates = [[0.25, 0.0], [0.0, 0.0], [9.0, 9.0], [2.0, 0.0]];
    let (mut node, mut inputs) = cell("LSTM", &gates, &[2.0], attributes);
    node.output.push("cell".into());
    let peepholes = Some(tensor2(&[[1f32, 2.0, 0.0]]));
    inputs.extend([None, None, None, Some(tensor3(&[[[0.25f32]]])), peepholes]);
    // The cell becomes 0.25 * 0.25 + 0.75 * 4.
    let [all, last] = states(&[18.757_813], 18.757_813);
    expect(node, &inputs, &[all, last, tensor3(&[[[3.0625f32]]])]);
}

#[test]
fn the_size_of_the_batch_may_be_known_at_run_time_only() {
    for dt in [DatumType::F32, DatumType::F64] {
        let (mut node, inputs) = cell("RNN", &[[1.0, 0.5]], &[0.5, 0.25], vec![int("layout", 1)]);
        let typed = |x: &Option<Tensor>| x.as_ref().unwrap().cast_to_dt(dt).unwrap().into_owned();
        let mut inputs: Vec<Tensor> = inputs.iter().map(typed).collect();
        inputs[0].set_shape(&[1, 2, 1]).unwrap();
        node.input = vec!["x".into(), "w".into(), "r".into()];
        let named = [("x", &inputs[0]), ("w", &inputs[1]), ("r", &inputs[2])];
        let model = model_of(vec![node], &named, true, &["y"]);
        let y = run_model_on(model, &[&inputs[0], &inputs[1], &inputs[2]]).unwrap();
        let first = 0.5f64.tanh();
        let expected = tensor1(&[first, (0.25 + 0.5 * first).tanh()]).into_shape(&[1, 2, 1, 1]).unwrap();
        y[0].close_enough(&expected.cast_to_dt(dt).unwrap(), Approximation::Close).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |attributes, inputs: fn(&mut Vec<Option<Tensor>>), expected: &str| {
        let (node, mut given) = cell("RNN", &[[1.0, 1.0]], &[1.0], attributes);
        inputs(&mut given);
        let error = format!("{:#}", compute(node, &given).unwrap_err());
        assert!(error.contains(expected), "{error}");
    };
    refused(vec![string("direction", "sideways")], |_| (), "got sideways");
    refused(vec![strings("activations", &["Gelu"])], |_| (), "an activation that ONNX names, got Gelu");
    let reverse = || vec![string("direction", "reverse")];
    refused(reverse(), |x| x[1] = Some(tensor3(&[[[1f32, 2.0]]])), "expected weights [1, 1, 1]");
    refused(reverse(), |x| x.extend([None, Some(tensor1(&[1i32, 1]))]), "expected lengths [1]");
}
