//! `ai.onnx.Compress`: the elements, or slices along an axis, that a condition holds for.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Compress.html>.
//! Inputs: any type and truths `[K]`. Output: as the input, the axis as long as there are truths; without an axis, the
//! elements in a row. Fewer truths than elements leave the rest out. Errors: an axis that the input does not have, more
//! truths than elements.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{axis, pick, pick_along};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn compress(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Compress { axis: node.get_attr_opt("axis")? })
}

#[derive(Debug)]
struct Compress {
    axis: Option<i64>,
}

impl Kernel for Compress {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, condition] = kernel::required(inputs)?;
        kernel::accept("the condition", condition, &[DatumType::Bool])?;
        let count = |axis: usize| match condition.konst.as_deref().map(elements::<bool>) {
            Some(Ok(condition)) => condition.iter().filter(|holds| **holds).count().to_dim(),
            _ => lengths.unknown(0, axis),
        };
        let mut shape = tvec!();
        match self.axis {
            None => shape.push(count(0)),
            Some(ix) => {
                let axis = axis(ix, x.rank())?;
                shape.extend(x.shape.iter().cloned());
                shape[axis] = count(axis);
            }
        }
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, condition] = kernel::required(&inputs)?;
        let axis = self.axis.map(|ix| axis(ix, x.rank())).transpose()?;
        let (len, condition) = (axis.map_or(x.len(), |axis| x.shape()[axis]), elements::<bool>(condition)?);
        ensure!(condition.len() <= len, "expected at most {len} truths, got {}", condition.len());
        let kept: Vec<usize> = (0..condition.len()).filter(|ix| condition[*ix]).collect();
        Ok(tvec!(match axis {
            None => pick(x, &[kept.len()], 1, &kept, None)?,
            Some(axis) => {
                let mut maps: Vec<Vec<usize>> = x.shape().iter().map(|len| (0..*len).collect()).collect();
                maps[axis] = kept;
                pick_along(x, &maps, None)?
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn compress(axis: Option<i64>) -> NodeProto {
        node("", "Compress", axis.map(|axis| int("axis", axis)).into_iter().collect())
    }

    #[test]
    fn what_the_condition_holds_for_stays() {
        let x = || Some(tensor2(&[[1f32, 2.], [3., 4.], [5., 6.]]));
        let by_row = [x(), Some(tensor1(&[false, true, true]))];
        expect(compress(Some(0)), &by_row, &[tensor2(&[[3f32, 4.], [5., 6.]])]);
        expect(compress(Some(-1)), &[x(), Some(tensor1(&[false, true]))], &[tensor2(&[[2f32], [4.], [6.]])]);
        expect(compress(None), &[x(), Some(tensor1(&[false, true, false, true]))], &[tensor1(&[2f32, 4.])]);
    }

    #[test]
    fn more_truths_than_elements_are_refused() {
        let inputs = [Some(tensor1(&[1f32])), Some(tensor1(&[true, true]))];
        let error = format!("{:#}", compute(compress(Some(0)), &inputs).unwrap_err());
        assert!(error.contains("expected at most 1 truths, got 2"), "{error}");
    }
}
