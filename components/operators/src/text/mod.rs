//! Operators on text, one file each: of the domain `ai.onnx`, and the `Tokenizer` of `com.microsoft` that skl2onnx uses.

mod re2;
mod regex_full_match;
mod string_concat;
mod string_normalizer;
mod string_split;
mod tf_idf_vectorizer;
mod tokenizer;

use tract_onnx::tract_hir::internal::*;

use crate::kernel;

/// Adds them to `onnx`.
pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("RegexFullMatch", regex_full_match::regex_full_match);
    register.insert("StringConcat", string_concat::string_concat);
    register.insert("StringNormalizer", string_normalizer::string_normalizer);
    register.insert("StringSplit", string_split::string_split);
    register.insert("TfIdfVectorizer", tf_idf_vectorizer::tf_idf_vectorizer);
    register.insert("Tokenizer", tokenizer::tokenizer);
}

/// Rows of tokens as a tensor with one more axis than `shape`, short rows filled up with `pad`.
fn padded(shape: &[usize], rows: &[Vec<&str>], pad: &str) -> TractResult<Tensor> {
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    let shape: TVec<usize> = shape.iter().copied().chain([width]).collect();
    let mut output: Vec<String> = Vec::with_capacity(kernel::checked_len(&shape)?);
    for row in rows {
        output.extend(row.iter().copied().chain(std::iter::repeat(pad)).take(width).map(Into::into));
    }
    kernel::tensor_of(&shape, output)
}
