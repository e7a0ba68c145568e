//! `ai.onnx.OneHot`: each index as a row of one value among others.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__OneHot.html>.
//! Inputs: indices of numbers, the depth as one number, and two values of any type, off and on. Output: the values' type,
//! with an axis of `depth` more than the indices. Negative indices count from the end, those outside have no value on;
//! upstream panics on them. Errors: a negative depth, other than two values, an axis that the output does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{axis, pick, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn one_hot(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, OneHot { axis: node.get_attr_opt("axis")?.unwrap_or(-1) })
}

#[derive(Debug)]
struct OneHot {
    axis: i64,
}

impl Kernel for OneHot {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [indices, depth, values] = kernel::required(inputs)?;
        ensure!(
            indices.datum_type.is_number() && depth.datum_type.is_number(),
            "expected indices and a depth of numbers, got {:?} and {:?}",
            indices.datum_type,
            depth.datum_type
        );
        let axis = axis(self.axis, indices.rank() + 1)?;
        let known = kernel::ints_of(depth).filter(|depth| depth.len() == 1);
        let mut shape = indices.shape.to_tvec();
        shape.insert(axis, known.map_or_else(|| lengths.unknown(0, axis), |depth| depth[0].clone()));
        Ok(tvec!(kernel::fact(values.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [indices, depth, values] = kernel::required(&inputs)?;
        ensure!(
            depth.len() == 1 && values.len() == 2,
            "expected a depth and two values, got shapes {:?} and {:?}",
            depth.shape(),
            values.shape()
        );
        let depth = depth.cast_to_scalar::<i64>()?;
        let length = usize::try_from(depth)
            .ok()
            .with_context(|| format!("expected a depth of 0 or more, got {depth}"))?;
        let axis = axis(self.axis, indices.rank() + 1)?;
        let mut shape: TVec<usize> = indices.shape().into();
        shape.insert(axis, length);
        let mut sources = vec![0; volume(&shape, size_of::<usize>().max(values.datum_type().size_of()))?];
        let inner: usize = shape[axis + 1..].iter().product();
        let indices = indices.cast_to::<i64>()?;
        for (ix, index) in elements::<i64>(&indices)?.iter().enumerate() {
            let counted = if *index < 0 { index.saturating_add(depth) } else { *index };
            if (0..depth).contains(&counted) {
                sources[(ix / inner * length + counted as usize) * inner + ix % inner] = 1;
            }
        }
        Ok(tvec!(pick(values, &shape, 1, &sources, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn inputs(indices: &[i64], depth: i64) -> [Option<Tensor>; 3] {
        [Some(tensor1(indices)), Some(tensor0(depth)), Some(tensor1(&[1f32, 3.]))]
    }

    #[test]
    fn indices_count_from_either_end_and_those_outside_are_off() {
        let one_hot = |axis: i64| node("", "OneHot", vec![int("axis", axis)]);
        let rows = tensor2(&[[1f32, 3., 1.], [1., 1., 3.], [1., 1., 1.]]);
        expect(one_hot(-1), &inputs(&[1, -1, 3], 3), &[rows]);
        let columns = tensor2(&[[1f32, 1.], [3., 1.], [1., 3.]]);
        expect(one_hot(0), &inputs(&[1, 2], 3), &[columns]);
    }

    #[test]
    fn depths_that_cannot_be_are_refused() {
        for depth in [-1, i64::MAX] {
            assert!(compute(node("", "OneHot", vec![]), &inputs(&[0], depth)).is_err());
        }
    }
}
