//! `ai.onnx.RNN`, `GRU` and `LSTM`: a state that each step of a sequence changes.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__RNN.html>, <https://onnx.ai/onnx/operators/onnx__GRU.html>
//! and <https://onnx.ai/onnx/operators/onnx__LSTM.html>.
//! Inputs, with D directions (1 or 2) and G gates (1, 3, 4): x `[T, B, I]`, weights `[D, G * H, I]`,
//! recurrent weights `[D, G * H, H]`; optionally a bias `[D, 2 * G * H]`, the length of each sequence, int32
//! `[B]`, the initial state `[D, B, H]`, and for LSTM the initial cell `[D, B, H]` and peepholes `[D, 3 *
//! H]`. f16, float or double. Outputs: all states `[T, D, B, H]`, zero after the end of a sequence; the last
//! state and, for LSTM, cell `[D, B, H]`. With `layout` 1 the batch is the first axis. Computed as float,
//! doubles as doubles. tract's operators know only the activations and the direction that ONNX presumes,
//! ignore the rest, and need to know the size of the batch; they are used where that is all there is.
//! Errors: an unknown direction or activation, shapes that do not fit each other.

use tract_ndarray::linalg::general_mat_mul;
use tract_ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_num_traits::{AsPrimitive, Float};
use tract_onnx::tract_hir::internal::*;

use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements, optional};
use crate::upstream;

pub(super) fn recurrent(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let (cell, defaults): (Cell, &[&str]) = match &*node.op_type {
        "RNN" => (Cell::Rnn, &["Tanh"]),
        "GRU" => (Cell::Gru, &["Sigmoid", "Tanh"]),
        _ => (Cell::Lstm, &["Sigmoid", "Tanh", "Tanh"]),
    };
    let (directions, reverse) = match node.get_attr_opt("direction")?.unwrap_or("forward") {
        "forward" => (1, false),
        "reverse" => (1, true),
        "bidirectional" => (2, false),
        other => bail!("expected the direction forward, reverse or bidirectional, got {other}"),
    };
    let named = attributes::strings(node, "activations")?;
    ensure!(
        named.is_empty() || named.len() == directions * defaults.len(),
        "expected {} activations, got {named:?}",
        directions * defaults.len()
    );
    let presumed =
        named.iter().zip(defaults.iter().cycle()).all(|(name, usual)| name.eq_ignore_ascii_case(usual));
    let mut parameters =
        [attributes::floats(node, "activation_alpha")?, attributes::floats(node, "activation_beta")?]
            .map(Vec::into_iter);
    let activations = if named.is_empty() {
        let usual = defaults.iter().cycle().take(directions * defaults.len());
        usual.map(|name| Activation::read(name, &mut parameters)).collect::<TractResult<Vec<_>>>()?
    } else {
        named.iter().map(|name| Activation::read(name, &mut parameters)).collect::<TractResult<Vec<_>>>()?
    };
    let clip = node.get_attr_opt::<f32>("clip")?.filter(|clip| *clip > 0.0);
    let flag = |name: &str| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
    let kernel = Recurrent {
        cell,
        directions,
        reverse,
        activations,
        clip,
        linear_before_reset: flag("linear_before_reset")?,
        coupled: flag("input_forget")?,
        batch_first: flag("layout")?,
    };
    let with_lengths = node.input.get(4).is_some_and(|name| !name.is_empty());
    if presumed && !reverse && clip.is_none() && !kernel.coupled && !with_lengths {
        let suits = if kernel.batch_first { suits_batch_first } else { suits };
        return upstream::build_if(ctx, node, suits, kernel);
    }
    kernel::wire(ctx, node, kernel)
}

fn suits(inputs: &[TypedFact]) -> bool {
    suits_with_batch(inputs, 1)
}

fn suits_batch_first(inputs: &[TypedFact]) -> bool {
    suits_with_batch(inputs, 0)
}

fn suits_with_batch(inputs: &[TypedFact], axis: usize) -> bool {
    let known =
        |fact: &TypedFact, axis: usize| fact.shape.dims().get(axis).is_some_and(|dim| dim.to_usize().is_ok());
    inputs.iter().all(|fact| fact.datum_type == f32::datum_type())
        && inputs.first().is_some_and(|x| x.rank() == 3 && known(x, axis))
        && inputs.get(2).is_some_and(|weights| weights.rank() == 3 && known(weights, 2))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Rnn,
    Gru,
    Lstm,
}

#[derive(Debug)]
struct Recurrent {
    cell: Cell,
    directions: usize,
    reverse: bool,
    /// As many for each direction.
    activations: Vec<Activation>,
    clip: Option<f32>,
    linear_before_reset: bool,
    /// Whether the forget gate of an LSTM is what the input gate leaves.
    coupled: bool,
    batch_first: bool,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }
}

impl Kernel for Recurrent {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, weights, recurrent] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        ensure!(
            x.rank() == 3 && weights.rank() == 3 && recurrent.rank() == 3,
            "expected an input and weights of rank 3, got {:?}, {:?} and {:?}",
            x.shape,
            weights.shape,
            recurrent.shape
        );
        let [directions, hidden] = [self.directions.to_dim(), recurrent.shape[2].clone()];
        let [states, last] = if self.batch_first {
            let [batch, time] = [x.shape[0].clone(), x.shape[1].clone()];
            [tvec!(batch.clone(), time, directions.clone(), hidden.clone()), tvec!(batch, directions, hidden)]
        } else {
            let [time, batch] = [x.shape[0].clone(), x.shape[1].clone()];
            [tvec!(time, directions.clone(), batch.clone(), hidden.clone()), tvec!(directions, batch, hidden)]
        };
        let fact = |shape: TVec<TDim>| x.datum_type.fact(shape);
        Ok(tvec!(fact(states), fact(last.clone()), fact(last)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        match x.datum_type() {
            DatumType::F64 => self.compute::<f64>(&inputs),
            _ => self.compute::<f32>(&inputs),
        }
    }
}

impl Recurrent {
    fn compute<C>(&self, inputs: &[Option<TValue>]) -> TractResult<TVec<Tensor>>
    where
        C: Datum + Float + LinalgScalar,
        f32: AsPrimitive<C>,
    {
        let [x, weights, recurrent] = kernel::required(inputs)?;
        let dt = x.datum_type();
        let time_first = |tensor: &Tensor| -> TractResult<Tensor> {
            let tensor = tensor.cast_to::<C>()?.into_owned();
            if self.batch_first && tensor.rank() == 3 { tensor.permute_axes(&[1, 0, 2]) } else { Ok(tensor) }
        };
        let x = time_first(x)?;
        let (&[time, batch, width], &[directions, _, hidden]) = (x.shape(), recurrent.shape()) else {
            bail!("expected an input and weights of rank 3, got {:?} and {:?}", x.shape(), recurrent.shape())
        };
        let rows = self.cell.gates().checked_mul(hidden).context("expected fewer gates")?;
        let fits = |what: &str, tensor: &Tensor, shape: &[usize]| {
            ensure!(tensor.shape() == shape, "expected {what} {shape:?}, got {:?}", tensor.shape());
            Ok(())
        };
        ensure!(
            directions == self.directions,
            "expected weights for {} directions, got {directions}",
            self.directions
        );
        fits("weights", weights, &[directions, rows, width])?;
        fits("recurrent weights", recurrent, &[directions, rows, hidden])?;
        let parameter = |what: &str, ix: usize, shape: &[usize]| -> TractResult<Tensor> {
            let Some(given) = optional(inputs, ix) else { return Tensor::zero::<C>(shape) };
            fits(what, given, shape)?;
            Ok(given.cast_to::<C>()?.into_owned())
        };
        let state = |what: &str, ix: usize| -> TractResult<Tensor> {
            let shape = [directions, batch, hidden];
            let Some(given) = optional(inputs, ix) else { return Tensor::zero::<C>(&shape) };
            let given = time_first(given)?;
            fits(what, &given, &shape)?;
            Ok(given)
        };
        let bias = parameter("a bias", 3, &[directions, 2 * rows])?;
        let lengths = optional(inputs, 4).map(|lengths| lengths.cast_to::<i64>()).transpose()?;
        let lengths: Vec<usize> = match &lengths {
            Some(lengths) => {
                fits("lengths", lengths, &[batch])?;
                elements::<i64>(lengths)?.iter().map(|len| (*len).clamp(0, time as i64) as usize).collect()
            }
            None => vec![time; batch],
        };
        let mut last = state("an initial state", 5)?;
        let lstm = self.cell == Cell::Lstm;
        let mut cells = if lstm { state("an initial cell", 6)? } else { Tensor::zero::<C>(last.shape())? };
        let peepholes = parameter("peepholes", if lstm { 7 } else { usize::MAX }, &[directions, 3 * hidden])?;
        let [weights, recurrent] = [weights.cast_to::<C>()?, recurrent.cast_to::<C>()?];

        let mut states = Tensor::zero::<C>(&[time, directions, batch, hidden])?;
        if states.len() > 0 {
            let mut all = states.try_as_plain_ram_mut()?;
            let all = all.as_slice_mut::<C>()?;
            let mut last = last.try_as_plain_ram_mut()?;
            let mut cells = cells.try_as_plain_ram_mut()?;
            let states = last.as_slice_mut::<C>()?.chunks_exact_mut(batch * hidden);
            let cells = cells.as_slice_mut::<C>()?.chunks_exact_mut(batch * hidden);
            for (direction, (state, cell)) in states.zip(cells).enumerate() {
                let part = |of: &'_ Tensor| -> TractResult<Vec<C>> {
                    let len = of.len() / directions;
                    Ok(elements::<C>(of)?[direction * len..][..len].to_vec())
                };
                let (weights, recurrent, bias) = (part(&weights)?, part(&recurrent)?, part(&bias)?);
                let bias = bias.split_at(rows);
                // What the inputs add to the gates, for all steps at once.
                let mut gates: Vec<C> = Vec::with_capacity(time * batch * rows);
                (0..time * batch).for_each(|_| gates.extend_from_slice(bias.0));
                add_product(elements::<C>(&x)?, &weights, width, &mut gates);
                let mut step = Step {
                    of: self,
                    activations: &self.activations[direction * self.activations.len() / directions..],
                    hidden,
                    recurrent: &recurrent,
                    bias: bias.1,
                    peepholes: &part(&peepholes)?,
                    scratch: vec![C::zero(); batch * rows],
                };
                let backward = self.reverse || direction == 1;
                for t in 0..time {
                    step.prepare(state);
                    for (b, len) in lengths.iter().enumerate().filter(|(_, len)| t < **len) {
                        let at = if backward { len - 1 - t } else { t };
                        let gates = &gates[(at * batch + b) * rows..][..rows];
                        let within = b * hidden..(b + 1) * hidden;
                        step.take(b, gates, &mut state[within.clone()], &mut cell[within.clone()]);
                        let out = ((at * directions + direction) * batch + b) * hidden;
                        all[out..][..hidden].copy_from_slice(&state[within]);
                    }
                }
            }
        }
        if self.batch_first {
            states = states.permute_axes(&[2, 0, 1, 3])?;
            last = last.permute_axes(&[1, 0, 2])?;
            cells = cells.permute_axes(&[1, 0, 2])?;
        }
        [states, last, cells].into_iter().map(|tensor| Ok(tensor.cast_to_dt(dt)?.into_owned())).collect()
    }
}

/// Adds to the rows of `sums` the rows of `left` times the transposed `right`; all rows but those of `sums`
/// are `width` long.
fn add_product<C: LinalgScalar>(left: &[C], right: &[C], width: usize, sums: &mut [C]) {
    if width == 0 || sums.is_empty() {
        return;
    }
    let (m, n) = (left.len() / width, right.len() / width);
    let views = (
        ArrayView2::from_shape((m, width), left),
        ArrayView2::from_shape((n, width), right),
        ArrayViewMut2::from_shape((m, n), sums),
    );
    if let (Ok(left), Ok(right), Ok(mut sums)) = views {
        general_mat_mul(C::one(), &left, &right.t(), C::one(), &mut sums);
    }
}

/// One direction, and room for what its states add to the gates.
struct Step<'a, C> {
    of: &'a Recurrent,
    activations: &'a [Activation],
    hidden: usize,
    recurrent: &'a [C],
    bias: &'a [C],
    peepholes: &'a [C],
    scratch: Vec<C>,
}

impl<C: LinalgScalar + Float> Step<'_, C>
where
    f32: AsPrimitive<C>,
{
    /// Computes what the states of all sequences add to the gates.
    fn prepare(&mut self, states: &[C]) {
        self.scratch.chunks_exact_mut(self.bias.len()).for_each(|row| row.copy_from_slice(self.bias));
        add_product(states, self.recurrent, self.hidden, &mut self.scratch);
    }

    fn activate(&self, which: usize, x: C) -> C {
        let x = match self.of.clip {
            Some(clip) => x.max((-clip).as_()).min(clip.as_()),
            None => x,
        };
        self.activations[which].apply(x)
    }

    /// Changes the state and cell of the sequence `b` by a step, to whose `gates` its input adds.
    fn take(&self, b: usize, gates: &[C], state: &mut [C], cell: &mut [C]) {
        let hidden = self.hidden;
        let own = &self.scratch[b * self.bias.len()..][..self.bias.len()];
        let gate = |which: usize, i: usize| gates[which * hidden + i] + own[which * hidden + i];
        match self.of.cell {
            Cell::Rnn => {
                for (i, state) in state.iter_mut().enumerate() {
                    *state = self.activate(0, gate(0, i));
                }
            }
            Cell::Gru => {
                let update: Vec<C> = (0..hidden).map(|i| self.activate(0, gate(0, i))).collect();
                let reset = (0..hidden).map(|i| self.activate(0, gate(1, i)));
                let candidate: Vec<C> = if self.of.linear_before_reset {
                    reset.enumerate().map(|(i, r)| gates[2 * hidden + i] + r * own[2 * hidden + i]).collect()
                } else {
                    let kept: Vec<C> = reset.zip(&*state).map(|(r, state)| r * *state).collect();
                    let mut sums: Vec<C> =
                        (0..hidden).map(|i| gates[2 * hidden + i] + self.bias[2 * hidden + i]).collect();
                    add_product(&kept, &self.recurrent[2 * hidden * hidden..], hidden, &mut sums);
                    sums
                };
                for ((state, update), candidate) in state.iter_mut().zip(update).zip(candidate) {
                    *state = (C::one() - update) * self.activate(1, candidate) + update * *state;
                }
            }
            Cell::Lstm => {
                let peephole = |which: usize, i: usize| self.peepholes[which * hidden + i];
                for i in 0..hidden {
                    let input = self.activate(0, gate(0, i) + peephole(0, i) * cell[i]);
                    let forget = if self.of.coupled {
                        C::one() - input
                    } else {
                        self.activate(0, gate(2, i) + peephole(2, i) * cell[i])
                    };
                    cell[i] = forget * cell[i] + input * self.activate(1, gate(3, i));
                    let output = self.activate(0, gate(1, i) + peephole(1, i) * cell[i]);
                    state[i] = output * self.activations[2].apply(cell[i]);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Activation {
    Affine(f32, f32),
    Elu(f32),
    HardSigmoid(f32, f32),
    LeakyRelu(f32),
    Relu,
    ScaledTanh(f32, f32),
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu(f32),
}

impl Activation {
    /// Takes the next of the alphas and betas if the function has such a parameter.
    fn read(name: &str, [alphas, betas]: &mut [std::vec::IntoIter<f32>; 2]) -> TractResult<Self> {
        let mut alpha = |default: f32| alphas.next().unwrap_or(default);
        let mut beta = |default: f32| betas.next().unwrap_or(default);
        Ok(match &*name.to_ascii_lowercase() {
            "affine" => Self::Affine(alpha(1.0), beta(0.0)),
            "elu" => Self::Elu(alpha(1.0)),
            "hardsigmoid" => Self::HardSigmoid(alpha(0.2), beta(0.5)),
            "leakyrelu" => Self::LeakyRelu(alpha(0.01)),
            "relu" => Self::Relu,
            "scaledtanh" => Self::ScaledTanh(alpha(1.0), beta(1.0)),
            "sigmoid" => Self::Sigmoid,
            "softplus" => Self::Softplus,
            "softsign" => Self::Softsign,
            "tanh" => Self::Tanh,
            "thresholdedrelu" => Self::ThresholdedRelu(alpha(1.0)),
            _ => bail!("expected an activation that ONNX names, got {name}"),
        })
    }

    fn apply<C: Float + 'static>(self, x: C) -> C
    where
        f32: AsPrimitive<C>,
    {
        let [zero, one] = [C::zero(), C::one()];
        match self {
            Self::Affine(alpha, beta) => alpha.as_() * x + beta.as_(),
            Self::Elu(alpha) if x < zero => alpha.as_() * x.exp_m1(),
            Self::LeakyRelu(alpha) if x < zero => alpha.as_() * x,
            Self::Elu(_) | Self::LeakyRelu(_) => x,
            Self::HardSigmoid(alpha, beta) => (alpha.as_() * x + beta.as_()).max(zero).min(one),
            Self::Relu => x.max(zero),
            Self::ScaledTanh(alpha, beta) => alpha.as_() * (beta.as_() * x).tanh(),
            Self::Sigmoid => one / (one + (-x).exp()),
            // Of a large x the exponential is infinite, and the logarithm x.
            Self::Softplus => x.max(zero) + (-x.abs()).exp().ln_1p(),
            Self::Softsign => x / (one + x.abs()),
            Self::Tanh => x.tanh(),
            Self::ThresholdedRelu(alpha) => {
                if x > alpha.as_() {
                    x
                } else {
                    zero
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        compute, expect, float, floats, int, model_of, node, run_model_on, string, strings,
    };
    use tract_onnx::pb::AttributeProto;

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
        let attributes = vec![
            strings("activations", &["LeakyRelu"]),
            floats("activation_alpha", &[0.5]),
            float("clip", 2.0),
        ];
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
        let attributes =
            vec![strings("activations", &["Affine", "Affine", "Affine"]), int("input_forget", 1)];
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
}
