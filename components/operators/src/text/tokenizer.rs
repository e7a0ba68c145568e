//! `com.microsoft.Tokenizer`: strings as rows of tokens; skl2onnx writes it for text vectorizers.
//!
//! Source: <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Tokenizer>.
//! Input strings `[C]` or `[N, C]`; output strings with one more axis of the most tokens of a string, short rows filled up
//! with `pad_value`. Tokens are the characters, line ends too, where `separators` is one empty string or `tokenexp` alone
//! is a dot; else what lies between `separators`, applied one after the other; else the matches of `tokenexp`. Both are
//! regular expressions, see [`super::re2`], of which the longest match counts; an empty match does not. Tokens of less
//! than `mincharnum` characters are dropped. With `mark` a row begins with U+0002 and ends, before the padding, with
//! U+0003; without any token there are no marks. Errors: neither separators nor `tokenexp`, an expression that is not
//! valid, another shape.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::re2::Re2;
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn tokenizer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let separators = attributes::strings(node, "separators")?;
    let expression = node.get_attr_opt::<&str>("tokenexp")?.filter(|expression| !expression.is_empty());
    let min_chars = node.get_attr_opt::<i64>("mincharnum")?.unwrap_or(1);
    let characters = if separators.is_empty() { expression == Some(".") } else { separators == [""] };
    let tokens = match (&separators[..], expression) {
        _ if characters && min_chars == 1 => Tokens::Characters,
        _ if characters => bail!("expected a mincharnum of 1 for tokens of one character, got {min_chars}"),
        ([], None) => bail!("expected separators or tokenexp, both are absent or empty"),
        ([], Some(expression)) => Tokens::Matching(Re2::new(expression)?),
        (separators, _) => {
            ensure!(!separators.contains(&String::new()), "expected separators that are not empty, one is");
            Tokens::Between(
                separators.iter().map(|separator| Re2::new(separator)).collect::<TractResult<_>>()?,
            )
        }
    };
    let tokenizer = Tokenizer {
        tokens,
        min_chars: usize::try_from(min_chars)
            .ok()
            .filter(|min| *min > 0)
            .with_context(|| format!("expected a mincharnum of at least 1, got {min_chars}"))?,
        mark: node.get_attr_opt::<i64>("mark")?.unwrap_or(0) != 0,
        pad: node.get_attr_opt("pad_value")?.unwrap_or_default(),
    };
    kernel::wire(ctx, node, tokenizer)
}

#[derive(Debug)]
struct Tokenizer {
    tokens: Tokens,
    min_chars: usize,
    mark: bool,
    pad: String,
}

#[derive(Debug)]
enum Tokens {
    Characters,
    Between(Vec<Re2>),
    Matching(Re2),
}

impl Tokenizer {
    fn rows<'a>(&self, texts: &'a [String]) -> Vec<Vec<&'a str>> {
        let mut rows: Vec<Vec<&str>> = match &self.tokens {
            Tokens::Characters => texts.iter().map(|text| text.split_inclusive(|_| true).collect()).collect(),
            Tokens::Between(separators) => {
                let mut rows: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
                for separator in separators {
                    let mut scratch = separator.scratch();
                    for row in &mut rows {
                        let mut parts = vec![];
                        for text in row.iter() {
                            let mut from = 0;
                            each_match(
                                text,
                                |from| separator.find(&mut scratch, text, from),
                                |start, end| {
                                    parts.extend(text.get(from..start));
                                    from = end;
                                },
                            );
                            parts.extend(text.get(from..));
                        }
                        *row = parts;
                    }
                }
                rows
            }
            Tokens::Matching(expression) => {
                let mut scratch = expression.scratch();
                let mut row = |text: &'a String| {
                    let mut row = vec![];
                    each_match(
                        text,
                        |from| expression.find(&mut scratch, text, from),
                        |start, end| row.extend(text.get(start..end)),
                    );
                    row
                };
                texts.iter().map(&mut row).collect()
            }
        };
        for row in &mut rows {
            row.retain(|token| token.chars().take(self.min_chars).count() == self.min_chars);
        }
        if self.mark && rows.iter().any(|row| !row.is_empty()) {
            for row in &mut rows {
                row.insert(0, "\u{2}");
                row.push("\u{3}");
            }
        }
        rows
    }
}

/// Calls `see` with every match in `text` that is not empty.
fn each_match(
    text: &str,
    mut find: impl FnMut(usize) -> Option<(usize, usize)>,
    mut see: impl FnMut(usize, usize),
) {
    let mut from = 0;
    while let Some((start, end)) = find(from) {
        if start < end {
            see(start, end);
            from = end;
        } else {
            // The next character, or the end.
            let Some(next) = text.get(end..).and_then(|rest| rest.chars().next()) else { break };
            from = end + next.len_utf8();
        }
    }
}

impl Kernel for Tokenizer {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::String])?;
        ensure!(matches!(x.rank(), 1 | 2), "expected an input [C] or [N, C], got shape {:?}", x.shape);
        let shape = x.shape.iter().cloned().chain([lengths.unknown(0, x.rank())]);
        Ok(tvec!(String::fact(shape.collect::<TVec<_>>())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        Ok(tvec!(super::padded(x.shape(), &self.rows(elements::<String>(x)?), &self.pad)?))
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

    fn tokenizer(mut attributes: Vec<AttributeProto>) -> NodeProto {
        attributes.push(string("pad_value", "#"));
        node("com.microsoft", "Tokenizer", attributes)
    }

    /// The tokens are onnxruntime's.
    fn check(attributes: Vec<AttributeProto>, x: &[&str], rows: &[&[&str]]) {
        let width = rows.first().map_or(0, |row| row.len());
        let rows = text(&rows.concat()).into_shape(&[x.len(), width]).unwrap();
        expect(tokenizer(attributes), &[Some(text(x))], &[rows]);
    }

    #[test]
    fn one_empty_separator_gives_characters() {
        let rows: &[&[&str]] = &[&["a", "b", "c"], &["é", "#", "#"], &["#", "#", "#"]];
        check(vec![strings("separators", &[""])], &["abc", "é", ""], rows);
        let marked: &[&[&str]] = &[&["\u{2}", "a", "b", "\u{3}"], &["\u{2}", "é", "\u{3}", "#"]];
        check(vec![strings("separators", &[""]), int("mark", 1)], &["ab", "é"], marked);
        check(vec![strings("separators", &[""]), int("mark", 1)], &["", ""], &[&[], &[]]);
        check(vec![string("tokenexp", ".")], &["a\nb"], &[&["a", "\n", "b"]]);
        check(vec![string("tokenexp", "(.)")], &["a\nb"], &[&["a", "b"]]);
    }

    #[test]
    fn separators_are_expressions_applied_one_after_the_other() {
        let separators = |separators: &[&str]| vec![strings("separators", separators)];
        check(separators(&[" "]), &["a b  c", "", " "], &[&["a", "b", "c"], &["#"; 3], &["#"; 3]]);
        check(separators(&[" ", ","]), &["a,b c"], &[&["a", "b", "c"]]);
        check(separators(&["a", "ab"]), &["xaby"], &[&["x", "by"]]);
        check(separators(&["a|ab"]), &["xaby"], &[&["x", "y"]]);
        check(separators(&["[0-9]+"]), &["a1b22c"], &[&["a", "b", "c"]]);
        check(separators(&["(?i)x"]), &["aXbxc"], &[&["a", "b", "c"]]);
        check(separators(&["."]), &["a.b"], &[&[]]);
    }

    #[test]
    fn an_expression_gives_its_longest_matches() {
        let expression = |expression| vec![string("tokenexp", expression)];
        check(expression("[a-zA-Z0-9_]+"), &["ab, cd e", "é_1"], &[&["ab", "cd", "e"], &["_1", "#", "#"]]);
        check(expression("a|ab"), &["ab"], &[&["ab"]]);
        check(expression("(a)(b)"), &["abab"], &[&["ab", "ab"]]);
        check(expression(r"\b\w\w+\b"), &["aé b"], &[&[]]);
        check(expression("é*"), &["aéc"], &[&["é"]]);
        check(expression("^a"), &["aa"], &[&["a"]]);
        check(expression("."), &["é", "aé"], &[&["é", "#"], &["a", "é"]]);
    }

    #[test]
    fn short_tokens_are_dropped_by_their_characters() {
        let min = |more, min| vec![more, int("mincharnum", min)];
        check(min(strings("separators", &[" "]), 2), &["a bb ccc é"], &[&["bb", "ccc"]]);
        check(min(string("tokenexp", ".+"), 2), &["éé"], &[&["éé"]]);
        check(min(string("tokenexp", ".+"), 3), &["éé"], &[&[]]);
    }

    #[test]
    fn a_batch_gets_one_more_axis() {
        let x = text(&["a b", "c", "d e f", ""]).into_shape(&[2, 2]).unwrap();
        let rows = ["a", "b", "#", "c", "#", "#", "d", "e", "f", "#", "#", "#"];
        let rows = text(&rows).into_shape(&[2, 2, 3]).unwrap();
        expect(tokenizer(vec![strings("separators", &[" "])]), &[Some(x)], &[rows]);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let x = || text(&["a"]);
        refuse(tokenizer(vec![]), x(), "both are absent");
        refuse(tokenizer(vec![strings("separators", &["", "a"])]), x(), "not empty");
        refuse(tokenizer(vec![strings("separators", &[""]), int("mincharnum", 2)]), x(), "mincharnum of 1");
        refuse(tokenizer(vec![string("tokenexp", "a"), int("mincharnum", 0)]), x(), "at least 1, got 0");
        refuse(tokenizer(vec![string("tokenexp", "(")]), x(), "regular expression");
        let node = tokenizer(vec![string("tokenexp", "a")]);
        refuse(node, x().into_shape(&[1, 1, 1]).unwrap(), "[C] or [N, C]");
    }
}
