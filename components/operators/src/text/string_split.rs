//! `ai.onnx.StringSplit`: each string in parts.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__StringSplit.html>.
//! Input strings of any shape. Outputs: strings with one more axis, as long as the most parts of a string, filled up with
//! empty strings; int64 numbers of parts, of the input's shape. Without `delimiter`, or with an empty one, strings are
//! split where they have whitespace of any kind, and begin and end with none. A negative `maxsplit` sets no limit. The
//! empty string has one part, itself, where there is a delimiter (onnxruntime counts none).

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn string_split(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let max_splits = node.get_attr_opt::<i64>("maxsplit")?.and_then(|max| usize::try_from(max).ok());
    let delimiter = node.get_attr_opt("delimiter")?.unwrap_or_default();
    kernel::wire(ctx, node, StringSplit { delimiter, max_splits: max_splits.unwrap_or(usize::MAX) })
}

#[derive(Debug)]
struct StringSplit {
    delimiter: String,
    max_splits: usize,
}

impl StringSplit {
    fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if self.delimiter.is_empty() {
            return self.split_at_whitespace(text.trim());
        }
        text.splitn(self.max_splits.saturating_add(1), &self.delimiter).collect()
    }

    fn split_at_whitespace<'a>(&self, mut text: &'a str) -> Vec<&'a str> {
        let mut parts = vec![];
        while parts.len() < self.max_splits
            && let Some((part, rest)) = text.split_once(char::is_whitespace)
        {
            parts.push(part);
            text = rest.trim_start();
        }
        parts.extend(Some(text).filter(|text| !text.is_empty()));
        parts
    }
}

impl Kernel for StringSplit {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::String])?;
        let parts: TVec<TDim> = x.shape.iter().cloned().chain([lengths.unknown(0, x.rank())]).collect();
        Ok(tvec!(String::fact(parts), i64::fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let rows: Vec<_> = elements::<String>(x)?.iter().map(|text| self.split(text)).collect();
        let counts = rows.iter().map(|row| row.len() as i64).collect::<Vec<_>>();
        Ok(tvec!(super::padded(x.shape(), &rows, "")?, kernel::tensor_of(x.shape(), counts)?))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{expect, int, node, string};

    fn text(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn check(attributes: Vec<AttributeProto>, x: &[&str], parts: &[&[&str]], counts: &[i64]) {
        let mut node = node("", "StringSplit", attributes);
        node.output.push("z".into());
        let width = parts.first().map_or(0, |row| row.len());
        let parts = text(&parts.concat()).into_shape(&[x.len(), width]).unwrap();
        expect(node, &[Some(text(x))], &[parts, tensor1(counts)]);
    }

    #[test]
    fn delimiters_beside_each_other_delimit_empty_strings() {
        let comma = vec![string("delimiter", ",")];
        check(comma, &["a,b,,c", "", ","], &[&["a", "b", "", "c"], &[""; 4], &[""; 4]], &[4, 1, 2]);
        check(vec![string("delimiter", "aa")], &["aaa"], &[&["", "a"]], &[2]);
    }

    #[test]
    fn whitespace_separates_in_any_amount_and_is_trimmed() {
        let parts: &[&[&str]] = &[&["a", "b", "c"], &[""; 3], &["a", "b", ""]];
        check(vec![], &[" a b  c ", " ", "\ta\nb"], parts, &[3, 0, 2]);
        check(vec![string("delimiter", "")], &["", ""], &[&[], &[]], &[0, 0]);
    }

    #[test]
    fn after_the_last_allowed_split_the_rest_stays_whole() {
        check(vec![int("maxsplit", 2)], &["a b c  d "], &[&["a", "b", "c  d"]], &[3]);
        check(vec![int("maxsplit", 0)], &[" a b "], &[&["a b"]], &[1]);
        check(vec![int("maxsplit", 1), string("delimiter", ",")], &["a,b,c"], &[&["a", "b,c"]], &[2]);
        check(vec![int("maxsplit", -1)], &["a b c"], &[&["a", "b", "c"]], &[3]);
        check(vec![int("maxsplit", i64::MAX), string("delimiter", ",")], &["a,b"], &[&["a", "b"]], &[2]);
    }
}
