//! `com.microsoft.MurmurHash3`: a 32-bit hash of each element.
//!
//! Source: ONNX Runtime's ContribOperators.md; Austin Appleby's MurmurHash3_x86_32, in the public domain.
//! Input of string, 32-bit or 64-bit integers, float or double, of any shape; output of the same shape, uint32 or, with
//! `positive` 0, int32. A string is hashed as its UTF-8 bytes, a number as its little-endian ones. `seed` is 0 unless given.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

const TYPES: [DatumType; 7] = [
    DatumType::String,
    DatumType::I32,
    DatumType::U32,
    DatumType::I64,
    DatumType::U64,
    DatumType::F32,
    DatumType::F64,
];

pub(crate) fn murmur_hash3(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let seed = node.get_attr_opt::<i64>("seed")?.unwrap_or(0) as u32;
    let positive = node.get_attr_opt::<i64>("positive")?.unwrap_or(1) != 0;
    kernel::wire(ctx, node, MurmurHash3 { seed, positive })
}

#[derive(Debug)]
struct MurmurHash3 {
    seed: u32,
    positive: bool,
}

impl Kernel for MurmurHash3 {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &TYPES)?;
        let datum_type = if self.positive { u32::datum_type() } else { i32::datum_type() };
        Ok(tvec!(datum_type.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let hashes: Vec<u32> = if x.datum_type() == String::datum_type() {
            elements::<String>(x)?.iter().map(|text| hash(text.as_bytes(), self.seed)).collect()
        } else {
            x.as_bytes().chunks_exact(x.datum_type().size_of()).map(|bytes| hash(bytes, self.seed)).collect()
        };
        let output = if self.positive {
            kernel::tensor_of(x.shape(), hashes)?
        } else {
            kernel::tensor_of(x.shape(), hashes.into_iter().map(u32::cast_signed).collect())?
        };
        Ok(tvec!(output))
    }
}

fn hash(bytes: &[u8], seed: u32) -> u32 {
    let mixed = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for word in words {
        hash ^= mixed(u32::from_le_bytes(*word));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        hash ^= mixed(rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, int, node};

    fn text(values: &[&str]) -> Option<Tensor> {
        Some(tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>()))
    }

    #[test]
    fn strings_are_hashed_as_scikit_learn_does() {
        let node = node("com.microsoft", "MurmurHash3", vec![int("positive", 0)]);
        // sklearn.utils.murmurhash3_32 of the same strings.
        let hashes = tensor1(&[0i32, 1_009_084_850, -1_277_324_294, 774_705_101]);
        expect(node, &[text(&["", "a", "abc", "hello world!"])], &[hashes]);
    }
}
