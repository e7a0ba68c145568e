//! The regressor and `TreeEnsemble` through tract. The numbers are onnxruntime's or sums by hand.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, TensorProto};

use super::*;
use crate::testing::{doubles, expect, floats, int, ints, node, refuse, string, strings};

/// Two trees that compare feature 0 with 1.5. `weights` are (tree, node, target, weight), node 1 being where
/// it holds.
fn regressor(targets: i64, weights: &[(i64, i64, i64, f32)], more: Vec<AttributeProto>) -> NodeProto {
    let mut attributes = vec![
        int("n_targets", targets),
        ints("nodes_treeids", &[0, 0, 0, 1, 1, 1]),
        ints("nodes_nodeids", &[0, 1, 2, 0, 1, 2]),
        ints("nodes_featureids", &[0; 6]),
        strings("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]),
        ints("nodes_truenodeids", &[1, 0, 0, 1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0, 2, 0, 0]),
        floats("nodes_values", &[1.5, 0.0, 0.0, 1.5, 0.0, 0.0]),
        ints("target_treeids", &weights.iter().map(|w| w.0).collect::<Vec<_>>()),
        ints("target_nodeids", &weights.iter().map(|w| w.1).collect::<Vec<_>>()),
        ints("target_ids", &weights.iter().map(|w| w.2).collect::<Vec<_>>()),
        floats("target_weights", &weights.iter().map(|w| w.3).collect::<Vec<_>>()),
    ];
    attributes.retain(|attribute| more.iter().all(|by| by.name != attribute.name));
    attributes.extend(more);
    node("ai.onnx.ml", "TreeEnsembleRegressor", attributes)
}

const ONE: [(i64, i64, i64, f32); 4] = [(0, 1, 0, 0.2), (0, 2, 0, 0.7), (1, 1, 0, 0.6), (1, 2, 0, 0.1)];
const TWO: [(i64, i64, i64, f32); 6] =
    [(0, 1, 0, 0.2), (0, 2, 1, 0.3), (0, 1, 1, 0.4), (0, 2, 0, 0.5), (1, 1, 0, 0.0), (1, 2, 1, 0.4)];

fn x() -> [Option<Tensor>; 1] {
    [Some(tensor2(&[[1f32], [2.0]]))]
}

#[test]
fn each_function_aggregates_what_the_trees_give() {
    for (name, sums) in
        [("SUM", [0.8, 0.8]), ("AVERAGE", [0.4, 0.4]), ("MIN", [0.2, 0.1]), ("MAX", [0.6, 0.7])]
    {
        let function = || vec![string("aggregate_function", name)];
        expect(regressor(1, &ONE, function()), &x(), &[tensor2(&[[sums[0]], [sums[1]]])]);
        let mut more = function();
        more.push(floats("base_values", &[0.05]));
        expect(regressor(1, &ONE, more), &x(), &[tensor2(&[[sums[0] + 0.05], [sums[1] + 0.05f32]])]);
    }
}

#[test]
fn targets_are_aggregated_apart_and_have_a_base_value_each() {
    let sums = [[0.2f32, 0.4], [0.5, 0.7]];
    expect(regressor(2, &TWO, vec![]), &x(), &[tensor2(&sums)]);
    let base = vec![floats("base_values", &[0.25, -1.0])];
    expect(regressor(2, &TWO, base), &x(), &[tensor2(&[[0.45f32, -0.6], [0.75, -0.3]])]);
    let base = vec![floats("base_values", &[1.0])];
    expect(regressor(2, &TWO, base), &x(), &[tensor2(&[[1.2f32, 1.4], [1.5, 1.7]])]);
}

#[test]
fn a_target_without_a_weight_has_its_base_value() {
    let weights = [(0, 1, 0, 3.0), (1, 2, 1, -2.0)];
    for function in ["MIN", "MAX", "SUM"] {
        let more = vec![string("aggregate_function", function), floats("base_values", &[0.5, 0.25])];
        expect(regressor(2, &weights, more), &x(), &[tensor2(&[[3.5f32, 0.25], [0.5, -1.75]])]);
    }
}

#[test]
fn several_scores_are_transformed_and_one_only_by_probit() {
    let weights = [(0, 1, 0, 0.2), (0, 2, 1, 0.7), (0, 1, 1, 0.4), (0, 2, 0, 0.5)];
    let with = |name| vec![string("post_transform", name), floats("base_values", &[0.05, 0.025])];
    let logistic = [[0.562_176_5_f32, 0.604_679_1], [0.634_135_6, 0.673_707_07]];
    expect(regressor(2, &weights, with("LOGISTIC")), &x(), &[tensor2(&logistic)]);
    let softmax = [[0.456_361_32_f32, 0.543_638_7]; 2];
    expect(regressor(2, &weights, with("SOFTMAX")), &x(), &[tensor2(&softmax)]);
    expect(regressor(2, &weights, with("SOFTMAX_ZERO")), &x(), &[tensor2(&softmax)]);

    let one = [(0, 1, 0, 0.25), (0, 2, 0, 0.75)];
    let with = |name| vec![string("post_transform", name)];
    expect(regressor(1, &one, with("LOGISTIC")), &x(), &[tensor2(&[[0.25f32], [0.75]])]);
    expect(regressor(1, &one, with("PROBIT")), &x(), &[tensor2(&[[-0.674_574_3_f32], [0.674_574_3]])]);
}

#[test]
fn doubles_are_compared_and_summed_as_doubles() {
    let weights = [(0, 1, 0, 1.0), (0, 2, 0, 0.0), (1, 1, 0, 1e-12), (1, 2, 0, 0.0)];
    let x = [Some(tensor2(&[[1.5], [1.5 + 1e-12]]))];
    expect(regressor(1, &weights, vec![]), &x, &[tensor2(&[[1f32], [0.0]])]);
    let more =
        vec![floats("target_weights", &[]), doubles("target_weights_as_tensor", &[1.0, 0.0, 1e-12, 0.0])];
    let more = more.into_iter().chain([doubles("base_values_as_tensor", &[-1.0])]).collect();
    expect(regressor(1, &weights, more), &x, &[tensor2(&[[1e-12f32], [-1.0]])]);
}

#[test]
fn a_tensor_shorter_than_its_shape_is_refused() {
    let mut short = doubles("target_weights_as_tensor", &[]);
    if let Some(tensor) = &mut short.t {
        (tensor.dims, tensor.raw_data) = (vec![4], vec![0; 31]);
    }
    let node = regressor(1, &ONE, vec![floats("target_weights", &[]), short]);
    refuse(node, tensor2(&[[1f32]]), "attribute target_weights_as_tensor");
}

#[test]
fn targets_that_do_not_fit_are_refused() {
    let refused = |targets, more, message: &str| {
        refuse(regressor(targets, &TWO, more), tensor2(&[[1f32]]), message);
    };
    refused(1, vec![], "target_ids: 1 is none of the 1 columns");
    refused(0, vec![], "n_targets: expected 1 to 65536, got 0");
    refused(1 << 40, vec![], "n_targets: expected 1 to 65536");
    refused(2, vec![floats("base_values", &[1.0; 3])], "expected none, 1 or 2 values, got 3");
    refused(2, vec![string("aggregate_function", "PRODUCT")], "\"PRODUCT\" is no function");
}

fn tensor(name: &str, tensor: &Tensor) -> AttributeProto {
    let data_type = match tensor.datum_type() {
        DatumType::U8 => DataType::Uint8,
        DatumType::F16 => DataType::Float16,
        DatumType::F32 => DataType::Float,
        _ => DataType::Double,
    };
    let t = TensorProto {
        dims: tensor.shape().iter().map(|len| *len as i64).collect(),
        data_type: data_type as i32,
        raw_data: tensor.as_bytes().to_vec(),
        ..TensorProto::default()
    };
    AttributeProto { t: Some(t), ..doubles(name, &[]) }
}

/// `x <= 1.5` gives leaf 0; else `x` among `members`, or missing, leaf 1; else leaf 2.
fn ensemble(datum_type: DatumType, targets: i64, members: &[f64], more: Vec<AttributeProto>) -> NodeProto {
    let typed = |name: &str, values: &[f64]| tensor(name, &tensor1(values).cast_to_dt(datum_type).unwrap());
    let mut attributes = vec![
        int("n_targets", targets),
        ints("tree_roots", &[0]),
        ints("nodes_featureids", &[0, 0]),
        tensor("nodes_modes", &tensor1(&[0u8, 6])),
        typed("nodes_splits", &[1.5, 0.0]),
        typed("membership_values", members),
        ints("nodes_truenodeids", &[0, 1]),
        ints("nodes_trueleafs", &[1, 1]),
        ints("nodes_falsenodeids", &[1, 2]),
        ints("nodes_falseleafs", &[0, 1]),
        ints("nodes_missing_value_tracks_true", &[0, 1]),
        ints("leaf_targetids", &[0, targets - 1, 0]),
        typed("leaf_weights", &[0.1, 0.3, 0.6]),
    ];
    attributes.retain(|attribute| more.iter().all(|by| by.name != attribute.name));
    attributes.extend(more);
    node("ai.onnx.ml", "TreeEnsemble", attributes)
}

const MEMBERS: [f64; 3] = [2.0, 7.0, f64::NAN];

#[test]
fn the_scores_have_the_type_of_the_input() {
    let x = tensor2(&[[1f64], [2.0], [f64::NAN], [5.0]]);
    for datum_type in [f32::datum_type(), f64::datum_type(), DatumType::F16] {
        let of_type = |tensor: Tensor| tensor.cast_to_dt(datum_type).unwrap().into_owned();
        let node = ensemble(datum_type, 1, &MEMBERS, vec![]);
        let y = tensor2(&[[0.1f64], [0.3], [0.3], [0.6]]);
        expect(node, &[Some(of_type(x.clone()))], &[of_type(y)]);
    }
}

/// Of the transforms, LOGISTIC is 2 and SOFTMAX is 1.
#[test]
fn functions_are_numbered_as_on_the_page() {
    let x = [Some(tensor2(&[[1f32], [2.0]]))];
    let check = |transform, y: [[f32; 2]; 2]| {
        let more = vec![int("post_transform", transform)];
        expect(ensemble(f32::datum_type(), 2, &MEMBERS, more), &x, &[tensor2(&y)]);
    };
    check(0, [[0.1, 0.0], [0.0, 0.3]]);
    check(1, [[0.524_979_2, 0.475_020_83], [0.425_557_46, 0.574_442_5]]);
    check(2, [[0.524_979_2, 0.5], [0.5, 0.574_442_5]]);
    check(3, [[1.0, 0.0], [0.0, 1.0]]);
    for (function, sum) in [(0, 0.1f32), (1, 0.2), (2, 0.1), (3, 0.1)] {
        let more = vec![int("aggregate_function", function), ints("tree_roots", &[0, 0])];
        expect(
            ensemble(f32::datum_type(), 1, &MEMBERS, more),
            &[Some(tensor2(&[[1f32]]))],
            &[tensor2(&[[sum]])],
        );
    }
}

#[test]
fn sets_of_any_length_are_searched() {
    for len in 0..20 {
        let set = (0..len).rev().map(|member| 2.0 + 3.0 * f64::from(member));
        let members: Vec<f64> = set.chain([f64::NAN]).collect();
        let x: Vec<f32> = (4..140).map(|half| half as f32 / 2.0).collect();
        let y: Vec<f32> =
            x.iter().map(|x| if members.contains(&f64::from(*x)) { 0.3 } else { 0.6 }).collect();
        let column = |values: &[f32]| tensor1(values).into_shape(&[values.len(), 1]).unwrap();
        expect(ensemble(f32::datum_type(), 1, &members, vec![]), &[Some(column(&x))], &[column(&y)]);
    }
}

#[test]
fn positions_that_do_not_fit_are_refused() {
    let refused = |more, message: &str| {
        refuse(ensemble(f32::datum_type(), 1, &MEMBERS, vec![more]), tensor2(&[[1f32]]), message);
    };
    refused(ints("tree_roots", &[2]), "tree_roots: 2 is none of 2 positions");
    refused(ints("tree_roots", &[]), "at least one tree");
    refused(ints("nodes_truenodeids", &[0, 3]), "nodes_truenodeids: 3 is none of 3 positions");
    refused(ints("nodes_falsenodeids", &[-1, 0]), "nodes_falsenodeids: -1 is none of 2 positions");
    refused(ints("nodes_falsenodeids", &[0, 0]), "its own descendant");
    refused(ints("nodes_trueleafs", &[1]), "nodes_trueleafs has 1 values");
    refused(ints("leaf_targetids", &[0, 0]), "leaf_weights has 3 values, leaf_targetids has 2");
    refused(tensor("nodes_modes", &tensor1(&[7u8, 6])), "7 is no mode");
    refused(tensor("nodes_modes", &tensor1(&[0f32, 1.0])), "expected a tensor of [Uint8]");
    refused(tensor("membership_values", &tensor1(&[1f32, f32::NAN, 2.0])), "has 2 sets");
    refused(int("post_transform", 5), "5 is no transform");
    refused(int("aggregate_function", 4), "4 is no function");
}
