//! `ai.onnx.RegexFullMatch`: whether the whole string matches a pattern.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__RegexFullMatch.html>.
//! Input strings of any shape; output bool of the same shape. The pattern is RE2's, see [`super::re2`]. Errors: no
//! pattern, or one that is not valid.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::re2::Re2;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn regex_full_match(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let pattern = Re2::new(node.get_attr("pattern")?)?;
    kernel::wire(ctx, node, RegexFullMatch { pattern })
}

#[derive(Debug)]
struct RegexFullMatch {
    pattern: Re2,
}

impl Kernel for RegexFullMatch {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::String])?;
        Ok(tvec!(bool::fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let mut scratch = self.pattern.scratch();
        let matches =
            elements::<String>(x)?.iter().map(|text| self.pattern.is_full_match(&mut scratch, text));
        Ok(tvec!(kernel::tensor_of(x.shape(), matches.collect::<Vec<_>>())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, node, refuse, string};

    fn matcher(pattern: &str) -> NodeProto {
        node("", "RegexFullMatch", vec![string("pattern", pattern)])
    }

    #[test]
    fn a_part_that_matches_is_not_enough() {
        let x = tensor2(&[["www.google.com".to_string(), "www.google.com/x".into()]]);
        check(matcher(r"www\.[\w.-]+\.\bcom\b"), x, tensor2(&[[true, false]]));
    }

    #[test]
    fn no_pattern_a_wrong_one_and_numbers_are_refused() {
        refuse(node("", "RegexFullMatch", vec![]), tensor1(&["a".to_string()]), "pattern");
        refuse(matcher("("), tensor1(&["a".to_string()]), "got \"(\"");
        refuse(matcher("a"), tensor1(&[1f32]), "got F32");
    }
}
