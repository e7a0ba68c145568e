//! `ai.onnx.Pad`: adds elements before and after the axes, or takes them away.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Pad.html>.
//! Inputs: data of any type; for each axis how many elements to add before it, then for each how many after
//! it, int64; optionally the constant to add, else 0, and the axes that are meant, else all. The mode
//! `constant` adds that, `edge` repeats the first and last element, `reflect` mirrors at them, and `wrap`
//! starts over at the other end. tract lacks the mode `wrap`, bools and strings, a constant that is a vector
//! of one, and what only the run tells; it is used for the rest, and before opset 11.
//! Errors: lists of other lengths, axes out of range, results too large, nothing to repeat.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::choice;
use crate::kernel::{self, Built, Kernel, Lengths, elements, optional};

pub(super) fn pad(ctx: &ParsingContext, node: &NodeProto) -> Built {
    if ctx.onnx_operator_set_version < 11 {
        return choice::upstream(ctx, node);
    }
    let mode = match node.get_attr_opt("mode")?.unwrap_or("constant") {
        "constant" => Mode::Constant,
        "edge" => Mode::Edge,
        "reflect" => Mode::Reflect,
        "wrap" => return kernel::wire(ctx, node, Pad { mode: Mode::Wrap }),
        other => bail!("expected the mode constant, edge, reflect or wrap, got {other}"),
    };
    let constant = node.input.get(2).is_some_and(|name| !name.is_empty());
    let suits = move |inputs: &[TypedFact]| {
        let Some((data, rest)) = inputs.split_first() else { return true };
        rest.iter().all(|fact| fact.konst.is_some())
            && ![DatumType::Bool, DatumType::String].contains(&data.datum_type)
            && !(constant && rest.get(1).is_some_and(|constant| constant.rank() > 0))
    };
    choice::upstream_if(ctx, node, suits, Pad { mode })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

#[derive(Debug)]
struct Pad {
    mode: Mode,
}

impl Pad {
    /// How many elements go before and after each axis.
    fn sides(&self, rank: usize, pads: &[i64], axes: Option<&[i64]>) -> TractResult<Vec<[i64; 2]>> {
        let all: Vec<i64>;
        let axes = match axes {
            Some(axes) => axes,
            None => {
                all = (0..rank as i64).collect();
                &all
            }
        };
        ensure!(
            Some(pads.len()) == axes.len().checked_mul(2),
            "expected two pads for each of {} axes, got {}",
            axes.len(),
            pads.len()
        );
        let mut sides = vec![[0; 2]; rank];
        for (ix, axis) in axes.iter().enumerate() {
            let from_start = if *axis < 0 { axis.saturating_add(rank as i64) } else { *axis };
            let side = usize::try_from(from_start).ok().and_then(|axis| sides.get_mut(axis));
            *side.with_context(|| format!("expected an axis of an input of rank {rank}, got {axis}"))? =
                [pads[ix], pads[ix + axes.len()]];
        }
        Ok(sides)
    }

    /// For each index of the padded axis the one that it is a copy of.
    fn sources(&self, len: usize, [before, after]: [i64; 2]) -> TractResult<Vec<Option<usize>>> {
        let padded = (len as i64).checked_add(before).and_then(|sum| sum.checked_add(after));
        let padded = padded.filter(|padded| (0..=i64::from(i32::MAX)).contains(padded));
        let padded =
            padded.with_context(|| format!("expected pads for {len} elements, got {before} and {after}"))?;
        let len = len as i64;
        ensure!(len > 0 || padded == 0 || self.mode == Mode::Constant, "expected elements to repeat");
        let source = |ix: i64| {
            let ix = ix - before;
            if (0..len).contains(&ix) {
                return Some(ix as usize);
            }
            let copied = match self.mode {
                Mode::Constant => return None,
                Mode::Edge => ix.clamp(0, len - 1),
                Mode::Reflect => {
                    let period = (2 * (len - 1)).max(1);
                    let there = ix.rem_euclid(period);
                    there.min(period - there).min(len - 1)
                }
                Mode::Wrap => ix.rem_euclid(len),
            };
            Some(copied as usize)
        };
        Ok((0..padded).map(source).collect())
    }
}

impl Kernel for Pad {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [data, pads] = kernel::required(inputs)?;
        let numbers = |fact: &TypedFact| {
            let numbers = kernel::ints_of(fact)?;
            numbers.iter().map(|number| number.to_i64().ok()).collect::<Option<Vec<_>>>()
        };
        let axes = match optional(inputs, 3) {
            Some(axes) => numbers(axes).map(Some),
            None => Some(None),
        };
        let shape: TVec<TDim> = match (numbers(pads), axes) {
            (Some(pads), Some(axes)) => {
                let sides = self.sides(data.rank(), &pads, axes.as_deref())?;
                data.shape
                    .iter()
                    .zip(sides)
                    .map(|(len, [before, after])| len.clone() + before + after)
                    .collect()
            }
            _ => (0..data.rank()).map(|axis| lengths.unknown(0, axis)).collect(),
        };
        Ok(tvec!(data.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [data, pads] = kernel::required(&inputs)?;
        let dt = data.datum_type();
        let axes = optional(&inputs, 3).map(|axes| axes.cast_to::<i64>()).transpose()?;
        let axes = axes.as_ref().map(|axes| elements::<i64>(axes)).transpose()?;
        let sides = self.sides(data.rank(), elements::<i64>(pads)?, axes)?;
        let sources = data.shape().iter().zip(sides).map(|(len, sides)| self.sources(*len, sides));
        let sources = sources.collect::<TractResult<Vec<_>>>()?;
        let constant = match optional(&inputs, 2) {
            Some(constant) => {
                ensure!(
                    constant.len() == 1 && constant.datum_type() == dt,
                    "expected one constant of type {dt:?}, got {constant:?}"
                );
                constant.clone()
            }
            None if dt == String::datum_type() => tensor0(String::new()),
            None => Tensor::zero_scalar_dt(dt)?,
        };
        Ok(tvec!(dispatch_datum!(padded(dt)(data, &sources, &constant))?))
    }
}

fn padded<T: Datum>(data: &Tensor, sources: &[Vec<Option<usize>>], constant: &Tensor) -> TractResult<Tensor> {
    let [constant] = elements::<T>(constant)? else { bail!("expected one constant") };
    let shape: TVec<usize> = sources.iter().map(Vec::len).collect();
    let len = shape.iter().try_fold(1usize, |len, axis| len.checked_mul(*axis));
    let len = len.filter(|len| *len <= i32::MAX as usize).context("expected a smaller result")?;
    let data_shape = data.shape();
    let data = elements::<T>(data)?;
    let mut at: TVec<usize> = tvec![0; shape.len()];
    let mut padded = Vec::with_capacity(len);
    for _ in 0..len {
        let mut axes = at.iter().zip(sources).zip(data_shape);
        let place = axes.try_fold(0, |place, ((at, sources), len)| Some(place * len + sources[*at]?));
        padded.push(place.map_or(constant, |place| &data[place]).clone());
        for (at, len) in at.iter_mut().zip(&shape).rev() {
            *at += 1;
            if at != len {
                break;
            }
            *at = 0;
        }
    }
    kernel::tensor_of(&shape, padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn pad(mode: &str) -> NodeProto {
        node("", "Pad", vec![string("mode", mode)])
    }

    #[test]
    fn each_mode_goes_on_in_its_way() {
        let inputs = [Some(tensor1(&[1u8, 2, 3])), Some(tensor1(&[2i64, 4]))];
        expect(pad("wrap"), &inputs, &[tensor1(&[2u8, 3, 1, 2, 3, 1, 2, 3, 1])]);
        expect(pad("reflect"), &inputs, &[tensor1(&[3u8, 2, 1, 2, 3, 2, 1, 2, 3])]);
        expect(pad("edge"), &inputs, &[tensor1(&[1u8, 1, 1, 2, 3, 3, 3, 3, 3])]);
        expect(pad("constant"), &inputs, &[tensor1(&[0u8, 0, 1, 2, 3, 0, 0, 0, 0])]);
    }

    #[test]
    fn axes_are_chosen_and_cut() {
        let inputs = [
            Some(tensor2(&[[true, true, true], [true, true, true]])),
            Some(tensor1(&[-1i64, 1])),
            Some(tensor1(&[false])),
            Some(tensor1(&[-1i32])),
        ];
        let row = [true, true, false];
        expect(pad("constant"), &inputs, &[tensor2(&[row, row])]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |mode: &str, x: Tensor, pads: &[i64], expected: &str| {
            let error = format!("{:#}", compute(pad(mode), &[Some(x), Some(tensor1(pads))]).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        let x = || tensor1(&[1f32]);
        refused("mirror", x(), &[1, 1], "got mirror");
        refused("wrap", x(), &[1], "expected two pads for each of 1 axes, got 1");
        refused("wrap", x(), &[-1, -1], "expected pads for 1 elements");
        refused("wrap", x(), &[i64::MAX, 1], "expected pads for 1 elements");
        refused("wrap", Tensor::zero::<f32>(&[0]).unwrap(), &[1, 0], "expected elements to repeat");
    }
}
