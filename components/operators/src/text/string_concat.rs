//! `ai.onnx.StringConcat`: two string tensors, appended element by element.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__StringConcat.html>.
//! Inputs of shapes that broadcast as in NumPy; output strings of the broadcast shape.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths};

pub(crate) fn string_concat(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, StringConcat)
}

#[derive(Debug)]
struct StringConcat;

impl Kernel for StringConcat {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, y] = kernel::required(inputs)?;
        kernel::accept("the first input", x, &[DatumType::String])?;
        kernel::accept("the second input", y, &[DatumType::String])?;
        Ok(tvec!(String::fact(multi_broadcast(&[&*x.shape, &*y.shape])?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, y] = kernel::required(&inputs)?;
        let shape = multi_broadcast(&[x.shape(), y.shape()])?;
        kernel::checked_len(&shape)?;
        let (x, y) = (x.to_plain_array_view::<String>()?, y.to_plain_array_view::<String>()?);
        let (Some(x), Some(y)) = (x.broadcast(&*shape), y.broadcast(&*shape)) else {
            bail!("expected shapes that broadcast, got {:?} and {:?}", x.shape(), y.shape())
        };
        let joined = x.iter().zip(y.iter()).map(|(x, y)| [x.as_str(), y].concat());
        Ok(tvec!(kernel::tensor_of(&shape, joined.collect::<Vec<_>>())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    fn text(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn check(x: Tensor, y: Tensor, z: Tensor) {
        expect(node("", "StringConcat", vec![]), &[Some(x), Some(y)], &[z]);
    }

    #[test]
    fn the_second_is_appended_to_the_first() {
        check(text(&["abc", "", "漢"]), text(&[".com", "x", "字"]), text(&["abc.com", "x", "漢字"]));
    }

    #[test]
    fn shapes_broadcast() {
        let column = || text(&["a", "b"]).into_shape(&[2, 1]).unwrap();
        let expect = text(&["ax", "ay", "bx", "by"]).into_shape(&[2, 2]).unwrap();
        check(column(), text(&["x", "y"]), expect);
        check(text(&["a"]).into_shape(&[]).unwrap(), text(&["x", "y"]), text(&["ax", "ay"]));
        let x = text(&["a", "b"]);
        let error = compute(node("", "StringConcat", vec![]), &[Some(x), Some(text(&["a", "b", "c"]))]);
        assert!(format!("{:#}", error.unwrap_err()).contains("broadcast"));
    }
}
