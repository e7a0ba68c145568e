//! `ai.onnx.Gather`, `GatherND`, `ScatterElements` and `ScatterND`: read and write the elements that indices
//! tell.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__Gather.html>,
//! <https://onnx.ai/onnx/operators/onnx__GatherND.html>,
//! <https://onnx.ai/onnx/operators/onnx__ScatterElements.html>,
//! <https://onnx.ai/onnx/operators/onnx__ScatterND.html>. Data of any type, indices int32 or int64, where a
//! negative one counts from the end; `GatherND` and `ScatterND` have in the last axis of the indices one for
//! each of the first axes of the data, for `GatherND` after its `batch_dims`. What is scattered replaces the
//! data or, by the attribute `reduction`, is combined with it (numbers only). tract panics on indices out of
//! range and takes no negative ones for the `ND` operators. Its `Gather` is used where the indices are known
//! while typing and in range. Errors: an index out of range, shapes that do not fit each other, an unknown
//! reduction.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::number::{Number, with_number};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(super) fn gather(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let axis = node.get_attr_opt("axis")?.unwrap_or(0);
    let safe = move |inputs: &[TypedFact]| {
        let [data, indices] = inputs else { return true };
        let Some(len) = axis_of(axis, data.rank()).ok().map(|axis| data.shape[axis].to_usize()) else {
            return false;
        };
        match (kernel::ints_of(indices), len) {
            _ if data.datum_type.is_tdim() => true,
            (Some(indices), Ok(len)) => {
                let inside = |ix: &TDim| ix.to_i64().is_ok_and(|ix| index(ix, len).is_ok());
                indices.iter().all(inside)
            }
            _ => false,
        }
    };
    upstream::build_if(ctx, node, safe, Gather { axis })
}

pub(super) fn gather_nd(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, GatherNd { batch: node.get_attr_opt("batch_dims")?.unwrap_or(0) })
}

pub(super) fn scatter_elements(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let axis = node.get_attr_opt("axis")?.unwrap_or(0);
    kernel::wire(ctx, node, Scatter { axis: Some(axis), reduction: Reduction::read(node)? })
}

pub(super) fn scatter_nd(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Scatter { axis: None, reduction: Reduction::read(node)? })
}

/// The axis that ONNX's `axis` of `-rank..rank` means.
pub(super) fn axis_of(axis: i64, rank: usize) -> TractResult<usize> {
    let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    let found = usize::try_from(from_start).ok().filter(|axis| *axis < rank);
    found.with_context(|| format!("expected an axis of an input of rank {rank}, got {axis}"))
}

fn index(ix: i64, len: usize) -> TractResult<usize> {
    let from_start = if ix < 0 { ix.saturating_add(len as i64) } else { ix };
    let found = usize::try_from(from_start).ok().filter(|ix| *ix < len);
    found.with_context(|| format!("expected an index of an axis of length {len}, got {ix}"))
}

fn accept_indices(fact: &TypedFact) -> TractResult<()> {
    kernel::accept("indices", fact, &[DatumType::I32, DatumType::I64, DatumType::TDim])
}

/// The start in `data` of each block that a row of `indices` tells, and the length of a block. The rows
/// belong to `batch` first axes in turn.
fn starts(data: &[usize], indices: &Tensor, batch: usize) -> TractResult<(Vec<usize>, usize)> {
    let Some((&depth, rows)) = indices.shape().split_last() else {
        bail!("expected indices of rank 1 or more")
    };
    ensure!(
        batch <= rows.len() && batch + depth <= data.len() && data[..batch] == rows[..batch],
        "expected indices that fit data {data:?}, got {:?}",
        indices.shape()
    );
    let (outer, inner) = data[batch..].split_at(depth);
    let len = inner.iter().product::<usize>();
    let whole = len * outer.iter().product::<usize>();
    let count = rows.iter().product::<usize>();
    let per_batch = rows[batch..].iter().product::<usize>();
    let indices = indices.cast_to::<i64>()?;
    let indices = elements::<i64>(&indices)?;
    let mut starts = Vec::with_capacity(count);
    for row in 0..count {
        let mut at = 0;
        for (ix, len) in indices[row * depth..][..depth].iter().zip(outer) {
            at = at * len + index(*ix, *len)?;
        }
        starts.push(row / per_batch * whole + at * len);
    }
    Ok((starts, len))
}

/// The blocks of `data` at `starts`.
fn blocks<T: Datum>(data: &Tensor, starts: &[usize], len: usize, shape: &[usize]) -> TractResult<Tensor> {
    let data = elements::<T>(data)?;
    let mut picked = Vec::with_capacity(starts.len() * len);
    for start in starts {
        picked.extend_from_slice(&data[*start..][..len]);
    }
    kernel::tensor_of(shape, picked)
}

#[derive(Debug)]
struct Gather {
    axis: i64,
}

impl Kernel for Gather {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [data, indices] = kernel::required(inputs)?;
        accept_indices(indices)?;
        let axis = axis_of(self.axis, data.rank())?;
        let mut shape: TVec<TDim> = data.shape.iter().cloned().collect();
        shape.remove(axis);
        shape.insert_many(axis, indices.shape.iter().cloned());
        Ok(tvec!(data.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [data, indices] = kernel::required(&inputs)?;
        let axis = axis_of(self.axis, data.rank())?;
        let (outer, inner) = (&data.shape()[..axis], &data.shape()[axis + 1..]);
        let shape = [outer, indices.shape(), inner].concat();
        let (axis_len, len) = (data.shape()[axis], inner.iter().product::<usize>());
        let indices = indices.cast_to::<i64>()?;
        let within = elements::<i64>(&indices)?.iter().map(|ix| index(*ix, axis_len));
        let within = within.collect::<TractResult<Vec<_>>>()?;
        let outer = 0..outer.iter().product::<usize>();
        let starts: Vec<usize> =
            outer.flat_map(|outer| within.iter().map(move |ix| (outer * axis_len + ix) * len)).collect();
        Ok(tvec!(dispatch_datum!(blocks(data.datum_type())(data, &starts, len, &shape))?))
    }
}

#[derive(Debug)]
struct GatherNd {
    batch: usize,
}

impl Kernel for GatherNd {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [data, indices] = kernel::required(inputs)?;
        accept_indices(indices)?;
        let Some((depth, rows)) = indices.shape.split_last() else {
            bail!("expected indices of rank 1 or more")
        };
        let skipped = self.batch.checked_add(depth.to_usize()?).filter(|skipped| *skipped <= data.rank());
        let skipped = skipped.with_context(|| {
            format!("expected indices that fit data of rank {}, got {:?}", data.rank(), indices.shape)
        })?;
        let shape: TVec<TDim> = rows.iter().chain(&data.shape[skipped..]).cloned().collect();
        Ok(tvec!(data.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [data, indices] = kernel::required(&inputs)?;
        let (starts, len) = starts(data.shape(), indices, self.batch)?;
        let depth = indices.shape().last().copied().unwrap_or(0);
        let rows = &indices.shape()[..indices.rank() - 1];
        let shape = [rows, &data.shape()[self.batch + depth..]].concat();
        Ok(tvec!(dispatch_datum!(blocks(data.datum_type())(data, &starts, len, &shape))?))
    }
}

#[derive(Clone, Copy, Debug)]
enum Reduction {
    Add,
    Max,
    Min,
    Mul,
}

impl Reduction {
    fn read(node: &NodeProto) -> TractResult<Option<Self>> {
        Ok(Some(match node.get_attr_opt("reduction")?.unwrap_or("none") {
            "none" => return Ok(None),
            "add" => Self::Add,
            "max" => Self::Max,
            "min" => Self::Min,
            "mul" => Self::Mul,
            other => bail!("expected the reduction none, add, max, min or mul, got {other}"),
        }))
    }
}

#[derive(Debug)]
struct Scatter {
    /// Of single elements; blocks are at all indices.
    axis: Option<i64>,
    reduction: Option<Reduction>,
}

impl Kernel for Scatter {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [data, indices, updates] = kernel::required(inputs)?;
        accept_indices(indices)?;
        kernel::accept("updates", updates, &[data.datum_type])?;
        self.axis.map(|axis| axis_of(axis, data.rank())).transpose()?;
        Ok(tvec!(data.datum_type.fact(data.shape.iter())))
    }

    fn run(&self, mut inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        kernel::required::<_, 3>(&inputs)?;
        // Overwritten in place.
        let data = inputs[0].take().map(TValue::into_tensor).context("expected data")?;
        let [_, Some(indices), Some(updates), ..] = &inputs[..] else {
            bail!("expected indices and updates")
        };
        let (starts, len) = match self.axis {
            Some(axis) => (elements_of(data.shape(), indices, axis_of(axis, data.rank())?)?, 1),
            None => starts(data.shape(), indices, 0)?,
        };
        ensure!(
            starts.len() * len == updates.len(),
            "expected {} updates, got {:?}",
            starts.len() * len,
            updates.shape()
        );
        ensure!(data.datum_type() == updates.datum_type(), "expected updates of the type of the data");
        let dt = data.datum_type();
        Ok(tvec!(match self.reduction {
            None => dispatch_datum!(replace(dt)(data, updates, &starts, len))?,
            Some(reduction) => with_number!(dt, combine(data, updates, &starts, len, reduction))?,
        }))
    }
}

/// The places in `data` of what the indices tell along `axis`, each at its own place along the others.
fn elements_of(data: &[usize], indices: &Tensor, axis: usize) -> TractResult<Vec<usize>> {
    let shape = indices.shape();
    ensure!(
        shape.len() == data.len()
            && shape.iter().zip(data).enumerate().all(|(ix, (i, d))| ix == axis || i <= d),
        "expected indices that fit data {data:?}, got {shape:?}"
    );
    let ixs = indices.cast_to::<i64>()?;
    let mut at = vec![0; shape.len()];
    let mut places = Vec::with_capacity(indices.len());
    for ix in elements::<i64>(&ixs)? {
        let ix = index(*ix, data[axis])?;
        let along = |(a, len): (usize, &usize)| (if a == axis { ix } else { at[a] }, *len);
        places.push(data.iter().enumerate().map(along).fold(0, |place, (ix, len)| place * len + ix));
        for (at, len) in at.iter_mut().zip(shape).rev() {
            *at += 1;
            if at != len {
                break;
            }
            *at = 0;
        }
    }
    Ok(places)
}

fn replace<T: Datum>(
    mut data: Tensor,
    updates: &Tensor,
    starts: &[usize],
    len: usize,
) -> TractResult<Tensor> {
    let updates = elements::<T>(updates)?;
    let mut view = data.try_as_plain_ram_mut()?;
    let target = view.as_slice_mut::<T>()?;
    for (ix, start) in starts.iter().enumerate() {
        target[*start..][..len].clone_from_slice(&updates[ix * len..][..len]);
    }
    Ok(data)
}

fn combine<T: Number>(
    mut data: Tensor,
    updates: &Tensor,
    starts: &[usize],
    len: usize,
    reduction: Reduction,
) -> TractResult<Tensor> {
    let updates = elements::<T>(updates)?;
    let mut view = data.try_as_plain_ram_mut()?;
    let target = view.as_slice_mut::<T>()?;
    for (ix, start) in starts.iter().enumerate() {
        for (old, new) in target[*start..][..len].iter_mut().zip(&updates[ix * len..][..len]) {
            *old = match reduction {
                Reduction::Add => old.plus(*new),
                Reduction::Max => old.larger(*new),
                Reduction::Min => old.smaller(*new),
                Reduction::Mul => old.times(*new),
            };
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node, string};
    use tract_onnx::pb::AttributeProto;

    fn refused(op: &str, attributes: Vec<AttributeProto>, inputs: &[Tensor], expected: &str) {
        let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
        let error = format!("{:#}", compute(node("", op, attributes), &inputs).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn gather_picks_along_an_axis_and_counts_from_the_end() {
        let data = tensor2(&[[1u8, 2, 3], [4, 5, 6]]);
        let inputs = [Some(data), Some(tensor2(&[[0i32, -1]]))];
        expect(node("", "Gather", vec![int("axis", 1)]), &inputs, &[tensor3(&[[[1u8, 3]], [[4, 6]]])]);
        expect(node("", "Gather", vec![]), &inputs, &[tensor3(&[[[1u8, 2, 3], [4, 5, 6]]])]);
    }

    #[test]
    fn gather_nd_picks_blocks_by_all_their_indices() {
        let data = Some(tensor3(
            &[[["a", "b"], ["c", "d"]], [["e", "f"], ["g", "h"]]].map(|x| x.map(|x| x.map(String::from))),
        ));
        let text = |x: &[&str]| tensor1(&x.iter().map(|x| x.to_string()).collect::<Vec<_>>());
        let indices = Some(tensor2(&[[0i64, -1], [1, 0]]));
        let picked = text(&["c", "d", "e", "f"]).into_shape(&[2, 2]).unwrap();
        expect(node("", "GatherND", vec![]), &[data.clone(), indices.clone()], &[picked]);
        let batched = node("", "GatherND", vec![int("batch_dims", 1)]);
        expect(batched, &[data, indices], &[text(&["b", "g"])]);
    }

    #[test]
    fn scatter_replaces_or_combines() {
        let inputs = [
            Some(tensor2(&[[1i32, 2], [3, 4]])),
            Some(tensor2(&[[-1i64, 0]])),
            Some(tensor2(&[[10i32, 20]])),
        ];
        let scatter = |reduction: &str| node("", "ScatterElements", vec![string("reduction", reduction)]);
        expect(scatter("none"), &inputs, &[tensor2(&[[1i32, 20], [10, 4]])]);
        expect(scatter("add"), &inputs, &[tensor2(&[[1i32, 22], [13, 4]])]);
        expect(scatter("mul"), &inputs, &[tensor2(&[[1i32, 40], [30, 4]])]);
        expect(scatter("min"), &inputs, &[tensor2(&[[1i32, 2], [3, 4]])]);
        let inputs =
            [Some(tensor2(&[[1u64, 2], [3, 4]])), Some(tensor2(&[[-1i64]])), Some(tensor2(&[[9u64, 1]]))];
        expect(node("", "ScatterND", vec![]), &inputs, &[tensor2(&[[1u64, 2], [9, 1]])]);
        let max = node("", "ScatterND", vec![string("reduction", "max")]);
        expect(max, &inputs, &[tensor2(&[[1u64, 2], [9, 4]])]);
    }

    #[test]
    fn an_index_out_of_range_is_refused() {
        let x = tensor1(&[1f32, 2.0]);
        refused("Gather", vec![], &[x.clone(), tensor1(&[2i64])], "axis of length 2, got 2");
        refused("GatherND", vec![], &[x.clone(), tensor1(&[-3i64])], "axis of length 2, got -3");
        let update = tensor1(&[1f32]);
        refused("ScatterElements", vec![], &[x.clone(), tensor1(&[5i64]), update.clone()], "got 5");
        refused("ScatterND", vec![], &[x, tensor2(&[[5i64]]), update], "got 5");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let x = tensor1(&[1f32, 2.0]);
        refused("Gather", vec![int("axis", 1)], &[x.clone(), tensor1(&[0i64])], "axis of an input of rank 1");
        refused("GatherND", vec![], &[x.clone(), tensor1(&[0i64, 0])], "expected indices that fit data");
        refused("ScatterND", vec![], &[x.clone(), tensor2(&[[0i64]]), x.clone()], "expected 1 updates");
        refused("ScatterElements", vec![], &[x.clone(), tensor2(&[[0i64]]), x], "indices that fit data [2]");
    }
}
