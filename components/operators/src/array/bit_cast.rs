//! `ai.onnx.BitCast`: the same bits as another type.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__BitCast.html>.
//! Input: numbers or truths. Output: the type `to`, which is as wide, in the same shape. Errors: strings, types of
//! different width, and bytes other than 0 and 1 as truths.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths};

pub(crate) fn bit_cast(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, BitCast { to: node.get_attr("to")? })
}

#[derive(Debug)]
struct BitCast {
    to: DatumType,
}

impl BitCast {
    fn check(&self, from: DatumType) -> TractResult<()> {
        let plain = |dt: DatumType| (dt.is_number() || dt == bool::datum_type()) && !dt.is_tdim();
        ensure!(
            plain(from) && plain(self.to) && from.size_of() == self.to.size_of(),
            "expected numbers of the same width, got {from:?} to {:?}",
            self.to
        );
        Ok(())
    }
}

impl Kernel for BitCast {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        self.check(x.datum_type)?;
        Ok(tvec!(self.to.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        self.check(x.datum_type())?;
        x.try_as_plain_ram()?;
        let bytes = x.as_bytes();
        if self.to == bool::datum_type() {
            let other = bytes.iter().find(|byte| **byte > 1);
            ensure!(other.is_none(), "expected bytes 0 or 1 as truths, got {other:?}");
        }
        let mut output = Tensor::zero_dt(self.to, x.shape())?;
        if !bytes.is_empty() {
            output.as_bytes_mut().copy_from_slice(bytes);
        }
        Ok(tvec!(output))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::tensor_proto::DataType;

    use super::*;
    use crate::testing::{expect, int, node, refuse};

    fn to(to: DataType) -> NodeProto {
        node("", "BitCast", vec![int("to", to as i64)])
    }

    #[test]
    fn the_bits_stay() {
        expect(
            to(DataType::Int32),
            &[Some(tensor1(&[1f32, -2.5]))],
            &[tensor1(&[0x3f80_0000i32, 0xc020_0000u32 as i32])],
        );
        expect(to(DataType::Uint8), &[Some(tensor1(&[true, false]))], &[tensor1(&[1u8, 0])]);
        expect(to(DataType::Bool), &[Some(tensor1(&[1u8, 0]))], &[tensor1(&[true, false])]);
        expect(to(DataType::Double), &[Some(tensor0(0x4000_0000_0000_0000i64))], &[tensor0(2f64)]);
    }

    #[test]
    fn other_widths_strings_and_bytes_that_are_no_truths_are_refused() {
        refuse(to(DataType::Double), tensor1(&[1f32]), "numbers of the same width, got F32 to F64");
        refuse(to(DataType::Int64), tensor1(&["a".to_string()]), "numbers of the same width");
        refuse(to(DataType::Bool), tensor1(&[2u8]), "expected bytes 0 or 1");
    }
}
