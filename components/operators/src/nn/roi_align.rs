//! `ai.onnx.RoiAlign`: pools regions of an image, sampling it between its pixels.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__RoiAlign.html>.
//! Inputs: the image `[N, C, H, W]` of a float type, the regions `[R, 4]` as `x1, y1, x2, y2` and the image of each as
//! int64 `[R]`. Output `[R, C, output_height, output_width]`. A point is the weighted sum of the four pixels around it;
//! `max` takes the greatest of these weighted pixels, as onnxruntime and ONNX's reference do. Before opset 16 the mode is
//! `output_half_pixel`. Errors: other shapes, an image that there is not, regions of more than 2^20 samples per bin.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{filled, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn roi_align(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let length = |name: &str| -> TractResult<usize> {
        let length = node.get_attr_opt::<i64>(name)?.unwrap_or(1);
        ensure!(length > 0, "expected {name} of 1 or more, got {length}");
        Ok(usize::try_from(length)?)
    };
    let half_pixel = match node.get_attr_opt("coordinate_transformation_mode")? {
        None => ctx.onnx_operator_set_version >= 16,
        Some("half_pixel") => true,
        Some("output_half_pixel") => false,
        Some(other) => bail!("expected the mode half_pixel or output_half_pixel, got {other:?}"),
    };
    let max = match node.get_attr_opt("mode")?.unwrap_or("avg") {
        "avg" => false,
        "max" => true,
        other => bail!("expected the mode avg or max, got {other:?}"),
    };
    let kernel = RoiAlign {
        half_pixel,
        max,
        output: [length("output_height")?, length("output_width")?],
        samples: node.get_attr_opt("sampling_ratio")?.unwrap_or(0),
        scale: f64::from(node.get_attr_opt::<f32>("spatial_scale")?.unwrap_or(1.0)),
    };
    volume(&kernel.output, 1)?;
    super::wire_real(ctx, node, kernel)
}

#[derive(Debug)]
struct RoiAlign {
    half_pixel: bool,
    max: bool,
    output: [usize; 2],
    samples: i64,
    scale: f64,
}

/// A region along one axis: where its bins are sampled.
struct Bins<T> {
    start: T,
    size: T,
    samples: usize,
    len: usize,
}

impl<T: Real> Bins<T> {
    /// The two pixels around a sample of a bin, and how much each counts; nothing outside of the image.
    fn sample(&self, bin: usize, sample: usize) -> [(usize, T); 2] {
        let half = T::of(0.5);
        let (bin, sample, samples) = (T::of(bin as f64), T::of(sample as f64), T::of(self.samples as f64));
        let at = self.start + bin * self.size + (sample + half) * self.size / samples;
        let last = self.len - 1;
        if !(at >= -T::one() && at <= T::of(self.len as f64)) {
            return [(0, T::zero()); 2];
        }
        let at = at.max(T::zero()).min(T::of(last as f64));
        let low = at.to() as usize;
        let high = at - T::of(low as f64);
        [(low, T::one() - high), ((low + 1).min(last), high)]
    }
}

impl RoiAlign {
    fn bins<T: Real>(&self, from: T, to: T, bins: usize, len: usize) -> TractResult<Bins<T>> {
        let (scale, shift) = (T::of(self.scale), T::of(if self.half_pixel { 0.5 } else { 0.0 }));
        let start = from * scale - shift;
        let mut extent = to * scale - shift - start;
        if !self.half_pixel {
            extent = extent.max(T::one());
        }
        let size = extent / T::of(bins as f64);
        let samples = if self.samples > 0 { self.samples as f64 } else { size.ceil().to() };
        ensure!(samples <= 1e6, "expected a region of at most 10^6 samples per bin, got {samples}");
        Ok(Bins { start, size, samples: samples as usize, len })
    }

    fn pool<T: Real>(&self, x: &Tensor, regions: &Tensor, images: &Tensor) -> TractResult<Tensor> {
        let &[batch, channels, height, width] = x.shape() else {
            bail!("expected an image [N, C, H, W], got shape {:?}", x.shape())
        };
        let images = elements::<i64>(images)?;
        ensure!(
            *regions.shape() == [images.len(), 4],
            "expected regions [{}, 4], got shape {:?}",
            images.len(),
            regions.shape()
        );
        let [rows, columns] = self.output;
        let shape = [images.len(), channels, rows, columns];
        let mut y = filled(&shape, T::zero())?;
        let (x, size) = (elements::<T>(x)?, height * width);
        if y.is_empty() || size == 0 {
            return tensor_of(&shape, y);
        }
        let per_region = channels * rows * columns;
        for ((region, image), y) in
            elements::<T>(regions)?.chunks_exact(4).zip(images).zip(y.chunks_exact_mut(per_region))
        {
            let Some(image) = usize::try_from(*image).ok().filter(|image| *image < batch) else {
                bail!("expected images of 0..{batch}, got {image}")
            };
            let x = &x[image * channels * size..][..channels * size];
            let down = self.bins(region[1], region[3], rows, height)?;
            let across = self.bins(region[0], region[2], columns, width)?;
            let samples = down.samples * across.samples;
            ensure!(samples <= 1 << 20, "expected a region of at most 2^20 samples per bin, got {samples}");
            let count = T::of(samples.max(1) as f64);
            let mut points = vec![];
            for (bin, (row, column)) in
                (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).enumerate()
            {
                points.clear();
                for sample in 0..down.samples {
                    let down = down.sample(row, sample);
                    for sample in 0..across.samples {
                        let across = across.sample(column, sample);
                        points.push(
                            down.map(|(row, w)| across.map(|(column, v)| (row * width + column, w * v))),
                        );
                    }
                }
                for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(rows * columns)) {
                    let pixels = points.iter().flatten().flatten().map(|(at, weight)| x[*at] * *weight);
                    y[bin] = match self.max {
                        true => pixels.reduce(T::max).unwrap_or(T::zero()),
                        false => pixels.fold(T::zero(), |sum, pixel| sum + pixel) / count,
                    };
                }
            }
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for RoiAlign {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, regions, images] = kernel::required(inputs)?;
        kernel::accept("the image", x, &FLOATS)?;
        kernel::accept("the regions", regions, &[x.datum_type])?;
        kernel::accept("the regions' images", images, &[DatumType::I64])?;
        ensure!(
            x.rank() == 4 && images.rank() == 1,
            "expected an image [N, C, H, W] and the images of regions [R], got shapes {:?} and {:?}",
            x.shape,
            images.shape
        );
        let [rows, columns] = self.output.map(|length| length.to_dim());
        Ok(tvec!(x.datum_type.fact([images.shape[0].clone(), x.shape[1].clone(), rows, columns])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, regions, images] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::pool(x.datum_type())(self, x, regions, images))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node, string};

    fn align(mode: &str, transformation: &str, samples: i64) -> NodeProto {
        let attributes = vec![
            string("mode", mode),
            string("coordinate_transformation_mode", transformation),
            int("sampling_ratio", samples),
        ];
        node("", "RoiAlign", attributes)
    }

    fn inputs(region: [f32; 4], image: i64) -> [Option<Tensor>; 3] {
        let x = tensor4(&[[[[0f32, 1.], [2., 3.]]]]);
        [Some(x), Some(tensor2(&[region])), Some(tensor1(&[image]))]
    }

    #[test]
    fn a_region_is_the_mean_of_its_samples() {
        // The middle of the region is (0.5, 0.5), between the four pixels.
        expect(align("avg", "half_pixel", 1), &inputs([0., 0., 2., 2.], 0), &[tensor4(&[[[[1.5f32]]]])]);
        // Of (1, 1), the last pixel.
        expect(align("avg", "output_half_pixel", 1), &inputs([0., 0., 2., 2.], 0), &[tensor4(&[[[[3f32]]]])]);
        // Two samples each way, at the pixels.
        expect(align("avg", "half_pixel", 0), &inputs([0., 0., 2., 2.], 0), &[tensor4(&[[[[1.5f32]]]])]);
    }

    #[test]
    fn the_greatest_is_of_the_weighted_pixels() {
        expect(align("max", "half_pixel", 1), &inputs([0., 0., 2., 2.], 0), &[tensor4(&[[[[0.75f32]]]])]);
    }

    #[test]
    fn outside_of_the_image_is_nothing() {
        expect(align("avg", "half_pixel", 1), &inputs([9., 9., 11., 11.], 0), &[tensor4(&[[[[0f32]]]])]);
    }

    #[test]
    fn images_that_there_are_not_and_endless_regions_are_refused() {
        let refused = |region: [f32; 4], image: i64| {
            format!("{:#}", compute(align("avg", "half_pixel", 0), &inputs(region, image)).unwrap_err())
        };
        assert!(refused([0., 0., 1., 1.], 1).contains("images of 0..1, got 1"));
        assert!(refused([0., 0., 1., 1e30], 0).contains("at most 10^6 samples"));
        assert!(refused([0., 0., 1e5, 1e5], 0).contains("at most 2^20 samples"));
    }
}
