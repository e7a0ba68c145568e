//! The largest byte of each window, and the mean of each channel, of images of bytes, channels last.
//!
//! As `ai.onnx.MaxPool`, whose attributes the first has, and `com.microsoft.QLinearGlobalAveragePool`. Attributes of the
//! mean: `scales`, the input's over the output's, and `sides`. Errors: an input of another rank, a window larger than
//! the image.

use edgewit_kernels::int8::{self, Side, Window};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::convolution::Geometry;
use super::{BYTES, bytes, datum_type, filled, sides};
use crate::kernel::{self, Built, Kernel, Lengths};

pub(super) fn max_pool(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let size = node.get_attr_tvec::<usize>("kernel_shape")?;
    let size = size.as_slice().try_into().context("expected a kernel_shape of two axes")?;
    kernel::wire(ctx, node, MaxPool(Geometry::read(node, size)?))
}

#[derive(Debug)]
struct MaxPool(Geometry);

impl Kernel for MaxPool {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("an image", x, &BYTES)?;
        let [batch, height, width, channels] = x.shape.dims() else {
            bail!("expected an image of rank 4, got {:?}", x.shape)
        };
        let shape =
            tvec!(batch.clone(), self.0.output(0, height)?, self.0.output(1, width)?, channels.clone());
        Ok(tvec!(kernel::fact(x.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let &[batch, height, width, channels] = x.shape() else { bail!("expected an image of rank 4") };
        let [[rows, top, _], [columns, left, _]] = self.0.place([height, width])?;
        let window = Window {
            size: self.0.size,
            step: self.0.strides,
            dilation: self.0.dilations,
            before: [top, left],
        };
        let signed = x.datum_type() == DatumType::I8;
        let y = filled(x.datum_type(), &[batch, rows, columns, channels], |y| {
            let (image, output) = (height * width * channels, rows * columns * channels);
            for (x, y) in bytes(x)?.chunks_exact(image.max(1)).zip(y.chunks_exact_mut(output.max(1))) {
                int8::max_pool(x, [height, width, channels], &window, signed, y, [rows, columns]);
            }
            Ok(())
        })?;
        Ok(tvec!(y))
    }
}

pub(super) fn average(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let scales = node.get_attr_tvec::<f32>("scales")?;
    let &[from, to] = scales.as_slice() else { bail!("expected two scales") };
    kernel::wire(ctx, node, Average { scales: [from, to], sides: sides(node)? })
}

/// `[N, .., C]` to `[N, 1 .., C]`.
#[derive(Debug)]
struct Average {
    /// Of the input and of the output.
    scales: [f32; 2],
    sides: [Side; 2],
}

impl Kernel for Average {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("an image", x, &[datum_type(self.sides[0])])?;
        ensure!(x.rank() > 2, "expected an image of rank 3 or more, got {:?}", x.shape);
        let mut shape: TVec<TDim> = x.shape.dims().into();
        let channels = shape.len() - 1;
        shape[1..channels].fill(1.to_dim());
        Ok(tvec!(datum_type(self.sides[1]).fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let mut shape: TVec<usize> = x.shape().into();
        ensure!(shape.len() > 2, "expected an image of rank 3 or more, got {shape:?}");
        let last = shape.len() - 1;
        let channels = shape[last];
        let pixels = shape[1..last].iter().product::<usize>();
        shape[1..last].fill(1);
        let [from, to] = self.scales;
        let scale = from / (to * pixels as f32);
        let (low, high) = self.sides[1].range();
        let mut sums = vec![0; channels];
        let y = filled(datum_type(self.sides[1]), &shape, |y| {
            let image = (pixels * channels).max(1);
            for (x, y) in bytes(x)?.chunks_exact(image).zip(y.chunks_exact_mut(channels.max(1))) {
                int8::channel_sums(x, self.sides[0], &mut sums);
                for (y, sum) in y.iter_mut().zip(&sums) {
                    let mean = (*sum as f32 * scale).round_ties_even() as i32;
                    *y = mean.saturating_add(self.sides[1].zero).clamp(low, high) as u8;
                }
            }
            Ok(())
        })?;
        Ok(tvec!(y))
    }
}
