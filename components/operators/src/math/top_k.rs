//! `ai.onnx.TopK`: the largest or smallest elements along an axis, and where they are.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__TopK.html>.
//! Inputs: numbers of any type and shape, and how many of them, int64 `[1]` (before opset 10 the attribute
//! `k`). Outputs: the elements, from the largest (`largest` 0: the smallest) on, and their indices, int64. Of
//! equal ones the first comes first; what is not a number comes last. tract gives more than there are.
//! Errors: a count that is negative or more than the axis has, an axis that the input does not have.

use std::cmp::Ordering;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::indices::axis_of;
use super::number::{Number, with_number};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(super) fn top_k(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let axis = node.get_attr_opt("axis")?.unwrap_or(-1);
    let largest = node.get_attr_opt("largest")?.unwrap_or(1i64) != 0;
    let k = if ctx.onnx_operator_set_version < 10 { Some(node.get_attr("k")?) } else { None };
    kernel::wire(ctx, node, TopK { axis, largest, k })
}

#[derive(Clone, Copy, Debug)]
struct TopK {
    axis: i64,
    largest: bool,
    k: Option<i64>,
}

impl Kernel for TopK {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let axis = axis_of(self.axis, x.rank())?;
        let k = match (self.k, kernel::optional(inputs, 1).and_then(kernel::ints_of).as_deref()) {
            (Some(k), _) => k.to_dim(),
            (None, Some([k])) => k.clone(),
            _ => lengths.unknown(0, axis),
        };
        let mut shape: TVec<TDim> = x.shape.iter().cloned().collect();
        shape[axis] = k;
        Ok(tvec!(x.datum_type.fact(shape.clone()), i64::fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let k = match (self.k, kernel::optional(&inputs, 1)) {
            (Some(k), _) => k,
            (None, Some(k)) => {
                let k = k.cast_to::<i64>()?;
                let &[k] = elements::<i64>(&k)? else { bail!("expected one count, got {k:?}") };
                k
            }
            (None, None) => bail!("expected a count"),
        };
        let axis = axis_of(self.axis, x.rank())?;
        let len = x.shape()[axis];
        let count = usize::try_from(k).ok().filter(|count| *count <= len);
        let k = count.with_context(|| format!("expected a count of up to {len} elements, got {k}"))?;
        with_number!(x.datum_type(), of_lanes(x, axis, k, self.largest))
    }
}

fn of_lanes<T: Number>(x: &Tensor, axis: usize, k: usize, largest: bool) -> TractResult<TVec<Tensor>> {
    let elements = elements::<T>(x)?;
    let mut shape = x.shape().to_vec();
    let len = std::mem::replace(&mut shape[axis], k);
    let inner = shape[axis + 1..].iter().product::<usize>();
    let count = shape.iter().product::<usize>();
    let (mut values, mut indices) = (vec![T::zero(); count], vec![0i64; count]);
    let before = |a: &T, b: &T| {
        let order = if largest { b.partial_cmp(a) } else { a.partial_cmp(b) };
        order.unwrap_or_else(|| match (a.as_().is_nan(), b.as_().is_nan()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => Ordering::Equal,
        })
    };
    let mut lane: Vec<usize> = Vec::with_capacity(len);
    for start in 0..count / k.max(1) {
        let (outer, within) = (start / inner, start % inner);
        let at = |ix: usize| (outer * len + ix) * inner + within;
        lane.clear();
        lane.extend(0..len);
        // Of equal elements the first: a stable order, whatever the sort does.
        let order = |a: &usize, b: &usize| before(&elements[at(*a)], &elements[at(*b)]).then(a.cmp(b));
        if k < len && k > 0 {
            lane.select_nth_unstable_by(k - 1, order);
            lane.truncate(k);
        }
        lane.sort_unstable_by(order);
        for (rank, ix) in lane.iter().enumerate() {
            let to = (outer * k + rank) * inner + within;
            (values[to], indices[to]) = (elements[at(*ix)], *ix as i64);
        }
    }
    Ok(tvec!(kernel::tensor_of(&shape, values)?, kernel::tensor_of(&shape, indices)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};
    use tract_onnx::pb::AttributeProto;

    fn top_k(attributes: Vec<AttributeProto>) -> NodeProto {
        let mut node = node("", "TopK", attributes);
        node.output = vec!["values".into(), "indices".into()];
        node
    }

    #[test]
    fn the_largest_come_first_and_of_equal_ones_the_first() {
        let inputs = [Some(tensor2(&[[1u32, 3, 3, 2], [9, 8, 7, 9]])), Some(tensor1(&[3i64]))];
        let outputs = [tensor2(&[[3u32, 3, 2], [9, 9, 8]]), tensor2(&[[1i64, 2, 3], [0, 3, 1]])];
        expect(top_k(vec![]), &inputs, &outputs);
    }

    #[test]
    fn the_smallest_are_found_along_any_axis() {
        let x = tensor2(&[[f32::NAN, 3.0], [-1.0, 4.0], [5.0, f32::NEG_INFINITY]]);
        let outputs = [tensor2(&[[-1.0, f32::NEG_INFINITY], [5.0, 3.0]]), tensor2(&[[1i64, 2], [2, 0]])];
        expect(top_k(vec![int("axis", 0), int("largest", 0)]), &[Some(x), Some(tensor1(&[2i64]))], &outputs);
    }

    #[test]
    fn none_may_be_asked_for() {
        let none = Tensor::zero::<f32>(&[0]).unwrap();
        let outputs = [none.clone(), none.cast_to::<i64>().unwrap().into_owned()];
        expect(top_k(vec![]), &[Some(tensor1(&[1f32])), Some(tensor1(&[0i64]))], &outputs);
    }

    #[test]
    fn more_than_there_are_is_refused() {
        for k in [3i64, -1] {
            let inputs = [Some(tensor1(&[1f32, 2.0])), Some(tensor1(&[k]))];
            let error = format!("{:#}", compute(top_k(vec![]), &inputs).unwrap_err());
            assert!(error.contains("a count of up to 2"), "{error}");
        }
    }
}
