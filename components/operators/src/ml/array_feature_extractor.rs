//! `ai.onnx.ml.ArrayFeatureExtractor`: elements of the last axis, by index.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_ArrayFeatureExtractor.html>.
//! Inputs: data `[.., C]` of float, double, int64, int32 or string, and K int64 indices of any shape. Output `[.., K]` of
//! the data's type; data `[C]` gives `[1, K]`. Errors: an index that is negative or not below C, data without axes.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::lookup::take;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn array_feature_extractor(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, ArrayFeatureExtractor)
}

#[derive(Debug)]
struct ArrayFeatureExtractor;

fn output_shape<D: DimLike>(data: &[D], indices: &[D]) -> TractResult<TVec<D>> {
    let Some((_, outer)) = data.split_last() else {
        bail!("expected data with at least 1 axis, got a scalar")
    };
    let outer: TVec<D> = if outer.is_empty() { tvec!(D::one()) } else { outer.into() };
    Ok(outer.into_iter().chain([indices.iter().cloned().product()]).collect())
}

impl Kernel for ArrayFeatureExtractor {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, y] = kernel::required(inputs)?;
        let types = [DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32, DatumType::String];
        kernel::accept("data", x, &types)?;
        kernel::accept("indices", y, &[DatumType::I64])?;
        Ok(tvec!(x.datum_type.fact(output_shape(&x.shape, &y.shape)?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, y] = kernel::required(&inputs)?;
        let shape = output_shape(x.shape(), y.shape())?;
        let columns = x.shape().last().copied().unwrap_or_default();
        let mut indices = vec![];
        for index in elements::<i64>(y)? {
            match usize::try_from(*index) {
                Ok(index) if index < columns => indices.push(index),
                _ => bail!("expected indices from 0 to below {columns}, got {index}"),
            }
        }
        let mut positions = Vec::with_capacity(kernel::checked_len(&shape)?);
        for row in (0..x.len()).step_by(columns.max(1)) {
            positions.extend(indices.iter().map(|index| row + index));
        }
        Ok(tvec!(take(x, &positions, &shape)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    fn check(x: Tensor, y: Tensor, z: Tensor) {
        expect(node("ai.onnx.ml", "ArrayFeatureExtractor", vec![]), &[Some(x), Some(y)], &[z]);
    }

    fn refuse(x: Tensor, y: Tensor, message: &str) {
        let node = node("ai.onnx.ml", "ArrayFeatureExtractor", vec![]);
        let error = format!("{:#}", compute(node, &[Some(x), Some(y)]).unwrap_err());
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn the_last_axis_is_indexed() {
        let x = tensor3(&[[[0i64, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]);
        check(x, tensor1(&[1i64, 2]), tensor3(&[[[1i64, 2], [4, 5]], [[7, 8], [10, 11]]]));
        check(tensor2(&[[1f64, 2.0, 3.0]]), tensor2(&[[2i64, 0], [1, 1]]), tensor2(&[[3f64, 1.0, 2.0, 2.0]]));
        check(tensor2(&[[1i32, 2], [3, 4]]), tensor0(1i64), tensor2(&[[2i32], [4]]));
    }

    #[test]
    fn data_of_one_axis_becomes_one_row() {
        check(tensor1(&[1f32, 2.0, 3.0]), tensor1(&[2i64, 0]), tensor2(&[[3f32, 1.0]]));
        check(tensor1(&["a".to_string(), "b".into()]), tensor1(&[1i64]), tensor2(&[["b".to_string()]]));
    }

    #[test]
    fn an_empty_batch_stays_empty() {
        check(Tensor::zero::<f32>(&[0, 3]).unwrap(), tensor1(&[0i64]), Tensor::zero::<f32>(&[0, 1]).unwrap());
    }

    #[test]
    fn indices_outside_of_the_axis_are_refused() {
        refuse(tensor2(&[[1f32, 2.0]]), tensor1(&[-1i64]), "from 0 to below 2, got -1");
        refuse(tensor2(&[[1f32, 2.0]]), tensor1(&[2i64]), "from 0 to below 2, got 2");
        refuse(Tensor::zero::<f32>(&[2, 0]).unwrap(), tensor1(&[0i64]), "below 0, got 0");
        refuse(tensor0(1f32), tensor1(&[0i64]), "got a scalar");
    }
}
