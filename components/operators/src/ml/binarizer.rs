//! `ai.onnx.ml.Binarizer`: 1 above the threshold, else 0.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_Binarizer.html>.
//! Input of any shape, of float, double, int64 or int32; output of the same shape and type. NaN is not above, so it gives
//! 0 (onnxruntime refuses it, and takes floats only).

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn binarizer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let threshold = node.get_attr_opt::<f32>("threshold")?.unwrap_or(0.0);
    kernel::wire(ctx, node, Binarizer { threshold: f64::from(threshold) })
}

#[derive(Debug)]
struct Binarizer {
    threshold: f64,
}

impl Kernel for Binarizer {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32])?;
        Ok(tvec!(x.datum_type.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let wide = x.cast_to::<f64>()?;
        let above = elements::<f64>(wide.as_ref())?.iter().map(|v| f32::from(*v > self.threshold));
        let above = kernel::tensor_of(x.shape(), above.collect::<Vec<_>>())?;
        Ok(tvec!(above.cast_to_dt(x.datum_type())?.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, float, node, refuse};

    fn binarizer(threshold: f32) -> NodeProto {
        node("ai.onnx.ml", "Binarizer", vec![float("threshold", threshold)])
    }

    #[test]
    fn what_is_above_the_threshold_is_1_and_the_threshold_itself_is_not() {
        let x = tensor2(&[[1f32, 1.5], [f32::NAN, f32::INFINITY]]);
        check(binarizer(1.0), x, tensor2(&[[0f32, 1.0], [0.0, 1.0]]));
    }

    #[test]
    fn the_type_stays() {
        check(binarizer(0.5), tensor1(&[0i64, 1, -1]), tensor1(&[0i64, 1, 0]));
        check(binarizer(0.5), tensor1(&[0i32, 1]), tensor1(&[0i32, 1]));
        check(binarizer(1.0), tensor1(&[1f64, 1.0 + 1e-15]), tensor1(&[0f64, 1.0]));
        check(node("ai.onnx.ml", "Binarizer", vec![]), tensor0(3f32), tensor0(1f32));
    }

    #[test]
    fn strings_are_refused() {
        refuse(binarizer(0.0), tensor1(&["a".to_string()]), "got String");
    }
}
