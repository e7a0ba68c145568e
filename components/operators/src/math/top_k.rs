//! `ai.onnx.TopK`: the largest or smallest elements along an axis, and where they are.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__TopK.html>.
//! Inputs: numbers of any type and shape, and how many of them, int64 `[1]` (before opset 10 the attribute
//! `k`). Outputs: the elements, from the largest (`largest` 0: the smallest) on, and their indices, int64. Of
//! equal ones the first comes first; what is not a number comes last. tract gives more than there are.
//! Errors: a count that is negative or more than the axis has, an axis that the input does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::indices::axis_of;
use super::number::{Number, with_number};
use crate::array::pick::pick;
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
        let keys = with_number!(x.datum_type(), keys(x, self.largest))?;
        let mut shape = x.shape().to_vec();
        shape[axis] = k;
        let (sources, indices) = first_of_lanes(&keys, len, &shape, axis);
        let values = pick(x, &shape, 1, &sources, None)?;
        Ok(tvec!(values, kernel::tensor_of(&shape, indices)?))
    }
}

/// For each element an integer that is the less the earlier it comes. Sorting these, and not the elements themselves, there
/// is one sort in the component and not one for each type.
fn keys<T: Number>(x: &Tensor, largest: bool) -> TractResult<Vec<u64>> {
    let key = |x: &T| match (x.as_().is_nan(), largest) {
        (true, _) => u64::MAX,
        (false, true) => !x.ordered(),
        (false, false) => x.ordered(),
    };
    Ok(elements::<T>(x)?.iter().map(key).collect())
}

/// The places of the first elements of each lane along `axis`, in the order of an output of `shape`, among all elements and
/// within the lane. Of equal ones the first comes first.
fn first_of_lanes(keys: &[u64], len: usize, shape: &[usize], axis: usize) -> (Vec<usize>, Vec<i64>) {
    let (k, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let count = shape.iter().product::<usize>();
    let (mut sources, mut indices) = (vec![0; count], vec![0; count]);
    let mut lane = Vec::with_capacity(len);
    for start in 0..count / k.max(1) {
        let (outer, within) = (start / inner, start % inner);
        let at = |ix: usize| (outer * len + ix) * inner + within;
        lane.clear();
        lane.extend((0..len).map(|ix| (keys[at(ix)], ix)));
        if k < len && k > 0 {
            lane.select_nth_unstable(k - 1);
            lane.truncate(k);
        }
        lane.sort_unstable();
        for (rank, (_, ix)) in lane.iter().enumerate() {
            let to = (outer * k + rank) * inner + within;
            (sources[to], indices[to]) = (at(*ix), *ix as i64);
        }
    }
    (sources, indices)
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
    fn signs_and_sizes_are_in_order_and_both_zeros_are_equal() {
        let sorted = |x: Tensor, largest: i64, values: Tensor, indices: &[i64]| {
            let inputs = [Some(x), Some(tensor1(&[indices.len() as i64]))];
            expect(top_k(vec![int("largest", largest)]), &inputs, &[values, tensor1(indices)]);
        };
        let x = || tensor1(&[-0.0f32, -2.5, 0.0, 1e-40, f32::INFINITY, -1e-40]);
        let least = tensor1(&[-2.5f32, -1e-40, -0.0, 0.0, 1e-40, f32::INFINITY]);
        sorted(x(), 0, least, &[1, 5, 0, 2, 3, 4]);
        sorted(x(), 1, tensor1(&[f32::INFINITY, 1e-40, -0.0]), &[4, 3, 0]);
        sorted(tensor1(&[-1i8, 0, -128, 127]), 0, tensor1(&[-128i8, -1, 0, 127]), &[2, 0, 1, 3]);
        sorted(tensor1(&[1u64, u64::MAX, 0]), 1, tensor1(&[u64::MAX, 1, 0]), &[1, 0, 2]);
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
