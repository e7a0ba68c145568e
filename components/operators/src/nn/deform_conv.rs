//! `ai.onnx.DeformConv`: a convolution whose kernel's elements are moved, each by its own offset.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__DeformConv.html>.
//! Inputs of one float type: `[N, C, D1, ..]`, weights `[M, C / group, K1, ..]`, offsets
//! `[N, offset_group * K * axes, O1, ..]`, bias `[M]` and mask `[N, offset_group * K, O1, ..]`. Output `[N, M, O1, ..]`.
//! Between pixels the image is interpolated linearly, outside it is 0. Errors: shapes that do not fit.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::window::{Axis, Window};
use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{advance, filled};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn deform_conv(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let groups = |name: &str| -> TractResult<usize> {
        let groups = node.get_attr_opt::<i64>(name)?.unwrap_or(1);
        ensure!(groups > 0, "expected {name} of 1 or more, got {groups}");
        Ok(usize::try_from(groups)?)
    };
    let kernel = DeformConv {
        window: Window::read(node)?,
        groups: groups("group")?,
        offset_groups: groups("offset_group")?,
    };
    super::wire_real(ctx, node, kernel)
}

#[derive(Debug)]
struct DeformConv {
    window: Window,
    groups: usize,
    offset_groups: usize,
}

impl DeformConv {
    fn axes(&self, weights: &[usize]) -> TractResult<Vec<Axis>> {
        // Every point between pixels has 2 neighbours per axis.
        ensure!(
            (3..=10).contains(&weights.len()),
            "expected weights of 1 to 8 spatial axes, got shape {weights:?}"
        );
        let kernel: Vec<i64> = weights[2..].iter().map(|len| *len as i64).collect();
        let declared = &self.window.kernel;
        ensure!(
            declared.is_empty() || *declared == kernel,
            "expected kernel_shape {kernel:?}, got {declared:?}"
        );
        self.window.axes(&kernel)
    }

    fn convolve<T: Real>(&self, inputs: &[Option<TValue>]) -> TractResult<Tensor> {
        let [x, weights, offsets] = kernel::required(inputs)?;
        let (bias, mask) = (kernel::optional(inputs, 3), kernel::optional(inputs, 4));
        let mut axes = self.axes(weights.shape())?;
        let (rank, outputs) = (axes.len(), weights.shape()[0]);
        ensure!(x.rank() == rank + 2, "expected an input of rank {}, got shape {:?}", rank + 2, x.shape());
        let (batch, channels, spatial) = (x.shape()[0], x.shape()[1], &x.shape()[2..]);
        let mut windows = vec![];
        for (axis, len) in axes.iter_mut().zip(spatial) {
            windows.push(axis.resolve(*len)?);
        }
        let kernel_shape = &weights.shape()[2..];
        let kernel: usize = kernel_shape.iter().product();
        let per_group = channels / self.groups;
        let deformed = self.offset_groups.checked_mul(kernel).context("expected fewer groups of offsets")?;
        let of = |count: usize| [&[batch, count], &windows[..]].concat();
        ensure!(
            channels % self.groups == 0
                && outputs % self.groups == 0
                && weights.shape()[1] == per_group
                && channels % self.offset_groups == 0
                && offsets.shape() == of(deformed.saturating_mul(rank))
                && mask.is_none_or(|mask| mask.shape() == of(deformed))
                && bias.is_none_or(|bias| *bias.shape() == [outputs]),
            "expected weights, offsets, bias and mask that fit an input {:?}, {} groups and {} of offsets, got {inputs:?}",
            x.shape(),
            self.groups,
            self.offset_groups
        );
        let mut y = filled(&of(outputs), T::zero())?;
        if y.is_empty() {
            return tensor_of(&of(outputs), y);
        }
        let (image, positions): (usize, usize) = (spatial.iter().product(), windows.iter().product());
        let (x, weights, offsets) = (elements::<T>(x)?, elements::<T>(weights)?, elements::<T>(offsets)?);
        let bias = bias.map(|bias| elements::<T>(bias)).transpose()?;
        let mask = mask.map(|mask| elements::<T>(mask)).transpose()?;
        let channels_per_offset = channels / self.offset_groups;
        let mut column = vec![T::zero(); channels * kernel];
        let mut point = vec![T::zero(); rank];
        for n in 0..batch {
            let x = &x[n * channels * image..][..channels * image];
            let mut at = vec![0; rank];
            for position in 0..positions {
                let mut within = vec![0; rank];
                for element in 0..deformed {
                    for (ix, axis) in axes.iter().enumerate() {
                        let still =
                            at[ix] as i64 * axis.stride + within[ix] as i64 * axis.dilation - axis.begin;
                        let offset = offsets[((n * deformed + element) * rank + ix) * positions + position];
                        point[ix] = T::of(still as f64) + offset;
                    }
                    let factor =
                        mask.map_or(T::one(), |mask| mask[(n * deformed + element) * positions + position]);
                    let neighbours = neighbours(&point, spatial, factor);
                    let first = element / kernel * channels_per_offset;
                    for channel in first..first + channels_per_offset {
                        let x = &x[channel * image..][..image];
                        let value =
                            neighbours.iter().fold(T::zero(), |sum, (at, weight)| sum + x[*at] * *weight);
                        column[channel * kernel + element % kernel] = value;
                    }
                    advance(&mut within, kernel_shape);
                }
                for output in 0..outputs {
                    let group = output / (outputs / self.groups);
                    let column = &column[group * per_group * kernel..][..per_group * kernel];
                    let weights = &weights[output * per_group * kernel..];
                    let bias = bias.map_or(T::zero(), |bias| bias[output]);
                    y[(n * outputs + output) * positions + position] =
                        column.iter().zip(weights).fold(bias, |sum, (x, weight)| sum + *x * *weight);
                }
                advance(&mut at, &windows);
            }
        }
        tensor_of(&of(outputs), y)
    }
}

/// The pixels around a point and how much each counts, times `factor`.
fn neighbours<T: Real>(point: &[T], spatial: &[usize], factor: T) -> Vec<(usize, T)> {
    let mut neighbours = vec![(0, factor)];
    for (at, len) in point.iter().zip(spatial) {
        let low = at.floor();
        let high = *at - low;
        let along = [(low, T::one() - high), (low + T::one(), high)];
        let inside = along
            .into_iter()
            .filter(|(at, weight)| *weight > T::zero() && *at >= T::zero() && *at < T::of(*len as f64));
        let inside: Vec<(usize, T)> = inside.map(|(at, weight)| (at.to() as usize, weight)).collect();
        let with = |(base, factor): &(usize, T)| {
            let (base, factor) = (base * len, *factor);
            inside.iter().map(move |(at, weight)| (base + at, factor * *weight)).collect::<TVec<_>>()
        };
        neighbours = neighbours.iter().flat_map(with).collect();
    }
    neighbours
}

impl Kernel for DeformConv {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, weights, offsets] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        for (ix, input) in inputs.iter().enumerate().skip(1).filter_map(|(ix, input)| Some((ix, (*input)?))) {
            kernel::accept(&format!("input {ix}"), input, &[x.datum_type])?;
        }
        ensure!(
            x.rank() >= 3 && weights.rank() == x.rank() && offsets.rank() == x.rank(),
            "expected an input, weights and offsets of the same rank, got shapes {:?}, {:?} and {:?}",
            x.shape,
            weights.shape,
            offsets.shape
        );
        let mut shape = tvec!(x.shape[0].clone(), weights.shape[0].clone());
        let axes = weights.shape.as_concrete().map(|weights| self.axes(weights)).transpose()?;
        for ix in 2..x.rank() {
            let own = axes.as_ref().map(|axes| axes[ix - 2].windows(&x.shape[ix])).transpose()?.flatten();
            shape.push(own.unwrap_or_else(|| lengths.unknown(0, ix)));
        }
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::convolve(x.datum_type())(self, &inputs))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn inputs(offsets: [f32; 8]) -> [Option<Tensor>; 3] {
        let x = tensor4(&[[[[0f32, 1., 2.], [3., 4., 5.], [6., 7., 8.]]]]);
        let ones = Tensor::from_shape(&[1, 1, 2, 2], &[1f32; 4]).unwrap();
        // One window each way: kernel 2 at dilation 2.
        [Some(x), Some(ones), Some(Tensor::from_shape(&[1, 8, 1, 1], &offsets).unwrap())]
    }

    fn conv() -> NodeProto {
        node("", "DeformConv", vec![crate::testing::ints("dilations", &[2, 2])])
    }

    #[test]
    fn without_offsets_it_is_a_convolution() {
        expect(conv(), &inputs([0.; 8]), &[tensor4(&[[[[16f32]]]])]);
    }

    #[test]
    fn elements_move_between_pixels_and_out_of_the_image() {
        // The first element goes half a row down to 1.5, the last a column to the right and out of the image.
        let offsets = [0.5, 0., 0., 0., 0., 0., 0., 1.];
        expect(conv(), &inputs(offsets), &[tensor4(&[[[[9.5f32]]]])]);
    }

    #[test]
    fn mask_and_bias_scale_and_shift() {
        let [x, weights, offsets] = inputs([0.; 8]);
        let mask = Tensor::from_shape(&[1, 4, 1, 1], &[1f32, 0.5, 0., 2.]).unwrap();
        let all = [x, weights, offsets, Some(tensor1(&[100f32])), Some(mask)];
        expect(conv(), &all, &[tensor4(&[[[[117f32]]]])]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let [x, weights, offsets] = inputs([0.; 8]);
        let mut grouped = conv();
        grouped.attribute.push(int("group", 2));
        let error = format!("{:#}", compute(grouped, &[x, weights, offsets]).unwrap_err());
        assert!(error.contains("expected weights, offsets, bias and mask that fit"), "{error}");
    }
}
