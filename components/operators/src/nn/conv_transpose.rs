//! `ai.onnx.ConvTranspose`: upstream's, and the attribute `output_shape`.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__ConvTranspose.html>.
//! Inputs of one float type: `[N, C, D1, ..]`, weights `[C, M / group, K1, ..]`, bias `[M]`. Output
//! `[N, M, output_shape]`: pads follow from the shape, and upstream panics on some. An odd pad is at the end for
//! `SAME_UPPER`, else at the begin. Errors: shapes that do not fit.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::window::Window;
use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{advance, filled};
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};
use crate::upstream;

pub(crate) fn conv_transpose(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let mut output = attributes::ints(node, "output_shape")?;
    if output.is_empty() {
        return upstream::build(ctx, node);
    }
    let window = Window::read(node)?;
    // Some exporters give all axes.
    if !window.kernel.is_empty() && output.len() == window.kernel.len() + 2 {
        output.drain(..2);
    }
    let groups = node.get_attr_opt::<i64>("group")?.unwrap_or(1);
    ensure!(groups > 0, "expected group of 1 or more, got {groups}");
    let kernel = ConvTranspose {
        output: output.iter().map(|len| usize::try_from(*len)).collect::<Result<_, _>>()?,
        groups: usize::try_from(groups)?,
        more_at_end: node.get_attr_opt("auto_pad")? == Some("SAME_UPPER"),
        output_padding: attributes::ints(node, "output_padding")?,
        window,
    };
    super::wire_real(ctx, node, kernel)
}

#[derive(Debug)]
struct ConvTranspose {
    window: Window,
    output: Vec<usize>,
    groups: usize,
    more_at_end: bool,
    output_padding: Vec<i64>,
}

impl ConvTranspose {
    fn convolve<T: Real>(&self, inputs: &[Option<TValue>]) -> TractResult<Tensor> {
        let [x, weights] = kernel::required(inputs)?;
        let bias = kernel::optional(inputs, 2);
        let rank = self.output.len();
        ensure!(
            x.rank() == rank + 2 && weights.rank() == rank + 2 && weights.shape()[0] == x.shape()[1],
            "expected an input [N, C, ..] and weights [C, M, ..] of {rank} spatial axes, got shapes {:?} and {:?}",
            x.shape(),
            weights.shape()
        );
        let (kernel_shape, spatial) = (&weights.shape()[2..], &x.shape()[2..]);
        let kernel: Vec<i64> = kernel_shape.iter().map(|len| *len as i64).collect();
        let declared = &self.window.kernel;
        ensure!(
            declared.is_empty() || *declared == kernel,
            "expected kernel_shape {kernel:?}, got {declared:?}"
        );
        let mut axes = self.window.axes(&kernel)?;
        for (ix, axis) in axes.iter_mut().enumerate() {
            let extent = (axis.kernel - 1) * axis.dilation + 1;
            let last =
                (spatial[ix] as i64 - 1).checked_mul(axis.stride).context("expected a smaller stride")?;
            let added = self.output_padding.get(ix).map_or(0, |added| (*added).clamp(0, axis.stride));
            let total = (last + added + extent - self.output[ix] as i64).max(0);
            axis.begin = if self.more_at_end { total / 2 } else { total - total / 2 };
        }
        let (batch, channels, per_group) = (x.shape()[0], x.shape()[1], weights.shape()[1]);
        let outputs = per_group.checked_mul(self.groups).context("expected fewer groups")?;
        ensure!(
            channels % self.groups == 0 && bias.is_none_or(|bias| bias.len() == outputs),
            "expected {channels} channels of whole groups, {} of them, and a bias for {outputs}",
            self.groups
        );
        let shape = [&[batch, outputs], &self.output[..]].concat();
        let mut y = filled(&shape, T::zero())?;
        let (x, weights) = (elements::<T>(x)?, elements::<T>(weights)?);
        let plane: usize = self.output.iter().product();
        if y.is_empty() || channels == 0 {
            return tensor_of(&shape, y);
        }
        if let Some(bias) = bias {
            let bias = elements::<T>(bias)?.iter().cycle();
            y.chunks_exact_mut(plane).zip(bias).for_each(|(y, bias)| y.fill(*bias));
        }
        let (image, kernel): (usize, usize) = (spatial.iter().product(), kernel_shape.iter().product());
        let mut at = vec![0; rank];
        for position in 0..image {
            // Where each element of the kernel goes.
            let mut places = vec![];
            let mut within = vec![0; rank];
            for element in 0..kernel {
                let place = axes.iter().enumerate().try_fold(0, |base, (ix, axis)| {
                    let place = at[ix] as i64 * axis.stride + within[ix] as i64 * axis.dilation - axis.begin;
                    let place = usize::try_from(place).ok().filter(|place| *place < self.output[ix])?;
                    Some(base * self.output[ix] + place)
                });
                places.extend(place.map(|place| (element, place)));
                advance(&mut within, kernel_shape);
            }
            for (ix, y) in y.chunks_exact_mut(plane).enumerate() {
                let (n, output) = (ix / outputs, ix % outputs);
                let in_group = channels / self.groups;
                let first = output / per_group * in_group;
                for channel in first..first + in_group {
                    let x = x[(n * channels + channel) * image + position];
                    let weights = &weights[(channel * per_group + output % per_group) * kernel..];
                    places.iter().for_each(|(element, place)| y[*place] += x * weights[*element]);
                }
            }
            advance(&mut at, spatial);
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for ConvTranspose {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, weights] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        kernel::accept("the weights", weights, &[x.datum_type])?;
        if let Some(bias) = kernel::optional(inputs, 2) {
            kernel::accept("the bias", bias, &[x.datum_type])?;
        }
        ensure!(
            x.rank() == self.output.len() + 2 && weights.rank() == x.rank(),
            "expected an input and weights of {} spatial axes, got shapes {:?} and {:?}",
            self.output.len(),
            x.shape,
            weights.shape
        );
        let mut shape = tvec!(x.shape[0].clone(), weights.shape[1].clone() * self.groups);
        shape.extend(self.output.iter().map(|len| len.to_dim()));
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
    use crate::testing::{compute, expect, ints, node, string};

    fn conv(output: &[i64], auto_pad: &str) -> NodeProto {
        let attributes =
            vec![ints("output_shape", output), ints("strides", &[2]), string("auto_pad", auto_pad)];
        node("", "ConvTranspose", attributes)
    }

    fn inputs() -> [Option<Tensor>; 3] {
        let [x, weights] = [tensor3(&[[[1f32, 10.]]]), tensor3(&[[[1f32, 2., 3.]]])];
        [Some(x), Some(weights), Some(tensor1(&[100f32]))]
    }

    #[test]
    fn pads_follow_from_the_shape() {
        expect(conv(&[5], "NOTSET"), &inputs(), &[tensor3(&[[[101f32, 102., 113., 120., 130.]]])]);
        expect(conv(&[4], "SAME_UPPER"), &inputs(), &[tensor3(&[[[101f32, 102., 113., 120.]]])]);
        expect(conv(&[4], "SAME_LOWER"), &inputs(), &[tensor3(&[[[102f32, 113., 120., 130.]]])]);
        expect(conv(&[6], "NOTSET"), &inputs(), &[tensor3(&[[[101f32, 102., 113., 120., 130., 100.]]])]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(compute(conv(&[5, 5], "NOTSET"), &inputs()).is_err());
        let [x, _, bias] = inputs();
        let weights = Some(tensor3(&[[[1f32, 2.]], [[3., 4.]]]));
        assert!(compute(conv(&[5], "NOTSET"), &[x, weights, bias]).is_err());
    }
}
