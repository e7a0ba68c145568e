//! `ai.onnx.GridSample`: upstream's, and cubic interpolation at the border.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__GridSample.html>.
//! Inputs: images `[N, C, H, W]` of a float type and points `[N, P, Q, 2]` as `x, y` of -1..1. Output `[N, C, P, Q]`.
//! Upstream moves points to the border, but a point between pixels has to keep its weights, and each of the sixteen
//! pixels around it is moved to the border, as in PyTorch and onnxruntime. Errors: other shapes.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::filled;
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};
use crate::upstream;

pub(crate) fn grid_sample(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let cubic = matches!(node.get_attr_opt("mode")?, Some("cubic" | "bicubic"));
    if !cubic || node.get_attr_opt("padding_mode")? != Some("border") {
        return upstream::build(ctx, node);
    }
    let align_corners = node.get_attr_opt::<i64>("align_corners")?.unwrap_or(0) != 0;
    super::wire_real(ctx, node, CubicAtBorder { align_corners })
}

#[derive(Debug)]
struct CubicAtBorder {
    align_corners: bool,
}

/// How much the pixels at -1, 0, 1 and 2 count for a point at `part` of 0..1, with Keys' a of -0.75.
fn weights<T: Real>(part: T) -> [T; 4] {
    let (a, one) = (T::of(-0.75), T::one());
    let near = |x: T| ((a + T::of(2.0)) * x - (a + T::of(3.0))) * x * x + one;
    let far = |x: T| ((a * x - T::of(5.0) * a) * x + T::of(8.0) * a) * x - T::of(4.0) * a;
    [far(part + one), near(part), near(one - part), far(T::of(2.0) - part)]
}

impl CubicAtBorder {
    /// The four pixels around a point along one axis, and how much each counts.
    fn around<T: Real>(&self, point: T, len: usize) -> [(usize, T); 4] {
        let (half, one, last) = (T::of(0.5), T::one(), T::of(len as f64) - T::one());
        let at = if self.align_corners {
            (point + one) * half * last
        } else {
            ((point + one) * (last + one) - one) * half
        };
        let (low, weights) = (at.floor(), weights(at - at.floor()));
        [0, 1, 2, 3].map(|ix| {
            let pixel = (low + T::of(ix as f64 - 1.0)).max(T::zero()).min(last);
            (pixel.to() as usize, weights[ix])
        })
    }

    fn sample<T: Real>(&self, x: &Tensor, grid: &Tensor) -> TractResult<Tensor> {
        let (&[batch, channels, height, width], &[grids, rows, columns, 2]) = (x.shape(), grid.shape())
        else {
            bail!(
                "expected images [N, C, H, W] and points [N, P, Q, 2], got {:?} and {:?}",
                x.shape(),
                grid.shape()
            )
        };
        ensure!(
            batch == grids && height > 0 && width > 0,
            "expected images and as many grids, got shapes {:?} and {:?}",
            x.shape(),
            grid.shape()
        );
        let shape = [batch, channels, rows, columns];
        let mut y = filled(&shape, T::zero())?;
        let (image, points) = (channels * height * width, rows * columns);
        if !y.is_empty() {
            let grid = grid.cast_to::<T>()?;
            let grids = elements::<T>(&grid)?.chunks_exact(points * 2);
            let images = elements::<T>(x)?.chunks_exact(image);
            for ((x, grid), y) in images.zip(grids).zip(y.chunks_exact_mut(channels * points)) {
                for (ix, point) in grid.chunks_exact(2).enumerate() {
                    let (across, down) = (self.around(point[0], width), self.around(point[1], height));
                    for (x, y) in x.chunks_exact(height * width).zip(y.chunks_exact_mut(points)) {
                        for (row, weight) in down {
                            let row = &x[row * width..];
                            let value =
                                across.iter().fold(T::zero(), |sum, (at, weight)| sum + row[*at] * *weight);
                            y[ix] += value * weight;
                        }
                    }
                }
            }
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for CubicAtBorder {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, grid] = kernel::required(inputs)?;
        kernel::accept("the images", x, &FLOATS)?;
        kernel::accept("the points", grid, &FLOATS)?;
        ensure!(
            x.rank() == 4 && grid.rank() == 4,
            "expected images [N, C, H, W] and points [N, P, Q, 2], got shapes {:?} and {:?}",
            x.shape,
            grid.shape
        );
        let [batch, channels] = [0, 1].map(|axis| x.shape[axis].clone());
        Ok(tvec!(x.datum_type.fact([batch, channels, grid.shape[1].clone(), grid.shape[2].clone()])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, grid] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::sample(x.datum_type())(self, x, grid))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node, string};

    fn sample(align_corners: i64) -> NodeProto {
        let attributes = vec![
            string("mode", "cubic"),
            string("padding_mode", "border"),
            int("align_corners", align_corners),
        ];
        node("", "GridSample", attributes)
    }

    fn inputs(point: [f32; 2]) -> [Option<Tensor>; 2] {
        [Some(tensor4(&[[[[0f32, 1., 2., 3.]]]])), Some(tensor4(&[[[point]]]))]
    }

    #[test]
    fn pixels_beyond_the_border_are_those_of_it() {
        // At 0.5: -0.09375 * 0 + 0.59375 * 0 + 0.59375 * 1 - 0.09375 * 2, the first pixel counting twice.
        expect(sample(1), &inputs([-2. / 3., 0.]), &[tensor4(&[[[[0.40625f32]]]])]);
        // At -0.5: three times the first pixel and the second.
        expect(sample(0), &inputs([-1., 0.]), &[tensor4(&[[[[-0.09375f32]]]])]);
        expect(sample(1), &inputs([9., 9.]), &[tensor4(&[[[[3f32]]]])]);
    }

    #[test]
    fn other_shapes_are_refused() {
        let [x, _] = inputs([0., 0.]);
        assert!(compute(sample(1), &[x, Some(tensor3(&[[[0f32, 0.]]]))]).is_err());
    }
}
