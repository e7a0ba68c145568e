//! `ai.onnx.Unique`: the distinct elements of a tensor, or its distinct slices along an axis.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Unique.html>.
//! Input: any type. Outputs: the distinct ones, sorted or in the order they came first; where each came first; for each
//! of the input's its place among them; how often each came. Slices are compared element by element. As in NumPy, NaN is
//! equal to NaN and greater than every number. Errors: an axis that the input does not have.

use std::cmp::Ordering;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{axis, pick};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn unique(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let sorted = node.get_attr_opt::<i64>("sorted")?.unwrap_or(1) != 0;
    kernel::wire(ctx, node, Unique { axis: node.get_attr_opt("axis")?, sorted })
}

#[derive(Debug)]
struct Unique {
    axis: Option<i64>,
    sorted: bool,
}

impl Kernel for Unique {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let axis = self.axis.map(|ix| axis(ix, x.rank())).transpose()?;
        let count = lengths.unknown(0, axis.unwrap_or(0));
        let (mut shape, mut all) = (tvec!(count.clone()), x.shape.volume());
        if let Some(axis) = axis {
            shape = x.shape.to_tvec();
            all = std::mem::replace(&mut shape[axis], count.clone());
        }
        let counts = i64::fact(&[count]);
        Ok(tvec!(x.datum_type.fact(shape), counts.clone(), i64::fact(&[all]), counts))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let axis = self.axis.map(|ix| axis(ix, x.rank())).transpose()?;
        let slices = match axis {
            None => Slices { outer: 1, len: x.len(), inner: 1 },
            Some(axis) => Slices {
                outer: x.shape()[..axis].iter().product(),
                len: x.shape()[axis],
                inner: x.shape()[axis + 1..].iter().product(),
            },
        };
        let dt = x.datum_type();
        let order = match dt {
            DatumType::String => slices.order_of(elements::<String>(x)?, Ord::cmp),
            DatumType::U64 => slices.order_of(elements::<u64>(x)?, Ord::cmp),
            dt if dt.is_float() => slices.order_of(elements::<f64>(&*x.cast_to::<f64>()?)?, nan_last),
            _ => slices.order_of(elements::<i64>(&*x.cast_to::<i64>()?)?, Ord::cmp),
        };
        let found = Found::new(slices.len, order, self.sorted);

        let (outer, count) = (0..slices.outer, found.first.len());
        let sources: Vec<usize> =
            outer.flat_map(|outer| found.first.iter().map(move |first| outer * slices.len + first)).collect();
        let mut shape: TVec<usize> = tvec!(count);
        if let Some(axis) = axis {
            shape = x.shape().into();
            shape[axis] = count;
        }
        let distinct = pick(x, &shape, slices.inner, &sources, None)?;
        let indices = |all: &[usize]| tensor1(&all.iter().map(|ix| *ix as i64).collect::<Vec<_>>());
        Ok(tvec!(distinct, indices(&found.first), indices(&found.places), indices(&found.counts)))
    }
}

fn nan_last(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[derive(Clone, Copy)]
struct Slices {
    outer: usize,
    len: usize,
    inner: usize,
}

impl Slices {
    /// The slices in ascending order, equal ones as they came; with each, whether it is greater than the one before.
    fn order_of<T>(self, x: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<(usize, bool)> {
        let row = |slice: usize| {
            (0..self.outer).flat_map(move |outer| &x[(outer * self.len + slice) * self.inner..][..self.inner])
        };
        self.order(&|a, b| {
            let orders = row(a).zip(row(b)).map(|(a, b)| compare(a, b));
            orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        })
    }

    /// Not generic: each sort of its own is some ten thousand bytes of the component.
    fn order(self, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<(usize, bool)> {
        let mut order: Vec<usize> = (0..self.len).collect();
        order.sort_by(|a, b| compare(*a, *b));
        let greater = |at: usize| at == 0 || compare(order[at - 1], order[at]).is_ne();
        order.iter().enumerate().map(|(at, slice)| (*slice, greater(at))).collect()
    }
}

struct Found {
    first: Vec<usize>,
    places: Vec<usize>,
    counts: Vec<usize>,
}

impl Found {
    fn new(len: usize, order: Vec<(usize, bool)>, sorted: bool) -> Self {
        let mut found = Self { first: vec![], places: vec![0; len], counts: vec![] };
        for (slice, greater) in order {
            if greater {
                found.first.push(slice);
                found.counts.push(0);
            }
            let place = found.first.len() - 1;
            found.places[slice] = place;
            found.counts[place] += 1;
        }
        if !sorted {
            let mut as_they_came: Vec<usize> = (0..found.first.len()).collect();
            as_they_came.sort_by_key(|place| found.first[*place]);
            let mut renamed = vec![0; as_they_came.len()];
            as_they_came.iter().enumerate().for_each(|(new, old)| renamed[*old] = new);
            found.places.iter_mut().for_each(|place| *place = renamed[*place]);
            found.counts = as_they_came.iter().map(|old| found.counts[*old]).collect();
            found.first.sort_unstable();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, int, node, refuse};

    fn unique(sorted: i64, axis: Option<i64>) -> NodeProto {
        let mut attributes = vec![int("sorted", sorted)];
        attributes.extend(axis.map(|axis| int("axis", axis)));
        let mut node = node("", "Unique", attributes);
        node.output = ["y", "first", "places", "counts"].map(String::from).into();
        node
    }

    #[test]
    fn elements_come_sorted_or_as_they_came() {
        let x = || Some(tensor1(&[2i32, 1, 1, 3, 4, 3]));
        let sorted = [
            tensor1(&[1i32, 2, 3, 4]),
            tensor1(&[1i64, 0, 3, 4]),
            tensor1(&[1i64, 0, 0, 2, 3, 2]),
            tensor1(&[2i64, 1, 2, 1]),
        ];
        expect(unique(1, None), &[x()], &sorted);
        let came = [
            tensor1(&[2i32, 1, 3, 4]),
            tensor1(&[0i64, 1, 3, 4]),
            tensor1(&[0i64, 1, 1, 2, 3, 2]),
            tensor1(&[1i64, 2, 2, 1]),
        ];
        expect(unique(0, None), &[x()], &came);
    }

    #[test]
    fn slices_are_compared_along_an_axis() {
        let x = tensor2(&[[1f32, 0., 0.], [1., 0., 0.], [2., 3., 4.]]);
        let rows = [
            tensor2(&[[1f32, 0., 0.], [2., 3., 4.]]),
            tensor1(&[0i64, 2]),
            tensor1(&[0i64, 0, 1]),
            tensor1(&[2i64, 1]),
        ];
        expect(unique(1, Some(0)), &[Some(x.clone())], &rows);
        let columns = tensor2(&[[0f32, 0., 1.], [0., 0., 1.], [3., 4., 2.]]);
        let counts = tensor1(&[1i64, 1, 1]);
        expect(
            unique(1, Some(-1)),
            &[Some(x)],
            &[columns, tensor1(&[1i64, 2, 0]), tensor1(&[2i64, 0, 1]), counts],
        );
    }

    #[test]
    fn strings_and_nans_have_an_order() {
        let words = tensor1(&["b".to_string(), "a".into(), "b".into()]);
        let distinct = tensor1(&["a".to_string(), "b".into()]);
        expect(
            unique(1, None),
            &[Some(words)],
            &[distinct, tensor1(&[1i64, 0]), tensor1(&[1i64, 0, 1]), tensor1(&[1i64, 2])],
        );
        let x = tensor1(&[f32::NAN, 1., f32::NAN]);
        let distinct = tensor1(&[1., f32::NAN]);
        expect(
            unique(1, None),
            &[Some(x)],
            &[distinct, tensor1(&[1i64, 0]), tensor1(&[1i64, 0, 1]), tensor1(&[1i64, 2])],
        );
    }

    #[test]
    fn an_axis_that_is_none_is_refused() {
        refuse(unique(1, Some(1)), tensor1(&[1f32]), "expected an axis of -1..1, got 1");
    }
}
