//! `ai.onnx.StringNormalizer`: drops stop words and changes case.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__StringNormalizer.html>.
//! Input strings `[C]` or `[1, C]`; output strings `[K]` or `[1, K]`, or one empty string where stop words leave nothing.
//! Case changes by character and in no language's own way, as in onnxruntime with a plain locale: a character whose other
//! case is several stays (`ß`), and the attribute `locale` is not read. Stop words are whole elements; they are compared
//! before the case changes, and without regard to case unless `is_case_sensitive`. Errors: another shape, another
//! `case_change_action`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn string_normalizer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let action = match node.get_attr_opt::<&str>("case_change_action")?.unwrap_or("NONE") {
        "NONE" => Case::Same,
        "LOWER" => Case::Lower,
        "UPPER" => Case::Upper,
        other => bail!("expected the case_change_action NONE, LOWER or UPPER, got {other:?}"),
    };
    let is_case_sensitive = node.get_attr_opt::<i64>("is_case_sensitive")?.unwrap_or(0) != 0;
    let compared = match action {
        _ if is_case_sensitive => Case::Same,
        Case::Upper => Case::Upper,
        _ => Case::Lower,
    };
    let stopwords = attributes::strings(node, "stopwords")?;
    let mut stopwords: Vec<String> = stopwords.iter().map(|word| compared.of(word)).collect();
    stopwords.sort_unstable();
    kernel::wire(ctx, node, StringNormalizer { action, compared, stopwords })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    Same,
    Lower,
    Upper,
}

impl Case {
    fn of(self, text: &str) -> String {
        let alone =
            |mut cased: std::char::ToUppercase, c| if cased.len() == 1 { cased.next() } else { Some(c) };
        match self {
            Self::Same => text.into(),
            // Only the first: of `İ`, the one letter that has two, it is the plain `i`.
            Self::Lower => text.chars().filter_map(|c| c.to_lowercase().next()).collect(),
            Self::Upper => text.chars().filter_map(|c| alone(c.to_uppercase(), c)).collect(),
        }
    }
}

#[derive(Debug)]
struct StringNormalizer {
    action: Case,
    /// The case in which stop words are compared.
    compared: Case,
    /// In that case, sorted.
    stopwords: Vec<String>,
}

impl StringNormalizer {
    fn is_stopword(&self, text: &str) -> bool {
        !self.stopwords.is_empty() && self.stopwords.binary_search(&self.compared.of(text)).is_ok()
    }
}

impl Kernel for StringNormalizer {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::String])?;
        ensure!(matches!(x.rank(), 1 | 2), "expected an input [C] or [1, C], got shape {:?}", x.shape);
        let mut shape: TVec<TDim> = tvec!(1.to_dim(); x.rank());
        let axis = x.rank() - 1;
        shape[axis] =
            if self.stopwords.is_empty() { x.shape[axis].clone() } else { lengths.unknown(0, axis) };
        Ok(tvec!(String::fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        ensure!(
            matches!(x.shape(), [_] | [1, _]),
            "expected an input [C] or [1, C], got shape {:?}",
            x.shape()
        );
        let kept = elements::<String>(x)?.iter().filter(|text| !self.is_stopword(text));
        let mut kept: Vec<String> = kept.map(|text| self.action.of(text)).collect();
        if kept.is_empty() && !self.stopwords.is_empty() {
            kept.push(String::new());
        }
        let mut shape = tvec!(1; x.rank());
        shape[x.rank() - 1] = kept.len();
        Ok(tvec!(kernel::tensor_of(&shape, kept)?))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{expect, int, node, refuse, string, strings};

    fn text(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn normalizer(action: &str, mut more: Vec<AttributeProto>) -> NodeProto {
        more.push(string("case_change_action", action));
        node("", "StringNormalizer", more)
    }

    fn check(node: NodeProto, x: &[&str], y: &[&str]) {
        expect(node, &[Some(text(x))], &[text(y)]);
    }

    /// The strings are onnxruntime's with the locale C.UTF-8.
    #[test]
    fn case_changes_by_character() {
        let lower = ["ab", "é", "straße", "ǆ", "i", "ασ"];
        check(normalizer("LOWER", vec![]), &["Ab", "É", "straße", "ǅ", "İ", "ΑΣ"], &lower);
        check(
            normalizer("UPPER", vec![]),
            &["Ab", "é", "straße", "ŉ", "ı"],
            &["AB", "É", "STRAßE", "ŉ", "I"],
        );
        check(node("", "StringNormalizer", vec![]), &["Ab", ""], &["Ab", ""]);
    }

    #[test]
    fn stop_words_are_dropped_whole_and_before_the_case_changes() {
        let words = || vec![strings("stopwords", &["monday"])];
        check(normalizer("UPPER", words()), &["Monday", "monday x", "b"], &["MONDAY X", "B"]);
        check(normalizer("NONE", words()), &["MONDAY", "b"], &["b"]);
        let mut sensitive = words();
        sensitive.push(int("is_case_sensitive", 1));
        check(normalizer("UPPER", sensitive), &["Monday", "monday"], &["MONDAY"]);
    }

    #[test]
    fn where_nothing_remains_there_is_one_empty_string() {
        let node = || normalizer("NONE", vec![strings("stopwords", &["a"])]);
        check(node(), &["a", "A"], &[""]);
        let two = |values: &[&str]| text(values).into_shape(&[1, values.len()]).unwrap();
        expect(node(), &[Some(two(&["a", "A"]))], &[two(&[""])]);
        expect(node(), &[Some(two(&["a", "b"]))], &[two(&["b"])]);
    }

    #[test]
    fn other_actions_and_shapes_are_refused() {
        refuse(normalizer("lower", vec![]), text(&["a"]), "got \"lower\"");
        refuse(normalizer("NONE", vec![]), text(&["a", "b"]).into_shape(&[2, 1]).unwrap(), "[C] or [1, C]");
        refuse(normalizer("NONE", vec![]), text(&["a"]).into_shape(&[1, 1, 1]).unwrap(), "[C] or [1, C]");
    }
}
