//! `ai.onnx.Pow` of integers, and of a base and an exponent of different types.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Pow.html>.
//! Inputs that broadcast to each other: the base int32, int64, f16, float or double, the exponent any number;
//! the output has the base's type. Computed as double. tract knows equal types only, and no negative exponent
//! of an integer; it is used for floats and exponents that are known.
//! Errors: shapes that do not broadcast.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(super) fn pow(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let suits = |inputs: &[TypedFact]| match inputs {
        [base, exponent] => {
            let positive = |exponent: &TDim| exponent.to_i64().is_ok_and(|exponent| exponent >= 0);
            let safe = base.datum_type.is_float()
                || kernel::ints_of(exponent).is_some_and(|exponents| exponents.iter().all(positive));
            (base.datum_type == exponent.datum_type && safe)
                || [base, exponent].iter().any(|fact| fact.datum_type.is_tdim())
        }
        _ => true,
    };
    upstream::build_if(ctx, node, suits, Pow)
}

#[derive(Debug)]
struct Pow;

impl Kernel for Pow {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        use DatumType::{F16, F32, F64, I32, I64};
        let [base, exponent] = kernel::required(inputs)?;
        kernel::accept("a base", base, &[I32, I64, F16, F32, F64])?;
        ensure!(
            exponent.datum_type.is_float() || exponent.datum_type.is_integer(),
            "expected a number as the exponent, got {:?}",
            exponent.datum_type
        );
        let shape = multi_broadcast(&[base.shape.dims(), exponent.shape.dims()])?;
        Ok(tvec!(base.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [base, exponent] = kernel::required(&inputs)?;
        let shape = multi_broadcast(&[base.shape(), exponent.shape()])?;
        let [x, y] = [base.cast_to::<f64>()?, exponent.cast_to::<f64>()?];
        let [x, y] = [x.broadcast_to_shape(&shape)?, y.broadcast_to_shape(&shape)?];
        let powers = elements::<f64>(&x)?.iter().zip(elements::<f64>(&y)?).map(|(x, y)| x.powf(*y));
        let powers = kernel::tensor_of(&shape, powers.collect())?;
        Ok(tvec!(powers.cast_to_dt(base.datum_type())?.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, node};

    #[test]
    fn a_power_has_the_type_of_its_base() {
        let pow = || node("", "Pow", vec![]);
        let exponent = || Some(tensor1(&[2f64, 0.5]));
        expect(
            pow(),
            &[Some(tensor2(&[[4f32], [9.0]])), exponent()],
            &[tensor2(&[[16f32, 2.0], [81.0, 3.0]])],
        );
        expect(pow(), &[Some(tensor1(&[3i32])), Some(tensor1(&[4i64]))], &[tensor1(&[81i32])]);
        expect(
            pow(),
            &[Some(tensor1(&[3i32, 2, 1])), Some(tensor1(&[2i32, -1, -1]))],
            &[tensor1(&[9i32, 0, 1])],
        );
    }
}
