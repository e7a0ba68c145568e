//! `ai.onnx.SwiGLU`: `a * sigmoid(alpha * a) * b`, per element.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__SwiGLU.html>.
//! Inputs `a` and `b` of the same shape and type f16, float or double; so is the output. Computed as float,
//! doubles as doubles. An absent `alpha` is 1. Errors: shapes or types that differ.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_num_traits::Float;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn swiglu(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, SwiGlu { alpha: node.get_attr_opt("alpha")?.unwrap_or(1.0) })
}

#[derive(Debug)]
struct SwiGlu {
    alpha: f32,
}

impl Kernel for SwiGlu {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        kernel::accept("the gate", a, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        kernel::accept("the value", b, &[a.datum_type])?;
        ensure!(
            a.rank() == b.rank(),
            "expected inputs of the same shape, got {:?} and {:?}",
            a.shape,
            b.shape
        );
        Ok(tvec!(a.datum_type.fact(a.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        ensure!(
            a.shape() == b.shape(),
            "expected inputs of the same shape, got {:?} and {:?}",
            a.shape(),
            b.shape()
        );
        Ok(tvec!(if a.datum_type() == f64::datum_type() {
            gate(a, b, f64::from(self.alpha))?
        } else {
            gate(a, b, self.alpha)?
        }))
    }
}

fn gate<C: Datum + Float>(a: &Tensor, b: &Tensor, alpha: C) -> TractResult<Tensor> {
    let [gates, values] = [a.cast_to::<C>()?, b.cast_to::<C>()?];
    let pairs = elements::<C>(&gates)?.iter().zip(elements::<C>(&values)?);
    let output: Vec<C> =
        pairs.map(|(gate, value)| *gate / (C::one() + (-alpha * *gate).exp()) * *value).collect();
    let output = kernel::tensor_of(a.shape(), output)?;
    Ok(output.cast_to_dt(a.datum_type())?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, float, node};

    #[test]
    fn the_first_input_is_the_gate_of_the_second() {
        let inputs = [Some(tensor1(&[0f32, 1.0, -2.0])), Some(tensor1(&[3f32, 2.0, 1.0]))];
        let output = tensor1(&[0f32, 1.462_117_2, -0.238_405_84]);
        expect(node("", "SwiGLU", vec![]), &inputs, &[output]);
        let steep = node("", "SwiGLU", vec![float("alpha", 2.0)]);
        expect(steep, &inputs, &[tensor1(&[0f32, 1.761_594_2, -0.035_972_42])]);
    }

    #[test]
    fn half_and_double_keep_their_type() {
        for dt in [DatumType::F16, DatumType::F64] {
            let typed = |x: f32| tensor1(&[x]).cast_to_dt(dt).unwrap().into_owned();
            expect(node("", "SwiGLU", vec![]), &[Some(typed(0.0)), Some(typed(1.0))], &[typed(0.0)]);
        }
    }

    #[test]
    fn inputs_of_different_shapes_are_refused() {
        let inputs = [Some(tensor1(&[0f32])), Some(tensor1(&[0f32, 1.0]))];
        let error = format!("{:#}", compute(node("", "SwiGLU", vec![]), &inputs).unwrap_err());
        assert!(error.contains("same shape"), "{error}");
    }
}
