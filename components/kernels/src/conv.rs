//! Convolutions of images of floats, with what follows them: bias, a sum, a clamp.
//!
//! Steps: [`Weights::new`] lays the weights out once; [`convolve`] takes, by shape, the depthwise loop, Winograd's
//! algorithm or the matrix product.

use crate::product::Part;
use crate::simd::{self, F32x4, each};
use crate::tile::{ROWS, Sums};
use crate::{depthwise, product, winograd};

mod inverted_residual;

pub use inverted_residual::{Stage, inverted_residual};

/// How a kernel goes over a plane: lengths are of rows, then columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The plane that is read.
    pub input: [usize; 2],
    /// The plane that is written.
    pub output: [usize; 2],
    /// The kernel.
    pub kernel: [usize; 2],
    /// From an output to the next.
    pub strides: [usize; 2],
    /// From an element of the kernel to the next.
    pub dilations: [usize; 2],
    /// Zeros before the input. After it there are as many as the output takes.
    pub before: [usize; 2],
}

impl Window {
    /// Whether each output reads the input at its own place alone.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.strides == [1, 1] && self.before == [0, 0] && self.input == self.output
    }

    /// The length of a row of [`Self::pad`]: what the last vector of a row of outputs reads, of which one may be more than
    /// is needed.
    pub(crate) fn padded_line(&self) -> usize {
        self.output[1] * self.strides[1] + (self.kernel[1] - 1) * self.dilations[1] + 1
    }

    /// Copies what the outputs read of a plane into one with zeros around, of rows of [`Self::padded_line`]. The zeros
    /// stay from plane to plane: `padded` is empty at first, or was filled for the same window.
    pub(crate) fn pad(&self, plane: &[f32], padded: &mut Vec<f32>) {
        let [top, left] = self.before;
        let line = self.padded_line();
        let tall = (self.output[0] - 1) * self.strides[0] + (self.kernel[0] - 1) * self.dilations[0] + 1;
        padded.resize(tall * line, 0.0);
        let count = self.input[1].min(line.saturating_sub(left));
        let lines = padded.chunks_exact_mut(line).skip(top);
        for (from, to) in plane.chunks_exact(self.input[1]).zip(lines) {
            simd::copy(&from[..count], &mut to[left.min(line)..][..count]);
        }
    }

    /// What the element `tap` of the kernel meets at the outputs `columns`, written to `line`.
    pub(crate) fn line(
        &self,
        tap: [usize; 2],
        plane: &[f32],
        columns: core::ops::Range<usize>,
        line: &mut [f32],
    ) {
        let [_, width] = self.output;
        let (mut column, mut rest) = (columns.start, &mut line[..columns.len()]);
        while !rest.is_empty() {
            let (y, x) = (column / width, column % width);
            let count = rest.len().min(width - x);
            let (part, after) = rest.split_at_mut(count);
            self.part_of_row(tap, plane, y, x, part);
            (column, rest) = (column + count, after);
        }
    }

    /// As [`Self::line`], for the outputs of row `y` from column `x` on.
    fn part_of_row(&self, tap: [usize; 2], plane: &[f32], y: usize, x: usize, part: &mut [f32]) {
        let [height, width] = self.input;
        let stride = self.strides[1];
        let row = (y * self.strides[0] + tap[0] * self.dilations[0]).wrapping_sub(self.before[0]);
        if row >= height {
            return part.fill(0.0);
        }
        let row = &plane[row * width..][..width];
        // Output `x + i` reads column `(x + i) * stride + shift - before`.
        let shift = x * stride + tap[1] * self.dilations[1];
        let before = self.before[1];
        let first = before.saturating_sub(shift).div_ceil(stride).min(part.len());
        let end = (width + before).saturating_sub(shift).div_ceil(stride).clamp(first, part.len());
        part[..first].fill(0.0);
        part[end..].fill(0.0);
        if first == end {
            return;
        }
        let from = &row[first * stride + shift - before..];
        let part = &mut part[first..end];
        match stride {
            1 => simd::copy(&from[..part.len()], part),
            2 => every_second(from, part),
            _ => part.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
        }
    }
}

/// Every second number of `from`.
pub(crate) fn every_second(from: &[f32], to: &mut [f32]) {
    let (pairs, _) = from.as_chunks::<8>();
    let (whole, _) = to.as_chunks_mut::<4>();
    let done = whole.len().min(pairs.len()) * 4;
    for (to, pair) in whole.iter_mut().zip(pairs) {
        let (left, right) = crate::tile::halves(pair);
        left.even(right).store(to);
    }
    for (to, from) in to[done..].iter_mut().zip(from[done * 2..].iter().step_by(2)) {
        *to = *from;
    }
}

/// What is done to the sums before they are written.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// Added to each channel; as many as there are channels, or none.
    pub bias: &'a [f32],
    /// Added element by element: as the output.
    pub add: Option<&'a [f32]>,
    /// No output is lower; NaN stays NaN.
    pub floor: f32,
    /// No output is higher.
    pub ceiling: f32,
}

impl Finish<'_> {
    /// The biases of four channels.
    #[inline(always)]
    pub(crate) fn bias(&self, first: usize) -> Sums {
        each!(row in [0 1 2 3] => [F32x4::splat(self.bias.get(first + row).copied().unwrap_or(0.0)); 2])
    }

    #[inline(always)]
    pub(crate) fn clamp(&self, value: F32x4) -> F32x4 {
        value.at_least(F32x4::splat(self.floor)).at_most(F32x4::splat(self.ceiling))
    }

    /// For the `count` channels from `first` on, in planes of `plane` elements.
    fn part(&self, first: usize, count: usize, plane: usize) -> Self {
        let bias = if self.bias.is_empty() { self.bias } else { &self.bias[first..][..count] };
        Self { bias, add: self.add.map(|add| &add[first * plane..][..count * plane]), ..*self }
    }
}

/// The weights of a convolution, laid out for its kernels: as many floats as there are, but for the padding of each
/// group's channels to four.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    layout: Layout,
    channels: usize,
    groups: usize,
    depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Layout {
    /// By group and four channels: `[groups][channels / 4][depth][4]`.
    Panels(Vec<[f32; ROWS]>),
    /// One channel of the input for each group: `[channels][height * width]`.
    Depthwise(Vec<f32>),
}

impl Weights {
    /// Lays out `values`, `[channels][depth]` with `depth` the input channels of a group by the kernel's height and
    /// width, of which a group has `inputs`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(values: &[f32], channels: usize, groups: usize, inputs: usize) -> Self {
        assert!(
            channels > 0 && groups > 0 && channels.is_multiple_of(groups),
            "{channels} in {groups} groups"
        );
        assert!(values.len().is_multiple_of(channels), "{} weights of {channels} channels", values.len());
        let depth = values.len() / channels;
        if inputs == 1 && groups > 1 {
            return Self { layout: Layout::Depthwise(values.into()), channels, groups, depth };
        }
        let rows = channels / groups;
        let mut panels = vec![];
        for group in values.chunks(rows * depth.max(1)) {
            for panel in group.chunks(ROWS * depth.max(1)) {
                panels.extend((0..depth).map(|step| {
                    [0, 1, 2, 3].map(|row| panel.get(row * depth + step).copied().unwrap_or(0.0))
                }));
            }
        }
        Self { layout: Layout::Panels(panels), channels, groups, depth }
    }

    /// The weights of each channel times a factor of its own.
    ///
    /// # Panics
    /// When there are fewer factors than channels.
    pub fn scaled(&self, factors: &[f32]) -> Self {
        let mut scaled = self.clone();
        let rows = self.channels / self.groups;
        match &mut scaled.layout {
            Layout::Depthwise(values) => {
                for (kernel, factor) in values.chunks_mut(self.depth).zip(factors) {
                    kernel.iter_mut().for_each(|value| *value *= factor);
                }
            }
            Layout::Panels(panels) => {
                let in_group = rows.div_ceil(ROWS);
                for (ix, panel) in panels.chunks_mut(self.depth).enumerate() {
                    let (group, first) = (ix / in_group, ix % in_group * ROWS);
                    for (row, factor) in factors[group * rows..][first..rows].iter().take(ROWS).enumerate() {
                        panel.iter_mut().for_each(|step| step[row] *= factor);
                    }
                }
            }
        }
        scaled
    }

    /// Channels of the output.
    pub fn channels(&self) -> usize {
        self.channels
    }
}

/// Convolves `images` (`[count][channels][height][width]`) to `output`, in the same order.
///
/// # Panics
/// When the lengths do not agree.
pub fn convolve(weights: &Weights, window: &Window, images: &[f32], finish: &Finish<'_>, output: &mut [f32]) {
    let [plane, output_plane] = [window.input, window.output].map(|[height, width]| height * width);
    let group_inputs = weights.depth / (window.kernel[0] * window.kernel[1]);
    let inputs = group_inputs * weights.groups;
    if output.is_empty() {
        return;
    }
    let count = output.len() / (weights.channels * output_plane);
    assert_eq!(images.len(), count * inputs * plane, "the input has another length");
    assert_eq!(output.len(), count * weights.channels * output_plane, "the output has another length");
    let rows = weights.channels / weights.groups;
    let mut padded = vec![];
    let mut product_scratch = product::Scratch::default();
    let mut winograd_scratch = winograd::Scratch::default();
    for ix in 0..count {
        let image = &images[ix * inputs * plane..][..inputs * plane];
        let output = &mut output[ix * weights.channels * output_plane..][..weights.channels * output_plane];
        let finish = Finish {
            add: finish.add.map(|add| &add[ix * weights.channels * output_plane..][..output.len()]),
            ..*finish
        };
        match &weights.layout {
            Layout::Depthwise(values) => {
                for (channel, values) in values.chunks_exact(weights.depth).enumerate() {
                    let plane = &image[channel / rows * plane..][..plane];
                    let output = &mut output[channel * output_plane..][..output_plane];
                    let finish = finish.part(channel, 1, output_plane);
                    depthwise::convolve(values, window, plane, &finish, output, &mut padded);
                }
            }
            Layout::Panels(panels) => {
                let of_group = panels.len() / weights.groups;
                for (group, panels) in panels.chunks_exact(of_group).enumerate() {
                    let image = &image[group * group_inputs * plane..][..group_inputs * plane];
                    let output = &mut output[group * rows * output_plane..][..rows * output_plane];
                    let finish = finish.part(group * rows, rows, output_plane);
                    if winograd::pays(window, group_inputs, rows) {
                        winograd::convolve(
                            panels,
                            rows,
                            window,
                            image,
                            &finish,
                            output,
                            &mut winograd_scratch,
                        );
                    } else {
                        let part = Part::whole(output_plane);
                        let scratch = &mut product_scratch;
                        product::convolve(panels, rows, window, image, &finish, output, &part, scratch);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
