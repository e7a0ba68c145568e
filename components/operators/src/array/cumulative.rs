//! `ai.onnx.CumSum` and `CumProd`: sums and products along an axis, up to each element.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__CumSum.html>, <https://onnx.ai/onnx/operators/onnx__CumProd.html>.
//! Inputs: a tensor of a float type or of 32- or 64-bit integers, and the axis as one int32 or int64. Output: as the
//! first input; integers wrap around. `exclusive` leaves the element itself out, `reverse` starts at the end.
//! Errors: an axis that the input does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::axis;
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn cumulative(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let flag = |name: &str| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
    let product = node.op_type == "CumProd";
    kernel::wire(ctx, node, Cumulative { product, exclusive: flag("exclusive")?, reverse: flag("reverse")? })
}

#[derive(Debug)]
struct Cumulative {
    /// Of products, not of sums.
    product: bool,
    exclusive: bool,
    reverse: bool,
}

impl Cumulative {
    /// `neutral` and `combine` are those of sums, then those of products.
    fn fold<T: Datum + Copy>(
        &self,
        x: &Tensor,
        axis: usize,
        neutral: [T; 2],
        combine: [fn(T, T) -> T; 2],
    ) -> TractResult<Tensor> {
        let (neutral, combine) = (neutral[usize::from(self.product)], combine[usize::from(self.product)]);
        let (len, inner) = (x.shape()[axis], x.shape()[axis + 1..].iter().product::<usize>());
        let mut y = elements::<T>(x)?.to_vec();
        if !y.is_empty() {
            for block in y.chunks_exact_mut(len * inner) {
                for lane in 0..inner {
                    let mut total = neutral;
                    for step in 0..len {
                        let at = if self.reverse { len - 1 - step } else { step };
                        let y = &mut block[at * inner + lane];
                        let next = combine(total, *y);
                        *y = if self.exclusive { total } else { next };
                        total = next;
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
        Ok(tvec!(match x.datum_type() {
            DatumType::F16 => self.fold(x, axis, [f16::ZERO, f16::ONE], [|a, b| a + b, |a, b| a * b])?,
            DatumType::F32 => self.fold(x, axis, [0f32, 1f32], [|a, b| a + b, |a, b| a * b])?,
            DatumType::F64 => self.fold(x, axis, [0f64, 1f64], [|a, b| a + b, |a, b| a * b])?,
            DatumType::I32 => self.fold(x, axis, [0, 1], [i32::wrapping_add, i32::wrapping_mul])?,
            DatumType::I64 => self.fold(x, axis, [0, 1], [i64::wrapping_add, i64::wrapping_mul])?,
            DatumType::U32 => self.fold(x, axis, [0, 1], [u32::wrapping_add, u32::wrapping_mul])?,
            DatumType::U64 => self.fold(x, axis, [0, 1], [u64::wrapping_add, u64::wrapping_mul])?,
            other => bail!("expected numbers, got {other:?}"),
        }))
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
    fn an_axis_that_is_none_is_refused() {
        let error = compute(products(0, 0), &[Some(tensor1(&[1f32])), Some(tensor0(1i64))]).unwrap_err();
        assert!(format!("{error:#}").contains("expected an axis of -1..1, got 1"));
    }
}
