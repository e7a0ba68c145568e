//! `ai.onnx.ml.Scaler`: `(x - offset) * scale`, per column.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_Scaler.html>.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32; output float of the same shape. Integers are converted to
//! float first, doubles are computed as doubles, as onnxruntime does. An absent `offset` is 0, an absent `scale` is 1.
//! Errors: lists of different lengths, a length that is not 1 or C.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes::{self, Floats};

pub(crate) fn scaler(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
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
    Ok((expand(Scaler { offset: Floats(offset.into()), scale: Floats(scale.into()) }), vec![]))
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Scaler {
    offset: Floats,
    scale: Floats,
}

impl Expansion for Scaler {
    fn name(&self) -> StaticName {
        "Scaler".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)?;
        s.equals(&outputs[0].datum_type, f32::datum_type())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let accepted = [f32::datum_type(), f64::datum_type(), i64::datum_type(), i32::datum_type()];
        let input = attributes::wire_data(prefix, model, inputs, &accepted)?;
        model.wire_node(prefix, self.clone(), &[input])
    }
}

impl Op for Scaler {
    fn name(&self) -> StaticName {
        "Scaler".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Scaler {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        attributes::check_per_column("scale", self.scale.0.len(), input.shape())?;
        let mut output = Tensor::zero::<f32>(input.shape())?;
        let mut view = output.try_as_plain_ram_mut()?;
        let data = view.as_slice_mut::<f32>()?;
        let input = input.try_as_plain_ram()?;
        match input.datum_type() {
            DatumType::F32 => self.scale(input.as_slice::<f32>()?, data, |x, o, s| (x - o) * s),
            DatumType::F64 => self
                .scale(input.as_slice::<f64>()?, data, |x, o, s| ((x - f64::from(o)) * f64::from(s)) as f32),
            DatumType::I64 => self.scale(input.as_slice::<i64>()?, data, |x, o, s| (x as f32 - o) * s),
            DatumType::I32 => self.scale(input.as_slice::<i32>()?, data, |x, o, s| (x as f32 - o) * s),
            other => bail!("expected an input of numbers, got {other:?}"),
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for Scaler {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        attributes::check_per_column_fact("scale", self.scale.0.len(), inputs[0])?;
        Ok(tvec!(f32::fact(inputs[0].shape.iter())))
    }

    as_op!();
}

impl Scaler {
    /// Parameters cycle over the columns; with one value they stay on it.
    fn scale<T: Copy>(&self, input: &[T], output: &mut [f32], f: impl Fn(T, f32, f32) -> f32) {
        let parameters = self.offset.0.iter().zip(self.scale.0.iter()).cycle();
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
