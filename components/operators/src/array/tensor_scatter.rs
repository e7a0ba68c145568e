//! `ai.onnx.TensorScatter`: writes new steps of sequences into a cache.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__TensorScatter.html>.
//! Inputs: the cache `[batch, .., steps, ..]` of any type, the update of the same shape but fewer steps at most, and
//! where each of the batch is written to (int64, 0 where absent). Output: the cache with the update in it; in the mode
//! `circular`, steps beyond the last continue at the first. Errors: axis 0, shapes that do not fit, steps outside.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::axis;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn tensor_scatter(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let circular = match node.get_attr_opt("mode")?.unwrap_or("linear") {
        "linear" => false,
        "circular" => true,
        other => bail!("expected the mode linear or circular, got {other:?}"),
    };
    kernel::wire(ctx, node, TensorScatter { axis: node.get_attr_opt("axis")?.unwrap_or(-2), circular })
}

#[derive(Debug)]
struct TensorScatter {
    axis: i64,
    circular: bool,
}

impl TensorScatter {
    /// For each block of the update, its number and that of the cache's block it goes to; and the length of a block.
    fn moves(
        &self,
        cache: &[usize],
        update: &[usize],
        starts: Option<&[i64]>,
    ) -> TractResult<(Vec<(usize, usize)>, usize)> {
        let axis = axis(self.axis, cache.len())?;
        ensure!(
            axis > 0
                && update.len() == cache.len()
                && (0..cache.len()).all(|ix| if ix == axis {
                    update[ix] <= cache[ix]
                } else {
                    update[ix] == cache[ix]
                }),
            "expected an update that fits the cache of shape {cache:?} along axis {axis}, got {update:?}"
        );
        ensure!(
            starts.is_none_or(|starts| starts.len() == cache[0]),
            "expected {} write_indices, one per sample",
            cache[0]
        );
        let (steps, written) = (cache[axis], update[axis]);
        let per_sample = cache[1..axis].iter().product::<usize>();
        let mut moves = vec![];
        for row in 0..cache[0] * per_sample {
            let start = starts.map_or(0, |starts| starts[row / per_sample]);
            for step in 0..written {
                let to = start.saturating_add(step as i64);
                let to = if self.circular { to.rem_euclid(steps as i64) } else { to };
                match usize::try_from(to) {
                    Ok(to) if to < steps => moves.push((row * written + step, row * steps + to)),
                    _ => bail!("expected steps of 0..{steps}, got {to}"),
                }
            }
        }
        Ok((moves, cache[axis + 1..].iter().product()))
    }
}

impl Kernel for TensorScatter {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [cache, update] = kernel::required(inputs)?;
        kernel::accept("the update", update, &[cache.datum_type])?;
        if let Some(starts) = kernel::optional(inputs, 2) {
            kernel::accept("write_indices", starts, &[DatumType::I64])?;
        }
        ensure!(axis(self.axis, cache.rank())? > 0, "expected an axis other than that of the batch");
        Ok(tvec!(cache.without_value()))
    }

    fn run(&self, mut inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [cache, update] = kernel::required(&inputs)?;
        let starts = kernel::optional(&inputs, 2).map(elements::<i64>).transpose()?;
        let (moves, block) = self.moves(cache.shape(), update.shape(), starts)?;
        let update = update.clone();
        ensure!(update.is_plain_ram() && cache.is_plain_ram(), "expected plain tensors");
        let Some(cache) = inputs.first_mut().and_then(Option::take) else { bail!("expected a cache") };
        let mut cache = cache.into_tensor();
        ensure!(cache.datum_type() == update.datum_type(), "expected a cache and an update of one type");
        if block == 0 || moves.is_empty() {
        } else if update.datum_type() == String::datum_type() {
            let from = elements::<String>(&update)?;
            write(from, cache.try_as_plain_ram_mut()?.as_slice_mut()?, &moves, block);
        } else {
            write(update.as_bytes(), cache.as_bytes_mut(), &moves, block * update.datum_type().size_of());
        }
        Ok(tvec!(cache))
    }
}

fn write<T: Clone>(from: &[T], to: &mut [T], moves: &[(usize, usize)], block: usize) {
    for (source, target) in moves {
        to[target * block..][..block].clone_from_slice(&from[source * block..][..block]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn scatter(mode: &str) -> NodeProto {
        node("", "TensorScatter", vec![string("mode", mode)])
    }

    fn inputs(starts: &[i64]) -> [Option<Tensor>; 3] {
        let cache = tensor3(&[[[1f32, 1.], [2., 2.], [3., 3.]], [[4., 4.], [5., 5.], [6., 6.]]]);
        let update = tensor3(&[[[7f32, 7.], [8., 8.]], [[9., 9.], [0., 0.]]]);
        [Some(cache), Some(update), Some(tensor1(starts))]
    }

    #[test]
    fn each_sample_is_written_where_it_says() {
        let expected = tensor3(&[[[1f32, 1.], [7., 7.], [8., 8.]], [[9., 9.], [0., 0.], [6., 6.]]]);
        expect(scatter("linear"), &inputs(&[1, 0]), std::slice::from_ref(&expected));
        let [cache, update, _] = inputs(&[]);
        let at_first = tensor3(&[[[7f32, 7.], [8., 8.], [3., 3.]], [[9., 9.], [0., 0.], [6., 6.]]]);
        expect(scatter("linear"), &[cache, update], &[at_first]);
    }

    #[test]
    fn a_circular_cache_continues_at_its_first_step() {
        let expected = tensor3(&[[[8f32, 8.], [2., 2.], [7., 7.]], [[9., 9.], [0., 0.], [6., 6.]]]);
        expect(scatter("circular"), &inputs(&[2, 3]), &[expected]);
    }

    #[test]
    fn steps_outside_a_linear_cache_are_refused() {
        for (starts, step) in [([2, 0], 3), ([-1, 0], -1)] {
            let error = format!("{:#}", compute(scatter("linear"), &inputs(&starts)).unwrap_err());
            assert!(error.contains(&format!("expected steps of 0..3, got {step}")), "{error}");
        }
    }

    #[test]
    fn updates_that_do_not_fit_are_refused() {
        let [cache, update, _] = inputs(&[]);
        let error = format!("{:#}", compute(scatter("linear"), &[update, cache]).unwrap_err());
        assert!(error.contains("expected an update that fits the cache"), "{error}");
    }
}
