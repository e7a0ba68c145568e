//! `ai.onnx.CenterCropPad`: crops axes around their middle, or pads them with zeros on both sides.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__CenterCropPad.html>.
//! Inputs: any type, and the lengths that the axes `axes` (all where it is absent) get, int32 or int64. Output: as the
//! first input, zeros, false or empty strings where it was padded. An odd element is cropped or padded at the end.
//! Errors: negative lengths, axes that the input does not have, more or fewer lengths than axes.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{NONE, axis, pick_along, volume};
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn center_crop_pad(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, CenterCropPad { axes: attributes::ints(node, "axes")? })
}

#[derive(Debug)]
struct CenterCropPad {
    axes: Vec<i64>,
}

impl CenterCropPad {
    fn axes(&self, rank: usize, lengths: usize) -> TractResult<Vec<usize>> {
        let axes = match self.axes.is_empty() {
            true => (0..rank).collect(),
            false => self.axes.iter().map(|ix| axis(*ix, rank)).collect::<TractResult<Vec<_>>>()?,
        };
        ensure!(axes.len() == lengths, "expected {} lengths, one per axis, got {lengths}", axes.len());
        Ok(axes)
    }
}

impl Kernel for CenterCropPad {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, to] = kernel::required(inputs)?;
        kernel::accept("the lengths", to, &[DatumType::I32, DatumType::I64])?;
        let mut shape = x.shape.to_tvec();
        if let Some(to) = kernel::ints_of(to) {
            for (axis, to) in self.axes(shape.len(), to.len())?.into_iter().zip(to) {
                ensure!(to.to_i64().map_or(true, |to| to >= 0), "expected a length of 0 or more, got {to}");
                shape[axis] = to;
            }
        } else {
            for axis in self.axes(shape.len(), to.shape.volume().to_usize().unwrap_or(self.axes.len()))? {
                shape[axis] = lengths.unknown(0, axis);
            }
        }
        Ok(tvec!(kernel::fact(x.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, to] = kernel::required(&inputs)?;
        let to = to.cast_to::<i64>()?;
        let mut shape: TVec<usize> = x.shape().into();
        for (axis, to) in self.axes(x.rank(), to.len())?.into_iter().zip(elements::<i64>(&to)?) {
            shape[axis] = usize::try_from(*to).context("expected a length of 0 or more")?;
        }
        volume(&shape, size_of::<usize>())?;
        let map = |(from, to): (&usize, &usize)| -> Vec<usize> {
            let (crop, pad) = (from.saturating_sub(*to) / 2, to.saturating_sub(*from) / 2);
            let source = |at: usize| if at >= pad && at - pad < *from { at - pad + crop } else { NONE };
            (0..*to).map(source).collect()
        };
        let maps: Vec<Vec<usize>> = x.shape().iter().zip(&shape).map(map).collect();
        Ok(tvec!(pick_along(x, &maps, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, ints, node};

    fn center(axes: &[i64]) -> NodeProto {
        node("", "CenterCropPad", vec![ints("axes", axes)])
    }

    #[test]
    fn the_odd_element_goes_at_the_end() {
        let x = || Some(tensor1(&[1f32, 2., 3., 4.]));
        let to = |to: i64| Some(tensor1(&[to]));
        expect(center(&[]), &[x(), to(1)], &[tensor1(&[2f32])]);
        expect(center(&[]), &[x(), to(2)], &[tensor1(&[2f32, 3.])]);
        expect(center(&[]), &[x(), to(7)], &[tensor1(&[0f32, 1., 2., 3., 4., 0., 0.])]);
    }

    #[test]
    fn one_axis_is_cropped_and_another_padded() {
        let x = tensor2(&[[1i64, 2, 3], [4, 5, 6]]);
        let inputs = [Some(x.clone()), Some(tensor1(&[3i32, 1]))];
        expect(center(&[]), &inputs, &[tensor2(&[[2i64], [5], [0]])]);
        expect(center(&[-1]), &[Some(x), Some(tensor1(&[1i32]))], &[tensor2(&[[2i64], [5]])]);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let x = tensor1(&[1f32, 2.]);
        let refused = |to: &[i64]| {
            format!("{:#}", compute(center(&[]), &[Some(x.clone()), Some(tensor1(to))]).unwrap_err())
        };
        assert!(refused(&[-1]).contains("a length of 0 or more"));
        assert!(refused(&[1, 1]).contains("expected 1 lengths"));
        assert!(refused(&[i64::MAX]).contains("less than 2 GiB"));
    }
}
