//! Three convolutions in a row: one that widens the channels, one of each channel by itself, one that narrows them.
//!
//! This is the block that MobileNetV2 and its kin are made of (Sandler et al., 2018,
//! <https://arxiv.org/abs/1801.04381>). What lies between is several times as large as what goes in and out. It is made a
//! band of rows at a time, which stays in the second cache and is never whole in memory.

use core::ops::Range;

use super::{Finish, Layout, Weights, Window};
use crate::depthwise;
use crate::product::{self, Part};

/// Floats of a band, before and after the second convolution: 512 KB, which the second cache holds, where there is room
/// for them, and 128 KB in any case.
const BAND: Range<usize> = 1 << 15..1 << 17;
/// Floats of an image, its output and a band: 1.25 MB. The largest images of a network settle the memory of its sandboxes,
/// and theirs are the bands that do well with less.
const TOGETHER: usize = 5 << 16;

/// One of the convolutions, all three in the shapes that `convolve` wants.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// Its weights.
    pub weights: &'a Weights,
    /// Its way over the plane that the one before it gives.
    pub window: Window,
    /// What is done to its sums.
    pub finish: Finish<'a>,
}

/// Convolves `images` (`[count][channels][height][width]`) by one after the other to `output`, in the same order. The
/// sums are those of three calls of `convolve` by matrix products, to the bit.
///
/// # Panics
/// When the second is not depthwise with a channel for each of the first, or the third has another kernel than one by
/// one; when anything is added but to the third; when the lengths do not agree.
pub fn inverted_residual(stages: [&Stage<'_>; 3], images: &[f32], output: &mut [f32]) {
    let [first, middle, last] = stages;
    let (Layout::Panels(widen), Layout::Depthwise(kernels), Layout::Panels(narrow)) =
        (&first.weights.layout, &middle.weights.layout, &last.weights.layout)
    else {
        panic!("the convolutions are in another order");
    };
    let channels = first.weights.channels;
    assert_eq!([first.weights.groups, middle.weights.groups, last.weights.groups], [1, channels, 1]);
    assert_eq!([middle.weights.channels, last.weights.depth], [channels; 2]);
    assert_eq!([first.window.output, middle.window.output], [middle.window.input, last.window.input]);
    assert!(last.window.is_pointwise() && first.finish.add.is_none() && middle.finish.add.is_none());
    let area = |[height, width]: [usize; 2]| height * width;
    let inputs = first.weights.depth / area(first.window.kernel) * area(first.window.input);
    let outputs = last.weights.channels * area(last.window.output);
    if output.is_empty() {
        return;
    }
    let count = output.len() / outputs;
    assert_eq!([images.len(), output.len()], [count * inputs, count * outputs], "another length");

    let [height, width] = middle.window.output;
    let wide = middle.window.input[1];
    let room = TOGETHER.saturating_sub(inputs + outputs).clamp(BAND.start, BAND.end);
    let bands = bands(&middle.window, channels, room);
    // Room for the longest: memory that grows leaves holes behind, which a sandbox keeps.
    let longest = |rows: fn(&Band) -> usize| bands.iter().map(rows).max().unwrap_or_default();
    let (plane, after) = (longest(|band| band.read.len()) * wide, longest(|band| band.rows.len()) * width);
    let (mut widened, mut filtered) = (vec![0.0; channels * plane], Vec::with_capacity(channels * after));
    let mut scratch = product::Scratch::of((first.weights.depth * plane).max(last.weights.depth * after));
    let mut padded = vec![];
    for ix in 0..count {
        let image = &images[ix * inputs..][..inputs];
        let output = &mut output[ix * outputs..][..outputs];
        let mut kept = 0..0;
        for Band { rows, read, window } in &bands {
            // What the band before has read, too, is not made again.
            let new = read.start.max(kept.end)..read.end;
            let shared = (read.start - kept.start) * wide..kept.len() * wide;
            if !shared.is_empty() {
                widened.chunks_exact_mut(plane).for_each(|plane| plane.copy_within(shared.clone(), 0));
            }
            if !new.is_empty() {
                let start = (new.start - read.start) * wide;
                let part = Part { columns: new.start * wide..new.end * wide, start, plane };
                let (finish, to) = (&first.finish, &mut widened[..]);
                product::convolve(widen, channels, &first.window, image, finish, to, &part, &mut scratch);
            }
            kept = read.clone();

            let (before, after) = (read.len() * wide, rows.len() * width);
            filtered.resize(channels * after, 0.0);
            // Its zeros are at other places for each band.
            padded.clear();
            for (channel, kernel) in kernels.chunks_exact(middle.weights.depth).enumerate() {
                let plane = &widened[channel * plane..][..before];
                let finish = middle.finish.part(channel, 1, after);
                let to = &mut filtered[channel * after..][..after];
                depthwise::convolve(kernel, window, plane, &finish, to, &mut padded);
            }

            let size = [rows.len(), width];
            let window = Window { input: size, output: size, ..last.window };
            let part = Part { columns: 0..after, start: rows.start * width, plane: height * width };
            let add = last.finish.add.map(|add| &add[ix * outputs..][..outputs]);
            let (channels, finish) = (last.weights.channels, Finish { add, ..last.finish });
            product::convolve(narrow, channels, &window, &filtered, &finish, output, &part, &mut scratch);
        }
    }
}

/// Some rows of the output.
struct Band {
    rows: Range<usize>,
    /// The rows of the input that they read.
    read: Range<usize>,
    /// The way over those alone.
    window: Window,
}

/// The rows of the output, in bands of about the same length, of `room` floats.
fn bands(window: &Window, channels: usize, room: usize) -> Vec<Band> {
    let [height, width] = window.output;
    let wide = window.input[1];
    let row = channels * (window.strides[0] * wide + width);
    let shared = channels * reach(window).saturating_sub(window.strides[0]) * wide;
    let most = (room.saturating_sub(shared) / row.max(1)).clamp(1, height.max(1));
    let rows = height.div_ceil(height.div_ceil(most).max(1)).max(1);
    (0..height).step_by(rows).map(|top| Band::of(window, top..height.min(top + rows))).collect()
}

/// Rows of the input that an output reads, those between the elements of the kernel included.
fn reach(window: &Window) -> usize {
    (window.kernel[0] - 1) * window.dilations[0] + 1
}

impl Band {
    fn of(whole: &Window, rows: Range<usize>) -> Self {
        let ([tall, wide], top) = (whole.input, whole.before[0]);
        let start = rows.start * whole.strides[0];
        let end = (rows.end - 1) * whole.strides[0] + reach(whole);
        let read = start.saturating_sub(top).min(tall)..end.saturating_sub(top).min(tall);
        let window = Window {
            input: [read.len(), wide],
            output: [rows.len(), whole.output[1]],
            before: [top.saturating_sub(start), whole.before[1]],
            ..*whole
        };
        Self { rows, read, window }
    }
}
