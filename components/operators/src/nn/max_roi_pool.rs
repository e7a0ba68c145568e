//! `ai.onnx.MaxRoiPool`: the greatest pixel of each bin of a region.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html>.
//! Inputs: the image `[N, C, H, W]` of a float type and the regions `[R, 5]` as `image, x1, y1, x2, y2`. Output
//! `[R, C, height, width]`, `pooled_shape` giving height and width. Corners are rounded to pixels and belong to the
//! region, bins of a fraction of a pixel overlap, and one outside of the image is 0, as in onnxruntime.
//! Errors: other shapes, an image that there is not.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{filled, volume};
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn max_roi_pool(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let output = attributes::ints(node, "pooled_shape")?;
    let &[rows, columns] = output.as_slice() else {
        bail!("expected pooled_shape of 2 lengths, got {output:?}")
    };
    ensure!(rows > 0 && columns > 0, "expected pooled_shape of 1 or more, got {output:?}");
    let output = [usize::try_from(rows)?, usize::try_from(columns)?];
    volume(&output, 1)?;
    let scale = f64::from(node.get_attr_opt::<f32>("spatial_scale")?.unwrap_or(1.0));
    super::wire_real(ctx, node, MaxRoiPool { output, scale })
}

#[derive(Debug)]
struct MaxRoiPool {
    output: [usize; 2],
    scale: f64,
}

impl MaxRoiPool {
    /// The pixels of each bin along one axis.
    fn bins<T: Real>(&self, from: T, to: T, bins: usize, len: usize) -> Vec<std::ops::Range<usize>> {
        let scale = T::of(self.scale);
        let (from, to) = ((from * scale).round(), (to * scale).round());
        let size = (to - from + T::one()).max(T::one()) / T::of(bins as f64);
        // A cast ends at 0 and at the greatest number.
        let pixel = |at: T| ((at + from).to() as usize).min(len);
        let edge = |bin: usize| T::of(bin as f64) * size;
        (0..bins).map(|bin| pixel(edge(bin).floor())..pixel(edge(bin + 1).ceil())).collect()
    }

    fn pool<T: Real>(&self, x: &Tensor, regions: &Tensor) -> TractResult<Tensor> {
        let (&[batch, channels, height, width], &[count, 5]) = (x.shape(), regions.shape()) else {
            bail!(
                "expected an image [N, C, H, W] and regions [R, 5], got shapes {:?} and {:?}",
                x.shape(),
                regions.shape()
            )
        };
        let [rows, columns] = self.output;
        let shape = [count, channels, rows, columns];
        let mut y = filled(&shape, T::zero())?;
        let x = elements::<T>(x)?;
        if y.is_empty() || x.is_empty() {
            return tensor_of(&shape, y);
        }
        let regions = elements::<T>(regions)?.chunks_exact(5);
        for (region, y) in regions.zip(y.chunks_exact_mut(channels * rows * columns)) {
            let image = region[0].to();
            ensure!(image >= 0.0 && image < batch as f64, "expected images of 0..{batch}, got {image}");
            let x = &x[image as usize * channels * height * width..];
            let down = self.bins(region[2], region[4], rows, height);
            let across = self.bins(region[1], region[3], columns, width);
            for (x, y) in x.chunks_exact(height * width).zip(y.chunks_exact_mut(rows * columns)) {
                let bins = down.iter().flat_map(|down| across.iter().map(move |across| (down, across)));
                for (y, (down, across)) in y.iter_mut().zip(bins) {
                    let pixels = down
                        .clone()
                        .flat_map(|row| across.clone().map(move |column| x[row * width + column]));
                    *y = pixels.reduce(T::max).unwrap_or(T::zero());
                }
            }
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for MaxRoiPool {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, regions] = kernel::required(inputs)?;
        kernel::accept("the image", x, &FLOATS)?;
        kernel::accept("the regions", regions, &[x.datum_type])?;
        ensure!(
            x.rank() == 4 && regions.rank() == 2,
            "expected an image [N, C, H, W] and regions [R, 5], got shapes {:?} and {:?}",
            x.shape,
            regions.shape
        );
        let [rows, columns] = self.output.map(|length| length.to_dim());
        Ok(tvec!(x.datum_type.fact([regions.shape[0].clone(), x.shape[1].clone(), rows, columns])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, regions] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::pool(x.datum_type())(self, x, regions))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, ints, node};

    fn inputs(region: [f32; 5]) -> [Option<Tensor>; 2] {
        let x = tensor4(&[[[[1f32, 2., 3.], [4., 5., 6.], [7., 8., -9.]]]]);
        [Some(x), Some(tensor2(&[region]))]
    }

    fn pool(shape: &[i64]) -> NodeProto {
        node("", "MaxRoiPool", vec![ints("pooled_shape", shape)])
    }

    #[test]
    fn corners_belong_to_the_region_and_bins_overlap() {
        let expected = tensor4(&[[[[5f32, 6.], [8., 8.]]]]);
        expect(pool(&[2, 2]), &inputs([0., 0., 0., 2., 2.]), &[expected]);
        expect(pool(&[1, 1]), &inputs([0., 1.6, 1.6, 2.4, 2.4]), &[tensor4(&[[[[-9f32]]]])]);
        expect(pool(&[1, 1]), &inputs([0., 7., 7., 9., 9.]), &[tensor4(&[[[[0f32]]]])]);
    }

    #[test]
    fn images_that_there_are_not_are_refused() {
        let error = compute(pool(&[1, 1]), &inputs([1., 0., 0., 2., 2.])).unwrap_err();
        assert!(format!("{error:#}").contains("images of 0..1, got 1"));
    }
}
