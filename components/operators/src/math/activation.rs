//! `ai.onnx.Celu` and `Swish`: `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))` and `x * sigmoid(alpha *
//! x)`.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__Celu.html> and
//! <https://onnx.ai/onnx/operators/onnx__Swish.html>. Input and output of the same shape; f16, float or
//! double, computed as float, doubles as doubles. An absent `alpha` is 1. tract's `Swish` ignores it and is
//! used where it is 1; its `Celu` forgets to multiply by it.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_num_traits::Float;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(super) fn celu(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let alpha = node.get_attr_opt("alpha")?.unwrap_or(1.0);
    kernel::wire(ctx, node, Activation { function: Function::Celu, alpha })
}

pub(super) fn swish(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let alpha = node.get_attr_opt("alpha")?.unwrap_or(1.0);
    let usual = move |inputs: &[TypedFact]| {
        alpha == 1.0 && inputs.iter().all(|fact| fact.datum_type != f64::datum_type())
    };
    upstream::build_if(ctx, node, usual, Activation { function: Function::Swish, alpha })
}

#[derive(Debug)]
struct Activation {
    function: Function,
    alpha: f32,
}

#[derive(Debug)]
enum Function {
    Celu,
    Swish,
}

impl Kernel for Activation {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        Ok(tvec!(x.datum_type.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        Ok(tvec!(match x.datum_type() {
            DatumType::F64 => self.apply(x, f64::from(self.alpha))?,
            _ => self.apply(x, self.alpha)?,
        }))
    }
}

impl Activation {
    fn apply<C: Datum + Float>(&self, x: &Tensor, alpha: C) -> TractResult<Tensor> {
        let typed = x.cast_to::<C>()?;
        let [zero, one] = [C::zero(), C::one()];
        let y = elements::<C>(&typed)?.iter().map(|x| match self.function {
            Function::Celu => x.max(zero) + (alpha * (*x / alpha).exp_m1()).min(zero),
            Function::Swish => *x / (one + (-alpha * *x).exp()),
        });
        let y = kernel::tensor_of(x.shape(), y.collect())?;
        Ok(y.cast_to_dt(x.datum_type())?.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, float, node};

    #[test]
    fn alpha_scales_both() {
        for dt in [DatumType::F32, DatumType::F64] {
            let typed = |x: &[f32]| tensor1(x).cast_to_dt(dt).unwrap().into_owned();
            let x = [Some(typed(&[-2.0, 0.0, 3.0]))];
            let celu = node("", "Celu", vec![float("alpha", 2.0)]);
            expect(celu, &x, &[typed(&[-1.264_241_1, 0.0, 3.0])]);
            let swish = node("", "Swish", vec![float("alpha", 2.0)]);
            expect(swish, &x, &[typed(&[-0.035_972_42, 0.0, 2.992_582])]);
        }
    }

    #[test]
    fn half_precision_is_kept() {
        let half = |x: f32| tensor1(&[f16::from_f32(x)]);
        expect(node("", "Celu", vec![float("alpha", 2.0)]), &[Some(half(-2.0))], &[half(-1.264_241_1)]);
    }
}
