//! `ai.onnx.CumProd` and `ai.onnx.CumSum`: products or sums along an axis, up to each element.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__CumProd.html>, <https://onnx.ai/onnx/operators/onnx__CumSum.html>.
//! Inputs: a tensor of a float type or of 32- or 64-bit integers, and the axis as one int32 or int64. Output: as the
//! first input; integers wrap around. `exclusive` leaves the element itself out, `reverse` starts at the end.
//! Errors: an axis that the input does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_num_traits::{One, Zero};

use super::pick::axis;
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn cum_prod(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Cumulative::read(node, false)?)
}

pub(crate) fn cum_sum(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Cumulative::read(node, true)?)
}

#[derive(Debug)]
struct Cumulative {
    sum: bool,
    exclusive: bool,
    reverse: bool,
}

impl Cumulative {
    fn read(node: &NodeProto, sum: bool) -> TractResult<Self> {
        let flag = |name: &str| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
        Ok(Self { sum, exclusive: flag("exclusive")?, reverse: flag("reverse")? })
    }

    fn accumulate<T: Datum + Copy>(
        &self,
        x: &Tensor,
        axis: usize,
        neutral: T,
        with: fn(T, T) -> T,
    ) -> TractResult<Tensor> {
        let (len, inner) = (x.shape()[axis], x.shape()[axis + 1..].iter().product::<usize>());
        let mut y = elements::<T>(x)?.to_vec();
        if !y.is_empty() {
            for block in y.chunks_exact_mut(len * inner) {
                for lane in 0..inner {
                    let mut all = neutral;
                    for step in 0..len {
                        let at = if self.reverse { len - 1 - step } else { step };
                        let y = &mut block[at * inner + lane];
                        let next = with(all, *y);
                        *y = if self.exclusive { all } else { next };
                        all = next;
                    }
                }
            }
        }
        tensor_of(x.shape(), y)
    }
}

impl Kernel for Cumulative {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        use DatumType::*;
        let [x, axis] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[F16, F32, F64, I32, I64, U32, U64])?;
        kernel::accept("the axis", axis, &[I32, I64])?;
        Ok(tvec!(x.without_value()))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, at] = kernel::required(&inputs)?;
        ensure!(at.len() == 1, "expected one axis, got {}", at.len());
        let axis = axis(at.cast_to_scalar::<i64>()?, x.rank())?;
        macro_rules! accumulate {
            ($($float:ident $real:ty),*; $($int:ident $whole:ty),*) => {
                match (x.datum_type(), self.sum) {
                    $((DatumType::$float, true) => self.accumulate(x, axis, <$real>::zero(), |a, b| a + b)?,)*
                    $((DatumType::$float, false) => self.accumulate(x, axis, <$real>::one(), |a, b| a * b)?,)*
                    $((DatumType::$int, true) => self.accumulate(x, axis, 0, <$whole>::wrapping_add)?,)*
                    $((DatumType::$int, false) => self.accumulate(x, axis, 1, <$whole>::wrapping_mul)?,)*
                    (other, _) => bail!("expected numbers, got {other:?}"),
                }
            };
        }
        Ok(tvec!(accumulate!(F16 f16, F32 f32, F64 f64; I32 i32, I64 i64, U32 u32, U64 u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn products(exclusive: i64, reverse: i64) -> NodeProto {
        node("", "CumProd", vec![int("exclusive", exclusive), int("reverse", reverse)])
    }

    #[test]
    fn products_run_either_way_with_or_without_the_element() {
        let cases = [(0, 0, [1, 2, 6]), (1, 0, [1, 1, 2]), (0, 1, [6, 6, 3]), (1, 1, [6, 3, 1])];
        for (exclusive, reverse, expected) in cases {
            let inputs = [Some(tensor1(&[1i32, 2, 3])), Some(tensor0(0i32))];
            expect(products(exclusive, reverse), &inputs, &[tensor1(&expected)]);
        }
    }

    #[test]
    fn sums_run_either_way_with_or_without_the_element() {
        let cases = [(0, 0, [1, 3, 6]), (1, 0, [0, 1, 3]), (0, 1, [6, 5, 3]), (1, 1, [5, 3, 0])];
        for (exclusive, reverse, expected) in cases {
            let node = node("", "CumSum", vec![int("exclusive", exclusive), int("reverse", reverse)]);
            expect(node, &[Some(tensor1(&[1i64, 2, 3])), Some(tensor0(0i64))], &[tensor1::<i64>(&expected)]);
        }
    }

    #[test]
    fn any_axis_and_wrapping_integers() {
        let x = tensor2(&[[2f32, 3.], [4., 5.]]);
        expect(
            products(0, 0),
            &[Some(x.clone()), Some(tensor0(-2i64))],
            &[tensor2(&[[2f32, 3.], [8., 15.]])],
        );
        expect(products(0, 0), &[Some(x), Some(tensor0(1i64))], &[tensor2(&[[2f32, 6.], [4., 20.]])]);
        let large = tensor1(&[u32::MAX, 2]);
        expect(products(0, 0), &[Some(large), Some(tensor0(0i64))], &[tensor1(&[u32::MAX, u32::MAX - 1])]);
    }

    #[test]
    fn sums_take_the_axis_at_run_time() {
        let sums = node("", "CumSum", vec![int("reverse", 1)]);
        expect(sums, &[Some(tensor1(&[1f32, 2., 3.])), Some(tensor0(0i64))], &[tensor1(&[6f32, 5., 3.])]);
    }

    #[test]
    fn an_axis_that_is_none_is_refused() {
        let error = compute(products(0, 0), &[Some(tensor1(&[1f32])), Some(tensor0(1i64))]).unwrap_err();
        assert!(format!("{error:#}").contains("expected an axis of -1..1, got 1"));
    }
}
