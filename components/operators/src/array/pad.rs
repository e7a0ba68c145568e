//! `ai.onnx.Pad`: upstream's, or where pads or values are computed at run time, an own one.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Pad.html>.
//! Inputs: any type, pads as int64 (begins, then ends), a value of the same type and the axes that the pads are for.
//! Output: as the first input, longer, or shorter where pads are negative. Modes: constant, reflect, edge and wrap; they
//! see what negative pads leave. Errors: more or fewer pads than axes, nothing to reflect or repeat.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{NONE, axis, pick_along, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(crate) fn pad(ctx: &ParsingContext, node: &NodeProto) -> Built {
    // Before, pads were attributes.
    if ctx.onnx_operator_set_version < 11 {
        return upstream::build(ctx, node);
    }
    let mode = match node.get_attr_opt("mode")?.unwrap_or("constant") {
        "constant" => Mode::Constant,
        "reflect" => Mode::Reflect,
        "edge" => Mode::Edge,
        "wrap" => return kernel::wire(ctx, node, Pad { mode: Mode::Wrap }),
        other => bail!("expected the mode constant, reflect, edge or wrap, got {other:?}"),
    };
    let fits = if mode == Mode::Constant { fits } else { fits_repeating };
    upstream::build_or(ctx, node, fits, Pad { mode })
}

/// Upstream pads with what is known; what is taken away it does not know.
fn fits(inputs: &[Option<&TypedFact>]) -> bool {
    let [Some(x), Some(pads), ..] = inputs else { return false };
    let (Some(pads), value, axes) =
        (kernel::ints_of(pads), kernel::optional(inputs, 2), kernel::optional(inputs, 3))
    else {
        return false;
    };
    let known = axes.and_then(known_axes);
    upstream::are_known(inputs, &[2, 3])
        && value.is_none_or(|value| value.shape.is_empty())
        && pads.iter().all(|pad| pad.to_i64().map_or(true, |pad| pad >= 0))
        && x.datum_type != String::datum_type()
        && axes.is_some() == known.is_some()
        && per_axis(x.shape.len(), &pads, known.as_deref()).is_ok()
}

/// As [`fits`], for the modes that need elements to pad with: upstream panics where there are not enough.
fn fits_repeating(inputs: &[Option<&TypedFact>]) -> bool {
    let [Some(x), Some(pads), ..] = inputs else { return false };
    let most =
        kernel::ints_of(pads).and_then(|pads| pads.iter().map(|pad| pad.to_i64().ok()).max().flatten());
    let enough = |len: &TDim| len.to_i64().is_ok_and(|len| most.is_some_and(|most| most < len));
    let padded = pads.konst.as_deref().and_then(|pads| elements::<i64>(pads).ok());
    let is_padded = |axis: usize| {
        padded.is_none_or(|pads| pads.iter().skip(axis).step_by(x.shape.len()).any(|pad| *pad != 0))
    };
    fits(inputs)
        && inputs.len() < 4
        && x.shape.iter().enumerate().all(|(axis, len)| !is_padded(axis) || enough(len))
}

#[derive(Debug)]
struct Pad {
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Constant,
    Reflect,
    Edge,
    Wrap,
}

/// For each of `axes` (all where there are none) its number and its two pads.
fn per_axis<P: Clone>(rank: usize, pads: &[P], axes: Option<&[i64]>) -> TractResult<Vec<(usize, P, P)>> {
    let axes = match axes {
        None => (0..rank).collect(),
        Some(axes) => axes.iter().map(|ix| axis(*ix, rank)).collect::<TractResult<Vec<_>>>()?,
    };
    ensure!(pads.len() == 2 * axes.len(), "expected {} pads, 2 per axis, got {}", 2 * axes.len(), pads.len());
    let (begins, ends) = pads.split_at(axes.len());
    Ok(axes
        .into_iter()
        .zip(begins.iter().cloned().zip(ends.iter().cloned()))
        .map(|(ix, (b, e))| (ix, b, e))
        .collect())
}

fn known_axes(axes: &TypedFact) -> Option<Vec<i64>> {
    kernel::ints_of(axes)?.iter().map(|axis| axis.to_i64().ok()).collect()
}

impl Mode {
    /// Which element of `0..len` each place of the output has.
    fn sources(self, len: usize, begin: i64, end: i64) -> TractResult<Vec<usize>> {
        let cut = |pad: i64| usize::try_from(pad.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let (from, to) = (cut(begin), len.saturating_sub(cut(end)));
        let to_pad = (begin.max(0) as u64).saturating_add(end.max(0) as u64);
        ensure!(from <= to, "expected pads that leave something of {len} elements, got {begin} and {end}");
        let kept = (to - from) as i64;
        let total = usize::try_from((kept as u64).saturating_add(to_pad)).unwrap_or(usize::MAX);
        volume(&[total], size_of::<usize>())?;
        ensure!(self == Self::Constant || kept > 0 || to_pad == 0, "expected elements to pad with, got none");
        let source = |place: i64| {
            let at = place - begin.max(0);
            let inside = match self {
                Self::Constant if !(0..kept).contains(&at) => return NONE,
                Self::Constant => at,
                Self::Edge => at.clamp(0, kept - 1),
                Self::Wrap => at.rem_euclid(kept),
                Self::Reflect if kept == 1 => 0,
                Self::Reflect => {
                    let back = at.rem_euclid(2 * (kept - 1));
                    back.min(2 * (kept - 1) - back)
                }
            };
            from + inside as usize
        };
        Ok((0..total as i64).map(source).collect())
    }
}

impl Kernel for Pad {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, pads] = kernel::required(inputs)?;
        kernel::accept("the pads", pads, &[DatumType::I64])?;
        if let Some(value) = kernel::optional(inputs, 2) {
            kernel::accept("the value", value, &[x.datum_type])?;
        }
        let axes = kernel::optional(inputs, 3);
        let known = axes.map(known_axes);
        let mut shape = x.shape.to_tvec();
        match (kernel::ints_of(pads), known) {
            (_, Some(None)) => (0..shape.len()).for_each(|axis| shape[axis] = lengths.unknown(0, axis)),
            (Some(pads), known) => {
                for (axis, begin, end) in per_axis(shape.len(), &pads, known.flatten().as_deref())? {
                    shape[axis] = shape[axis].clone() + begin + end;
                }
            }
            (None, known) => {
                let axes = known.flatten().unwrap_or_else(|| (0..shape.len() as i64).collect());
                for ix in axes {
                    let axis = axis(ix, shape.len())?;
                    shape[axis] = lengths.unknown(0, axis);
                }
            }
        }
        Ok(tvec!(kernel::fact(x.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, pads] = kernel::required(&inputs)?;
        let axes = kernel::optional(&inputs, 3).map(|axes| axes.cast_to::<i64>()).transpose()?;
        let axes = axes.as_ref().map(|axes| elements::<i64>(axes)).transpose()?;
        let mut maps: Vec<Vec<usize>> = x.shape().iter().map(|len| (0..*len).collect()).collect();
        for (axis, begin, end) in per_axis(x.rank(), elements::<i64>(pads)?, axes)? {
            maps[axis] = self.mode.sources(x.shape()[axis], begin, end)?;
        }
        Ok(tvec!(pick_along(x, &maps, kernel::optional(&inputs, 2))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn pad(mode: &str) -> NodeProto {
        node("", "Pad", vec![string("mode", mode)])
    }

    fn inputs(pads: &[i64]) -> [Option<Tensor>; 2] {
        [Some(tensor1(&[1f32, 2., 3.])), Some(tensor1(pads))]
    }

    #[test]
    fn every_mode_pads_at_run_time() {
        expect(pad("constant"), &inputs(&[1, 2]), &[tensor1(&[0f32, 1., 2., 3., 0., 0.])]);
        expect(pad("edge"), &inputs(&[1, 2]), &[tensor1(&[1f32, 1., 2., 3., 3., 3.])]);
        expect(pad("reflect"), &inputs(&[1, 2]), &[tensor1(&[2f32, 1., 2., 3., 2., 1.])]);
        expect(pad("wrap"), &inputs(&[1, 4]), &[tensor1(&[3f32, 1., 2., 3., 1., 2., 3., 1.])]);
    }

    #[test]
    fn negative_pads_take_away() {
        expect(pad("constant"), &inputs(&[-1, 1]), &[tensor1(&[2f32, 3., 0.])]);
        expect(pad("edge"), &inputs(&[2, -2]), &[tensor1(&[1f32, 1., 1.])]);
    }

    #[test]
    fn axes_and_values_are_inputs() {
        let x = tensor2(&[[1i64, 2]]);
        let all = [Some(x), Some(tensor1(&[1i64, 0])), Some(tensor0(7i64)), Some(tensor1(&[-1i32]))];
        expect(pad("constant"), &all, &[tensor2(&[[7i64, 1, 2]])]);
    }

    #[test]
    fn pads_that_cannot_be_are_refused() {
        let refused =
            |mode: &str, pads: &[i64]| format!("{:#}", compute(pad(mode), &inputs(pads)).unwrap_err());
        assert!(refused("constant", &[1]).contains("expected 2 pads, 2 per axis, got 1"));
        assert!(refused("constant", &[-2, -2]).contains("leave something"));
        assert!(refused("constant", &[i64::MAX, i64::MAX]).contains("less than 2 GiB"));
        assert!(refused("edge", &[-3, 1]).contains("elements to pad with"));
    }
}
