//! `ai.onnx.ml.Scaler`: `(x - offset) * scale`, per column.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_Scaler.html>.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32; output float of the same shape. Integers are converted to
//! float first, doubles are computed as doubles, as onnxruntime does. An absent `offset` is 0, an absent `scale` is 1.
//! Errors: lists of different lengths, a length that is not 1 or C.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn scaler(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let mut offset = attributes::floats(node, "offset")?;
    let mut scale = attributes::floats(node, "scale")?;
    if offset.is_empty() {
        offset = vec![0.0; scale.len().max(1)];
    }
    if scale.is_empty() {
        scale = vec![1.0; offset.len()];
    }
    ensure!(
        offset.len() == scale.len(),
        "expected offset and scale of the same length, got {} and {}",
        offset.len(),
        scale.len()
    );
    kernel::wire(ctx, node, Scaler { offset, scale })
}

#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

impl Kernel for Scaler {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32])?;
        attributes::check_per_column_fact("scale", self.scale.len(), x)?;
        Ok(tvec!(f32::fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        attributes::check_per_column("scale", self.scale.len(), x.shape())?;
        let mut output = Tensor::zero::<f32>(x.shape())?;
        let mut view = output.try_as_plain_ram_mut()?;
        let data = view.as_slice_mut::<f32>()?;
        match x.datum_type() {
            DatumType::F32 => self.scale(elements::<f32>(x)?, data, |x, o, s| (x - o) * s),
            DatumType::F64 => {
                self.scale(elements::<f64>(x)?, data, |x, o, s| ((x - f64::from(o)) * f64::from(s)) as f32)
            }
            DatumType::I64 => self.scale(elements::<i64>(x)?, data, |x, o, s| (x as f32 - o) * s),
            DatumType::I32 => self.scale(elements::<i32>(x)?, data, |x, o, s| (x as f32 - o) * s),
            other => bail!("expected an input of numbers, got {other:?}"),
        }
        Ok(tvec!(output))
    }
}

impl Scaler {
    /// Parameters cycle over the columns; with one value they stay on it.
    fn scale<T: Copy>(&self, input: &[T], output: &mut [f32], f: impl Fn(T, f32, f32) -> f32) {
        let parameters = self.offset.iter().zip(&self.scale).cycle();
        for ((y, x), (offset, scale)) in output.iter_mut().zip(input).zip(parameters) {
            *y = f(*x, *offset, *scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, floats, node, refuse};

    fn scaler(offset: &[f32], scale: &[f32]) -> NodeProto {
        node("ai.onnx.ml", "Scaler", vec![floats("offset", offset), floats("scale", scale)])
    }

    #[test]
    fn each_column_is_shifted_and_scaled() {
        let expect = tensor2(&[[0f32, 10.0], [0.5, -10.0]]);
        check(scaler(&[1.0, 2.0], &[0.5, 10.0]), tensor2(&[[1f32, 3.0], [2.0, 1.0]]), expect);
    }

    #[test]
    fn one_value_serves_every_column() {
        check(scaler(&[1.0], &[2.0]), tensor2(&[[1f32, 2.0, 3.0]]), tensor2(&[[0f32, 2.0, 4.0]]));
    }

    #[test]
    fn integers_and_doubles_give_floats() {
        check(scaler(&[1.0], &[0.5]), tensor1(&[3i64, 4]), tensor1(&[1f32, 1.5]));
        check(scaler(&[1.0], &[0.5]), tensor1(&[3i32, 4]), tensor1(&[1f32, 1.5]));
        // 2^24 + 1 is no float: subtracting first in double keeps it apart.
        check(scaler(&[16_777_216.0], &[1.0]), tensor1(&[16_777_217f64]), tensor1(&[1f32]));
    }

    #[test]
    fn absent_attributes_leave_the_value() {
        check(scaler(&[], &[]), tensor1(&[3f32]), tensor1(&[3f32]));
        check(scaler(&[], &[2.0]), tensor1(&[3f32]), tensor1(&[6f32]));
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        refuse(scaler(&[1.0, 2.0], &[1.0]), tensor1(&[1f32]), "same length, got 2 and 1");
        refuse(scaler(&[1.0, 2.0], &[1.0, 2.0]), tensor2(&[[1f32, 2.0, 3.0]]), "the input's 3 columns");
    }
}
