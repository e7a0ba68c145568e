//! `ai.onnx.Split`: upstream's where the lengths are known before the run, an own one else.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Split.html>.
//! Inputs: any type, and the length of each part along the axis, int64. Outputs: the parts. Errors: lengths that are
//! negative, do not add up to the axis', or are more or fewer than the outputs.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{axis, pick_along};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(crate) fn split(ctx: &ParsingContext, node: &NodeProto) -> Built {
    if node.input.get(1).is_none_or(String::is_empty) {
        return upstream::build(ctx, node);
    }
    let kernel = Split { axis: node.get_attr_opt("axis")?.unwrap_or(0), parts: node.output.len() };
    upstream::build_or(ctx, node, |inputs| upstream::are_known(inputs, &[1]), kernel)
}

#[derive(Debug)]
struct Split {
    axis: i64,
    parts: usize,
}

impl Kernel for Split {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, parts] = kernel::required(inputs)?;
        kernel::accept("the lengths", parts, &[DatumType::I64])?;
        let axis = axis(self.axis, x.shape.len())?;
        let part = |part: usize| {
            let mut shape = x.shape.to_tvec();
            shape[axis] = lengths.unknown(part, axis);
            x.datum_type.fact(shape)
        };
        Ok((0..self.parts).map(part).collect())
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, parts] = kernel::required(&inputs)?;
        let (axis, parts) = (axis(self.axis, x.rank())?, elements::<i64>(parts)?);
        let len = x.shape()[axis];
        let whole = parts.iter().try_fold(0i64, |sum, part| sum.checked_add(*part).filter(|_| *part >= 0));
        ensure!(
            parts.len() == self.parts && whole == Some(len as i64),
            "expected {} lengths that add up to {len}, got {parts:?}",
            self.parts
        );
        let mut maps: Vec<Vec<usize>> = x.shape().iter().map(|len| (0..*len).collect()).collect();
        let (mut outputs, mut start) = (tvec!(), 0);
        for part in parts {
            let end = start + *part as usize;
            maps[axis] = (start..end).collect();
            outputs.push(pick_along(x, &maps, None)?);
            start = end;
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    fn split() -> NodeProto {
        let mut node = node("", "Split", vec![]);
        node.output = vec!["a".into(), "b".into()];
        node
    }

    #[test]
    fn lengths_may_come_at_run_time() {
        let inputs = [Some(tensor1(&[1f32, 2., 3.])), Some(tensor1(&[1i64, 2]))];
        expect(split(), &inputs, &[tensor1(&[1f32]), tensor1(&[2f32, 3.])]);
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for parts in [[1i64, 1], [-1, 4], [i64::MAX, 2]] {
            let inputs = [Some(tensor1(&[1f32, 2., 3.])), Some(tensor1(&parts))];
            assert!(compute(split(), &inputs).is_err());
        }
    }
}
