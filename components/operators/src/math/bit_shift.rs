//! `ai.onnx.BitShift`: shifts the bits of integers.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__BitShift.html>.
//! Inputs of the same integer type, broadcast to each other. The shift to the right keeps the sign. A shift
//! that is negative or moves every bit out leaves the sign, so 0 or -1, to the right, and 0 to the left;
//! tract panics on it. Errors: an unknown direction, types that are no integers, shapes that do not
//! broadcast.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::tract_num_traits::PrimInt;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths};

pub(super) fn bit_shift(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let right = match node.get_attr::<&str>("direction")? {
        "LEFT" => false,
        "RIGHT" => true,
        other => bail!("expected the direction LEFT or RIGHT, got {other}"),
    };
    kernel::wire(ctx, node, BitShift { right })
}

#[derive(Debug)]
struct BitShift {
    right: bool,
}

impl Kernel for BitShift {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, by] = kernel::required(inputs)?;
        ensure!(x.datum_type.is_integer(), "expected integers to shift, got {:?}", x.datum_type);
        kernel::accept("a shift", by, &[x.datum_type])?;
        let shape = multi_broadcast(&[x.shape.dims(), by.shape.dims()])?;
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, by] = kernel::required(&inputs)?;
        let shape = multi_broadcast(&[x.shape(), by.shape()])?;
        let by = by.cast_to::<i64>()?;
        let shifted = match x.datum_type() {
            DatumType::U8 => self.shift::<u8>(x, &by, &shape),
            DatumType::U16 => self.shift::<u16>(x, &by, &shape),
            DatumType::U32 => self.shift::<u32>(x, &by, &shape),
            DatumType::U64 => self.shift::<u64>(x, &by, &shape),
            DatumType::I8 => self.shift::<i8>(x, &by, &shape),
            DatumType::I16 => self.shift::<i16>(x, &by, &shape),
            DatumType::I32 => self.shift::<i32>(x, &by, &shape),
            DatumType::I64 => self.shift::<i64>(x, &by, &shape),
            other => bail!("expected integers to shift, got {other:?}"),
        };
        Ok(tvec!(shifted?))
    }
}

impl BitShift {
    fn shift<T: Datum + PrimInt>(&self, x: &Tensor, by: &Tensor, shape: &[usize]) -> TractResult<Tensor> {
        let [x, by] = [x, by].map(|tensor| tensor.broadcast_to_shape(shape));
        let (x, by) = (x?, by?);
        let bits = size_of::<T>() * 8;
        let shift = |(x, by): (&T, &i64)| match usize::try_from(*by) {
            Ok(by) if by < bits => {
                if self.right {
                    *x >> by
                } else {
                    *x << by
                }
            }
            // The other half is all sign, so one more bit of it is.
            _ if self.right => (*x >> (bits / 2)) >> (bits / 2),
            _ => T::zero(),
        };
        let shifted = kernel::elements::<T>(&x)?.iter().zip(kernel::elements::<i64>(&by)?).map(shift);
        kernel::tensor_of(shape, shifted.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn shift(direction: &str) -> NodeProto {
        node("", "BitShift", vec![string("direction", direction)])
    }

    #[test]
    fn bits_move_and_shapes_broadcast() {
        let x = || Some(tensor2(&[[1u8], [200]]));
        let by = || Some(tensor1(&[1u8, 2]));
        expect(shift("LEFT"), &[x(), by()], &[tensor2(&[[2u8, 4], [144, 32]])]);
        expect(shift("RIGHT"), &[x(), by()], &[tensor2(&[[0u8, 0], [100, 50]])]);
    }

    #[test]
    fn a_shift_to_the_right_keeps_the_sign() {
        let inputs = [Some(tensor1(&[-8i32, 8])), Some(tensor1(&[1i32]))];
        expect(shift("RIGHT"), &inputs, &[tensor1(&[-4i32, 4])]);
    }

    #[test]
    fn a_shift_out_of_range_leaves_the_sign() {
        let inputs = [Some(tensor1(&[-8i8, 8, -8, 8])), Some(tensor1(&[8i8, 100, -1, -1]))];
        expect(shift("RIGHT"), &inputs, &[tensor1(&[-1i8, 0, -1, 0])]);
        expect(shift("LEFT"), &inputs, &[tensor1(&[0i8; 4])]);
        let wide = [Some(tensor1(&[u64::MAX])), Some(tensor1(&[64u64]))];
        expect(shift("RIGHT"), &wide, &[tensor1(&[0u64])]);
    }

    #[test]
    fn a_direction_that_onnx_does_not_name_is_refused() {
        let error = compute(shift("UP"), &[Some(tensor1(&[1u8])), Some(tensor1(&[1u8]))]).unwrap_err();
        assert!(format!("{error:#}").contains("got UP"));
    }
}
