//! `ai.onnx.Div` and `Mod`: integers, whose divisor may be zero, and floats, whose quotient is rounded once.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__Div.html> and
//! <https://onnx.ai/onnx/operators/onnx__Mod.html>. Inputs of the same integer type, broadcast to each other.
//! `Div` rounds towards zero; the remainder of `Mod` has the sign of the divisor or, with `fmod` 1, of the
//! dividend. tract panics on a division by zero; it is used for divisors that are known while typing not to be zero,
//! and for floats, but not its way to divide by a constant: it multiplies by the reciprocal, which rounds twice, and
//! depending on the order in which it simplifies a graph only one of two equal quotients. Errors: a division by zero,
//! shapes that do not broadcast.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::math::Div;
use tract_onnx::tract_hir::internal::*;

use super::number::{Number, with_number};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::typed::{self, Own};
use crate::upstream;

pub(super) fn divide(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let kind = match (&*node.op_type, node.get_attr_opt("fmod")?.unwrap_or(0i64)) {
        ("Div", _) => Kind::Quotient,
        (_, 0) => Kind::Floored,
        _ => Kind::Truncated,
    };
    let (usual, outer) = upstream::build_if(ctx, node, suits, Divide { kind })?;
    Ok((if matches!(kind, Kind::Quotient) { typed::instead(usual, Quotient) } else { usual }, outer))
}

/// Division of floats.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quotient;

impl Own for Quotient {
    fn typed(&self, usual: &TypedNode, inputs: &[&TypedFact]) -> TractResult<Option<Box<dyn TypedOp>>> {
        let divides = usual.op_as::<TypedBinOp>().filter(|op| op.0.is::<Div>());
        let floats = inputs.iter().all(|fact| fact.datum_type.is_float());
        Ok(divides.filter(|_| floats).map(|op| TypedBinOp(Box::new(self.clone()), op.1).into()))
    }

    fn reads<'a>(&self, usual: &'a [OutletId], _: &'a [OutletId]) -> &'a [OutletId] {
        usual
    }
}

impl BinMiniOp for Quotient {
    fn name(&self) -> &'static str {
        "Div"
    }

    fn result_datum_type(&self, a: DatumType, b: DatumType) -> TractResult<DatumType> {
        Div.result_datum_type(a, b)
    }

    fn eval_in_a(&self, a: &mut Tensor, b: &Tensor) -> TractResult<()> {
        Div.eval_in_a(a, b)
    }

    fn eval_out_of_place(&self, c: &mut Tensor, a: &Tensor, b: &Tensor) -> TractResult<()> {
        Div.eval_out_of_place(c, a, b)
    }

    fn is_commutative(&self) -> bool {
        false
    }
}

fn suits(inputs: &[TypedFact]) -> bool {
    let [a, b] = inputs else { return true };
    // What tract types `TDim` is the length of an axis.
    let other = |fact: &TypedFact| !fact.datum_type.is_integer() || fact.datum_type.is_tdim();
    let divides = |ix: &TDim| ix.to_i64().is_ok_and(|divisor| divisor > 0);
    other(a) || other(b) || kernel::ints_of(b).is_some_and(|divisors| divisors.iter().all(divides))
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Quotient,
    /// A remainder of the divisor's sign.
    Floored,
    /// A remainder of the dividend's sign.
    Truncated,
}

#[derive(Debug)]
struct Divide {
    kind: Kind,
}

impl Kernel for Divide {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        kernel::accept("a divisor", b, &[a.datum_type])?;
        Ok(tvec!(a.datum_type.fact(multi_broadcast(&[a.shape.dims(), b.shape.dims()])?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        let shape = multi_broadcast(&[a.shape(), b.shape()])?;
        let (a, b) = (a.broadcast_to_shape(&shape)?, b.broadcast_to_shape(&shape)?);
        Ok(tvec!(with_number!(a.datum_type(), divided(self.kind, &a, &b))?))
    }
}

fn divided<T: Number>(kind: Kind, a: &Tensor, b: &Tensor) -> TractResult<Tensor> {
    let divide = |(a, b): (&T, &T)| {
        let quotient = a.over(*b).context("expected a divisor that is not zero")?;
        let rest = a.minus(quotient.times(*b));
        Ok(match kind {
            Kind::Quotient => quotient,
            Kind::Floored if rest != T::zero() && (rest < T::zero()) != (*b < T::zero()) => rest.plus(*b),
            Kind::Floored | Kind::Truncated => rest,
        })
    };
    let divided = elements::<T>(a)?.iter().zip(elements::<T>(b)?).map(divide);
    kernel::tensor_of(a.shape(), divided.collect::<TractResult<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, initializer, int, model, node, run_model, step};

    #[test]
    fn integers_are_divided_towards_zero() {
        let inputs = [Some(tensor1(&[-7i32, 7, -7, i32::MIN])), Some(tensor1(&[2i32, -2, -2, -1]))];
        expect(node("", "Div", vec![]), &inputs, &[tensor1(&[-3i32, -3, 3, i32::MIN])]);
        let unsigned = [Some(tensor2(&[[250u8], [7]])), Some(tensor1(&[3u8, 100]))];
        expect(node("", "Div", vec![]), &unsigned, &[tensor2(&[[83u8, 2], [2, 0]])]);
    }

    #[test]
    fn a_remainder_has_the_sign_of_the_divisor_or_of_the_dividend() {
        let inputs = || [Some(tensor1(&[-7i32, 7, -7, 6])), Some(tensor1(&[2i32, -2, -2, 3]))];
        expect(node("", "Mod", vec![]), &inputs(), &[tensor1(&[1i32, -1, -1, 0])]);
        expect(node("", "Mod", vec![int("fmod", 1)]), &inputs(), &[tensor1(&[-1i32, 1, -1, 0])]);
    }

    #[test]
    fn a_quotient_of_floats_is_rounded_once() {
        // By the reciprocal of 1e-5 every third of these is another number.
        let x = tensor2(&[std::array::from_fn::<f32, 50, _>(|ix| 0.1 + ix as f32)]);
        for divisor in [tensor0(1e-5f32), tensor1(&[1e-5f32])] {
            let expected = elements::<f32>(&x).unwrap().iter().map(|x| x / 1e-5).collect::<Vec<_>>();
            let mut graph = model(vec![step("Div", &["x", "by"], "y", vec![])], &x, true, &["y"]);
            graph.graph.as_mut().unwrap().initializer = vec![initializer("by", &divisor)];
            assert_eq!(elements::<f32>(&run_model(graph, &x).unwrap()[0]).unwrap(), expected);
        }
    }

    #[test]
    fn a_division_by_zero_is_refused() {
        for op in ["Div", "Mod"] {
            let inputs = [Some(tensor1(&[1i64])), Some(tensor1(&[0i64]))];
            let error = format!("{:#}", compute(node("", op, vec![]), &inputs).unwrap_err());
            assert!(error.contains("not zero"), "{error}");
        }
    }
}
