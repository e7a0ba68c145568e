//! `ai.onnx.Slice`: upstream's where its bounds are known before the run, an own one else.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Slice.html>.
//! Inputs: any type, and as int32 or int64 lists of one length the starts, ends, axes (the first ones where they are
//! absent) and steps (1). Output: as the first input, of other lengths. Bounds below 0 count from the end, and those
//! beyond are the last. Errors: lists of different lengths, steps of 0, an axis that the input does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{axis, pick_along};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(crate) fn slice(ctx: &ParsingContext, node: &NodeProto) -> Built {
    // Before, bounds were attributes.
    if ctx.onnx_operator_set_version < 10 {
        return upstream::build(ctx, node);
    }
    upstream::build_or(ctx, node, fits, Slice)
}

fn fits(inputs: &[Option<&TypedFact>]) -> bool {
    upstream::are_known(inputs, &[1, 2, 3, 4]) && check(inputs).is_ok()
}

/// Refuses what is known before the run and upstream panics on.
fn check(inputs: &[Option<&TypedFact>]) -> TractResult<()> {
    let [x] = kernel::required(inputs)?;
    let known = |ix: usize| kernel::optional(inputs, ix).and_then(kernel::ints_of).unwrap_or_default();
    for ix in known(3).iter().filter_map(|ix| ix.to_i64().ok()) {
        axis(ix, x.shape.len())?;
    }
    ensure!(
        known(4).iter().all(|step| !step.to_i64().is_ok_and(|step| step == 0)),
        "expected steps other than 0"
    );
    Ok(())
}

#[derive(Debug)]
struct Slice;

/// The places of `start..end` by `step` in an axis of `len`.
fn places(len: usize, start: i64, end: i64, step: i64) -> TractResult<Vec<usize>> {
    ensure!(step != 0, "expected steps other than 0");
    let len = len as i64;
    let bound = |bound: i64, least: i64, most: i64| {
        let counted = if bound < 0 { bound.saturating_add(len) } else { bound };
        counted.clamp(least, most)
    };
    let by = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(if step > 0 {
        let (start, end) = (bound(start, 0, len), bound(end, 0, len));
        (start..end.max(start)).step_by(by).map(|place| place as usize).collect()
    } else {
        let (start, end) = (bound(start, -1, len - 1), bound(end, -1, len - 1));
        (end.min(start) + 1..=start).rev().step_by(by).map(|place| place as usize).collect()
    })
}

impl Kernel for Slice {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, starts, ends] = kernel::required(inputs)?;
        check(inputs)?;
        for bounds in [starts, ends] {
            kernel::accept("the bounds", bounds, &[DatumType::I32, DatumType::I64])?;
        }
        let mut shape = x.shape.to_tvec();
        let count = starts.shape.volume().to_usize().unwrap_or(shape.len());
        let axes = match kernel::optional(inputs, 3) {
            None => Some((0..count as i64).collect()),
            Some(axes) => kernel::ints_of(axes)
                .and_then(|axes| axes.iter().map(|axis| axis.to_i64().ok()).collect::<Option<Vec<_>>>()),
        };
        for ix in axes.unwrap_or_else(|| (0..shape.len() as i64).collect()) {
            let axis = axis(ix, shape.len())?;
            shape[axis] = lengths.unknown(0, axis);
        }
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, starts, ends] = kernel::required(&inputs)?;
        let ints = |list: &Tensor| -> TractResult<Vec<i64>> {
            Ok(elements::<i64>(&*list.cast_to::<i64>()?)?.to_vec())
        };
        let (starts, ends) = (ints(starts)?, ints(ends)?);
        let count = starts.len();
        let axes = kernel::optional(&inputs, 3).map_or_else(|| Ok((0..count as i64).collect()), ints)?;
        let steps = kernel::optional(&inputs, 4).map_or_else(|| Ok(vec![1; count]), ints)?;
        ensure!(
            ends.len() == count && axes.len() == count && steps.len() == count,
            "expected starts, ends, axes and steps of one length, got {count}, {}, {} and {}",
            ends.len(),
            axes.len(),
            steps.len()
        );
        let mut maps: Vec<Vec<usize>> = x.shape().iter().map(|len| (0..*len).collect()).collect();
        for (ix, of) in axes.into_iter().enumerate() {
            let axis = axis(of, x.rank())?;
            maps[axis] = places(x.shape()[axis], starts[ix], ends[ix], steps[ix])?;
        }
        Ok(tvec!(pick_along(x, &maps, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    fn inputs(bounds: [i64; 2], step: i64) -> [Option<Tensor>; 5] {
        let x = tensor2(&[[1f32, 2., 3., 4.]]);
        let list = |value: i64| Some(tensor1(&[value]));
        [Some(x), list(bounds[0]), list(bounds[1]), list(-1), list(step)]
    }

    #[test]
    fn bounds_may_come_at_run_time() {
        let slice = || node("", "Slice", vec![]);
        expect(slice(), &inputs([1, 3], 1), &[tensor2(&[[2f32, 3.]])]);
        expect(slice(), &inputs([-3, 1000], 2), &[tensor2(&[[2f32, 4.]])]);
        expect(slice(), &inputs([-1, i64::MIN], -2), &[tensor2(&[[4f32, 2.]])]);
        expect(slice(), &inputs([3, 1], 1), &[Tensor::zero::<f32>(&[1, 0]).unwrap()]);
        let first = [inputs([0, 0], 1)[0].clone(), Some(tensor1(&[0i64, 3])), Some(tensor1(&[1i64, 4]))];
        expect(slice(), &first, &[tensor2(&[[4f32]])]);
    }

    #[test]
    fn steps_of_nothing_are_refused() {
        let error = format!("{:#}", compute(node("", "Slice", vec![]), &inputs([0, 1], 0)).unwrap_err());
        assert!(error.contains("steps other than 0"), "{error}");
    }
}
