//! `ai.onnx.AffineGrid`: the points of a grid over an image, moved by affine matrices.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__AffineGrid.html>.
//! Inputs: matrices `[N, 2, 3]` or `[N, 3, 4]` of a float type, the image's size `[N, C, H, W]` or `[N, C, D, H, W]` as
//! int64. Output: points `(x, y)` or `(x, y, z)` as `[N, H, W, 2]` or `[N, D, H, W, 3]`. An axis of one pixel has its
//! point in the middle, as in PyTorch. Errors: other shapes, a size for another number of matrices.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{advance, filled};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn affine_grid(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let align_corners = node.get_attr_opt::<i64>("align_corners")?.unwrap_or(0) != 0;
    super::wire_real(ctx, node, AffineGrid { align_corners })
}

#[derive(Debug)]
struct AffineGrid {
    align_corners: bool,
}

impl AffineGrid {
    /// Where pixel `at` of `len` lies between -1 and 1.
    fn place(&self, at: usize, len: usize) -> f64 {
        let (at, len) = (at as f64, len as f64);
        match self.align_corners {
            true if len > 1.0 => 2.0 * at / (len - 1.0) - 1.0,
            true => 0.0,
            false => (2.0 * at + 1.0) / len - 1.0,
        }
    }

    fn grid<T: Real>(&self, theta: &Tensor, size: &[i64]) -> TractResult<Tensor> {
        let &[batch, axes, columns] = theta.shape() else {
            bail!("expected matrices [N, 2, 3] or [N, 3, 4], got shape {:?}", theta.shape())
        };
        ensure!(
            matches!(axes, 2 | 3) && columns == axes + 1 && size.len() == axes + 2 && size[0] == batch as i64,
            "expected matrices [N, 2, 3] or [N, 3, 4] and the size of their images, got shape {:?} and {size:?}",
            theta.shape()
        );
        let spatial: Vec<usize> =
            size[2..].iter().map(|len| usize::try_from(*len)).collect::<Result<_, _>>()?;
        let shape = [&[batch], &spatial[..], &[axes]].concat();
        let mut grid = filled(&shape, T::zero())?;
        if !grid.is_empty() {
            let points = grid.chunks_exact_mut(spatial.iter().product::<usize>() * axes);
            for (theta, points) in elements::<T>(theta)?.chunks_exact(axes * columns).zip(points) {
                let mut at = vec![0; axes];
                for point in points.chunks_exact_mut(axes) {
                    for (moved, row) in point.iter_mut().zip(theta.chunks_exact(columns)) {
                        // x is the last axis.
                        let places =
                            at.iter().zip(&spatial).rev().map(|(at, len)| T::of(self.place(*at, *len)));
                        *moved = row
                            .iter()
                            .zip(places)
                            .fold(row[axes], |sum, (factor, place)| sum + *factor * place);
                    }
                    advance(&mut at, &spatial);
                }
            }
        }
        tensor_of(&shape, grid)
    }
}

impl Kernel for AffineGrid {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [theta, size] = kernel::required(inputs)?;
        kernel::accept("the matrices", theta, &FLOATS)?;
        kernel::accept("the size", size, &[DatumType::I64])?;
        let axes =
            theta.shape.get(1).and_then(|axes| axes.to_usize().ok()).filter(|axes| matches!(axes, 2 | 3));
        let Some(axes) = axes else {
            bail!("expected matrices [N, 2, 3] or [N, 3, 4], got shape {:?}", theta.shape)
        };
        let mut shape = tvec!(theta.shape[0].clone());
        let size = kernel::ints_of(size);
        ensure!(
            size.as_ref().is_none_or(|size| size.len() == axes + 2),
            "expected a size of {} lengths",
            axes + 2
        );
        for axis in 1..=axes {
            shape.push(size.as_ref().map_or_else(|| lengths.unknown(0, axis), |size| size[axis + 1].clone()));
        }
        shape.push(axes.to_dim());
        Ok(tvec!(kernel::fact(theta.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [theta, size] = kernel::required(&inputs)?;
        let size = elements::<i64>(size)?;
        Ok(tvec!(dispatch_real!(Self::grid(theta.datum_type())(self, theta, size))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn grid(align_corners: i64) -> NodeProto {
        node("", "AffineGrid", vec![int("align_corners", align_corners)])
    }

    #[test]
    fn points_are_centres_or_reach_the_corners() {
        let identity = || Some(tensor3(&[[[1f32, 0., 0.], [0., 1., 0.]]]));
        let size = || Some(tensor1(&[1i64, 1, 1, 2]));
        expect(grid(0), &[identity(), size()], &[tensor4(&[[[[-0.5f32, 0.], [0.5, 0.]]]])]);
        expect(grid(1), &[identity(), size()], &[tensor4(&[[[[-1f32, 0.], [1., 0.]]]])]);
    }

    #[test]
    fn matrices_turn_and_move_points() {
        let turned = Some(tensor3(&[[[0f64, -1., 0.25], [1., 0., 0.]]]));
        let size = Some(tensor1(&[1i64, 1, 2, 1]));
        expect(grid(0), &[turned, size], &[tensor4(&[[[[0.75f64, 0.]], [[-0.25, 0.]]]])]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let identity = tensor3(&[[[1f32, 0., 0.], [0., 1., 0.]]]);
        for size in [tensor1(&[2i64, 1, 1, 1]), tensor1(&[1i64, 1, 1, 1, 1]), tensor1(&[1i64, 1, -1, 1])] {
            assert!(compute(grid(0), &[Some(identity.clone()), Some(size)]).is_err());
        }
    }
}
