//! `ai.onnx.Resize`: upstream's, which wants sizes or scales before the run; here they may be computed in the run.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Resize.html>.
//! Inputs: the image of numbers, the region, and per axis (of `axes`) scales or sizes. Output: as the input, resized.
//! Errors: neither or both of scales and sizes, and such as are not greater than 0.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::array::pick::{axis, volume};
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(crate) fn resize(ctx: &ParsingContext, node: &NodeProto) -> Built {
    // Upstream rounds where that version takes the element before.
    if ctx.onnx_operator_set_version < 11 {
        return super::upsample::resize_10(ctx, node);
    }
    let (usual, _) = upstream::build(ctx, node)?;
    upstream::build_or(ctx, node, fits, Resize { usual, axes: attributes::ints(node, "axes")? })
}

fn fits(inputs: &[Option<&TypedFact>]) -> bool {
    let numbers = |ix: usize| -> Option<Vec<f32>> {
        let tensor = inputs.get(ix).copied().flatten()?.konst.as_ref()?.cast_to::<f32>().ok()?;
        Some(elements::<f32>(&tensor).ok()?.to_vec())
    };
    // Symbolic sizes are no numbers yet.
    let sensible =
        |ix: usize| numbers(ix).is_none_or(|all| all.iter().all(|number| *number > 0.0 && *number < 1e8));
    upstream::are_known(inputs, &[1, 2, 3]) && sensible(2) && sensible(3)
}

#[derive(Debug)]
struct Resize {
    usual: Box<dyn InferenceOp>,
    axes: Vec<i64>,
}

impl Resize {
    fn axes(&self, rank: usize) -> TractResult<Vec<usize>> {
        match self.axes.is_empty() {
            true => Ok((0..rank).collect()),
            false => self.axes.iter().map(|ix| axis(*ix, rank)).collect(),
        }
    }

    /// Upstream divides by lengths and allocates what it is told to.
    fn check(&self, inputs: &[Option<TValue>]) -> TractResult<()> {
        let [x] = kernel::required(inputs)?;
        let axes = self.axes(x.rank())?;
        let given = |ix: usize| kernel::optional(inputs, ix).filter(|given| given.len() > 0);
        let lengths: Vec<f64> = match (given(2), given(3)) {
            (Some(scales), None) => {
                let scales = scales.cast_to::<f32>()?;
                let lengths = elements::<f32>(&scales)?.iter().zip(&axes);
                lengths.map(|(scale, axis)| (f64::from(*scale) * x.shape()[*axis] as f64).floor()).collect()
            }
            (None, Some(sizes)) => {
                let sizes = sizes.cast_to::<i64>()?;
                elements::<i64>(&sizes)?.iter().map(|size| *size as f64).collect()
            }
            _ => bail!("expected one of scales and sizes"),
        };
        ensure!(
            lengths.len() == axes.len() && lengths.iter().all(|length| *length >= 1.0) && x.len() > 0,
            "expected {} lengths of 1 or more for an input of shape {:?}, got {lengths:?}",
            axes.len(),
            x.shape()
        );
        // It goes axis by axis, so what is in between may be the largest.
        let mut largest: Vec<usize> = x.shape().into();
        for (axis, length) in axes.into_iter().zip(lengths) {
            // Upstream makes a plan for every place of an axis.
            ensure!(length < 1e8, "expected lengths of less than 10^8, got {length}");
            largest[axis] = largest[axis].max(length as usize);
        }
        volume(&largest, size_of::<f32>())?;
        Ok(())
    }
}

impl Kernel for Resize {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let mut shape = x.shape.to_tvec();
        for axis in self.axes(shape.len())? {
            shape[axis] = lengths.unknown(0, axis);
        }
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn plans_when_run(&self) -> bool {
        true
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        self.check(&inputs)?;
        match self.usual.eval_out_of_plan(inputs.into_iter().flatten().collect())? {
            Some(outputs) => Ok(outputs.into_iter().map(TValue::into_tensor).collect()),
            None => bail!("expected an operator that runs alone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    fn resize() -> NodeProto {
        node("", "Resize", vec![])
    }

    fn inputs(scales: Option<&[f32]>, sizes: Option<&[i64]>) -> [Option<Tensor>; 4] {
        [Some(tensor2(&[[1f32, 2.]])), None, scales.map(tensor1), sizes.map(tensor1)]
    }

    #[test]
    fn scales_or_sizes_may_come_at_run_time() {
        let expected = tensor2(&[[1f32, 1., 2., 2.]]);
        expect(resize(), &inputs(Some(&[1., 2.]), None), std::slice::from_ref(&expected));
        expect(resize(), &inputs(None, Some(&[1, 4])), &[expected]);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let refused =
            |scales: &[f32]| format!("{:#}", compute(resize(), &inputs(Some(scales), None)).unwrap_err());
        assert!(refused(&[1., 0.1]).contains("lengths of 1 or more"));
        assert!(refused(&[1., f32::NAN]).contains("lengths of 1 or more"));
        assert!(refused(&[1., 1e12]).contains("less than 10^8"));
        assert!(refused(&[1.]).contains("expected 2 lengths"));
    }
}
