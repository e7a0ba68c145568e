//! A convolution as a matrix product: weights by patches, the patches gathered a block at a time.

use core::ops::Range;

use crate::conv::{Finish, Window};
use crate::simd::{self, F32x4};
use crate::tile::{self, COLUMNS, ROWS, Sums};

/// Depth of a block: 16 KB of patches and 8 KB of weights, which the first cache holds.
const DEPTH: usize = 512;
/// Floats of a block of patches: 256 KB, which the second cache holds beside the weights that stream through.
const BLOCK: usize = 1 << 16;

/// Which outputs are computed, and where they go.
pub(crate) struct Part {
    /// The outputs of a channel, counted through its plane.
    pub(crate) columns: Range<usize>,
    /// Where the first of them goes, in the memory of the first channel.
    pub(crate) start: usize,
    /// From a channel to the next.
    pub(crate) plane: usize,
}

impl Part {
    /// All outputs of planes of `len`.
    pub(crate) fn whole(len: usize) -> Self {
        Self { columns: 0..len, start: 0, plane: len }
    }
}

/// The `part` of the product for one image and one group: `weights` (`[rows / 4][depth][4]`, the last rows padded) by
/// the patches of `image`, to `output`.
#[expect(clippy::too_many_arguments, reason = "a matrix product has two factors, their shapes and a place")]
pub(crate) fn convolve(
    weights: &[[f32; ROWS]],
    rows: usize,
    window: &Window,
    image: &[f32],
    finish: &Finish<'_>,
    output: &mut [f32],
    part: &Part,
    scratch: &mut Scratch,
) {
    let Part { columns, start, plane } = part;
    let depth = weights.len() / rows.div_ceil(ROWS);
    let slices = depth.div_ceil(DEPTH);
    let slice = depth.div_ceil(slices.max(1)).max(1);
    let width = (BLOCK / slice / COLUMNS * COLUMNS).max(COLUMNS);
    for left in columns.clone().step_by(width) {
        let block = left..columns.end.min(left + width);
        for top in (0..depth).step_by(slice) {
            let steps = top..depth.min(top + slice);
            let patches = scratch.gather(window, image, steps.clone(), block.clone());
            for (ix, panel) in weights.chunks_exact(depth).enumerate() {
                let panel = &panel[steps.clone()];
                let first_row = ix * ROWS;
                for (patches, column) in patches.chunks_exact(steps.len()).zip(block.clone().step_by(COLUMNS))
                {
                    let mut place = Place {
                        output: &mut *output,
                        plane: *plane,
                        first_row,
                        rows: ROWS.min(rows - first_row),
                        column: start + column - columns.start,
                        width: COLUMNS.min(columns.end - column),
                    };
                    let mut sums = if top == 0 { finish.bias(first_row) } else { place.read() };
                    tile::multiply(panel, patches, &mut sums);
                    if steps.end == depth {
                        place.finish(finish, &mut sums);
                    }
                    place.write(sums);
                }
            }
        }
    }
}

/// Where a tile lies in the output.
struct Place<'a> {
    output: &'a mut [f32],
    plane: usize,
    first_row: usize,
    rows: usize,
    column: usize,
    width: usize,
}

impl Place<'_> {
    fn start(&self, row: usize) -> usize {
        (self.first_row + row) * self.plane + self.column
    }

    fn read(&self) -> Sums {
        self.read_from(self.output)
    }

    fn read_from(&self, matrix: &[f32]) -> Sums {
        let mut sums = [[F32x4::splat(0.0); 2]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate().take(self.rows) {
            let mut line = [0.0; COLUMNS];
            let from = &matrix[self.start(row)..][..self.width];
            match from.as_array() {
                Some(whole) => line = *whole,
                None => simd::copy(from, &mut line[..self.width]),
            }
            let (left, right) = tile::halves(&line);
            *sums = [left, right];
        }
        sums
    }

    fn finish(&self, finish: &Finish<'_>, sums: &mut Sums) {
        if let Some(add) = finish.add {
            let added = self.read_from(add);
            for (sums, added) in sums.iter_mut().zip(added) {
                *sums = [sums[0] + added[0], sums[1] + added[1]];
            }
        }
        for sums in sums {
            *sums = [finish.clamp(sums[0]), finish.clamp(sums[1])];
        }
    }

    fn write(&mut self, sums: Sums) {
        for (row, sums) in sums.into_iter().enumerate().take(self.rows) {
            let (start, width) = (self.start(row), self.width);
            let to = &mut self.output[start..][..width];
            match to.as_mut_array() {
                Some(whole) => tile::write(whole, sums),
                None => {
                    let mut line = [0.0; COLUMNS];
                    tile::write(&mut line, sums);
                    simd::copy(&line[..width], to);
                }
            }
        }
    }
}

/// Memory that a product works in, kept from image to image.
#[derive(Default)]
pub(crate) struct Scratch {
    patches: Vec<[f32; COLUMNS]>,
    line: Vec<f32>,
    padded: Vec<f32>,
    starts: Vec<usize>,
    taps: Vec<usize>,
}

impl Scratch {
    /// With room for `floats` of patches, as far as a block has it.
    pub(crate) fn of(floats: usize) -> Self {
        Self { patches: Vec::with_capacity(floats.min(BLOCK).div_ceil(COLUMNS)), ..Self::default() }
    }

    /// The `steps` (channel, then row and column of the kernel) of the patches of the `columns` (row and column of the
    /// output): `[columns / 8][steps][8]`, the last columns padded with what may be there.
    fn gather(
        &mut self,
        window: &Window,
        image: &[f32],
        steps: Range<usize>,
        columns: Range<usize>,
    ) -> &[[f32; COLUMNS]] {
        let panels = columns.len().div_ceil(COLUMNS);
        self.patches.resize(panels * steps.len(), [0.0; COLUMNS]);
        let [taps, plane] = [window.kernel, window.input].map(|[height, width]| height * width);
        let in_vectors = window.strides[1] == 1 && window.output[1].is_multiple_of(4);
        if in_vectors && !window.is_pointwise() && taps * columns.len() >= plane {
            self.by_vector(window, image, steps, columns);
        } else {
            self.by_line(window, image, steps, columns);
        }
        &self.patches
    }

    /// Any window: a step for all columns, then to the panels.
    // Not inlined, as [`Self::by_vector`]: beside the loops of a product the registers would not do for theirs.
    #[inline(never)]
    fn by_line(&mut self, window: &Window, image: &[f32], steps: Range<usize>, columns: Range<usize>) {
        self.line.resize(columns.len().next_multiple_of(COLUMNS), 0.0);
        let plane = window.input[0] * window.input[1];
        let [height, width] = window.kernel;
        for (ix, step) in steps.clone().enumerate() {
            let (channel, tap) = (step / (height * width), step % (height * width));
            let plane = &image[channel * plane..][..plane];
            let line = if window.is_pointwise() {
                &plane[columns.clone()]
            } else {
                window.line([tap / width, tap % width], plane, columns.clone(), &mut self.line);
                &self.line[..]
            };
            let mut to = self.patches.iter_mut().skip(ix).step_by(steps.len());
            let (whole, rest) = line.as_chunks();
            for (from, to) in whole.iter().zip(&mut to) {
                *to = *from;
            }
            if let Some(to) = to.next() {
                simd::copy(rest, &mut to[..rest.len()]);
            }
        }
    }

    /// Where four columns from a multiple of four on lie beside each other in the input: from a copy of the plane with
    /// zeros around, so that no vector needs to know of an edge. A channel at a time, its taps behind each other.
    #[inline(never)]
    fn by_vector(&mut self, window: &Window, image: &[f32], steps: Range<usize>, columns: Range<usize>) {
        let Self { patches, padded, starts, taps, .. } = self;
        let plane = window.input[0] * window.input[1];
        let line = window.padded_line();
        starts.clear();
        starts.extend(columns.step_by(4).map(|column| {
            let (y, x) = (column / window.output[1], column % window.output[1]);
            y * window.strides[0] * line + x
        }));
        taps.clear();
        let [height, width] = window.kernel.map(|length| 0..length);
        let [down, along] = [window.dilations[0] * line, window.dilations[1]];
        taps.extend(height.flat_map(|y| width.clone().map(move |x| y * down + x * along)));
        padded.clear();
        let mut step = steps.start;
        while step < steps.end {
            let (channel, first) = (step / taps.len(), step % taps.len());
            let taps = &taps[first..taps.len().min(first + steps.end - step)];
            window.pad(&image[channel * plane..][..plane], padded);
            for (starts, panel) in starts.chunks(2).zip(patches.chunks_exact_mut(steps.len())) {
                // Where the second four are beyond the last column, anything may be there.
                let halves = [starts[0], starts[starts.len() - 1]];
                lay_out(padded, halves, taps, &mut panel[step - steps.start..]);
            }
            step += taps.len();
        }
    }
}

/// What each tap meets at eight columns, of which each four are behind each other in `padded`.
#[inline(never)]
fn lay_out(padded: &[f32], [left, right]: [usize; 2], taps: &[usize], to: &mut [[f32; COLUMNS]]) {
    for (tap, to) in taps.iter().zip(to) {
        let (to_left, to_right) = to.split_at_mut(4);
        to_left.copy_from_slice(&padded[left + tap..][..4]);
        to_right.copy_from_slice(&padded[right + tap..][..4]);
    }
}
