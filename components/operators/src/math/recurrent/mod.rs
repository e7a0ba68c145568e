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

mod activation;
mod step;
#[cfg(test)]
mod tests;

use tract_ndarray::LinalgScalar;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_num_traits::{AsPrimitive, Float};
use tract_onnx::tract_hir::internal::*;

use self::activation::Activation;
use self::step::{Step, add_product};
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
