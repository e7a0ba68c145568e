//! `ai.onnx.Tile`: upstream's, which wants to know the repeats before the run; here they may be computed in the run.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Tile.html>.
//! Inputs: any type, and how often each axis is repeated, int64. Output: as the first input, each axis longer.
//! Errors: more or fewer repeats than axes, negative ones.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::{pick_along, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(crate) fn tile(ctx: &ParsingContext, node: &NodeProto) -> Built {
    // The first version repeats one axis.
    if ctx.onnx_operator_set_version < 6 {
        return upstream::build(ctx, node);
    }
    upstream::build_or(ctx, node, |inputs| upstream::are_known(inputs, &[1]), Tile)
}

#[derive(Debug)]
struct Tile;

impl Kernel for Tile {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, repeats] = kernel::required(inputs)?;
        kernel::accept("the repeats", repeats, &[DatumType::I64])?;
        let shape: TVec<TDim> = match kernel::ints_of(repeats) {
            Some(repeats) => {
                x.shape.iter().zip(repeats).map(|(len, repeats)| len.clone() * repeats).collect()
            }
            None => (0..x.shape.len()).map(|axis| lengths.unknown(0, axis)).collect(),
        };
        ensure!(shape.len() == x.shape.len(), "expected {} repeats, got {}", x.shape.len(), shape.len());
        Ok(tvec!(kernel::fact(x.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, repeats] = kernel::required(&inputs)?;
        let repeats = elements::<i64>(repeats)?;
        ensure!(repeats.len() == x.rank(), "expected {} repeats, got {}", x.rank(), repeats.len());
        let mut shape = vec![];
        for (len, repeats) in x.shape().iter().zip(repeats) {
            let longer = usize::try_from(*repeats).ok().and_then(|repeats| len.checked_mul(repeats));
            shape.push(longer.with_context(|| format!("expected repeats of 0 or more, got {repeats}"))?);
        }
        volume(&shape, size_of::<usize>())?;
        let lens = x.shape().iter().zip(&shape);
        let maps: Vec<Vec<usize>> = lens.map(|(len, to)| (0..*to).map(|at| at % len).collect()).collect();
        Ok(tvec!(pick_along(x, &maps, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    #[test]
    fn each_axis_is_repeated() {
        let inputs = [Some(tensor2(&[[1i32, 2]])), Some(tensor1(&[2i64, 2]))];
        expect(node("", "Tile", vec![]), &inputs, &[tensor2(&[[1i32, 2, 1, 2], [1, 2, 1, 2]])]);
        let none = [Some(tensor1(&[true])), Some(tensor1(&[0i64]))];
        expect(node("", "Tile", vec![]), &none, &[tensor1::<bool>(&[])]);
    }

    #[test]
    fn repeats_that_cannot_be_are_refused() {
        for repeats in [tensor1(&[-1i64]), tensor1(&[i64::MAX]), tensor1(&[1i64, 1])] {
            assert!(compute(node("", "Tile", vec![]), &[Some(tensor1(&[1f32, 2.])), Some(repeats)]).is_err());
        }
    }
}
