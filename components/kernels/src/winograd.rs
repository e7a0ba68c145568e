//! Winograd's algorithm F(4x4, 3x3): 36 products where a 3x3 convolution takes 144 for 16 outputs.
//!
//! Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", <https://arxiv.org/abs/1509.09308>. The
//! points of interpolation are 0, ±√½, ±√2 and infinity, which round less than the paper's 0, ±1, ±2.
//!
//! A tile is 4x4 outputs and the 6x6 inputs under them. Steps: tiles are transformed, a block of them at a time; the
//! weights of four channels are transformed, each time anew, for four times the weights would have to be kept
//! otherwise; 36 matrix products; their sums are transformed back.

use core::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::conv::{Finish, Window};
use crate::simd::{self, F32x4, each};
use crate::tile::{self, COLUMNS, ROWS};

/// Outputs of a tile in a row.
pub(crate) const OUT: usize = 4;
/// Inputs of a tile in a row.
pub(crate) const IN: usize = 6;
/// Products of a tile.
pub(crate) const POINTS: usize = IN * IN;
/// Channels that are transformed at a time. The lengths of arrays being constants, a transform computes no addresses.
const CHANNELS: usize = 128;
/// Bytes of a block of transformed tiles, which the second cache holds beside the weights.
const BLOCK: usize = 1 << 19;

/// Transformed tiles. What 36 points write at a time must not meet in one set of the first cache, hence the space
/// after the channels.
type Tiles = [[[f32; COLUMNS]; CHANNELS + 2]; POINTS];
/// Transformed weights of four channels of the output.
type Kernels = [[[f32; ROWS]; CHANNELS + 4]; POINTS];
/// The products of eight tiles for four channels.
type Products = [[[f32; COLUMNS]; ROWS]; POINTS];

/// Whether this algorithm does less work than the matrix product, counted in multiply-adds.
pub(crate) fn pays(window: &Window, inputs: usize, rows: usize) -> bool {
    if window.kernel != [3, 3] || window.strides != [1, 1] || window.dilations != [1, 1] {
        return false;
    }
    let [height, width] = window.output;
    let tiles = height.div_ceil(OUT) * width.div_ceil(OUT);
    let panels = tiles.div_ceil(COLUMNS);
    let blocks = panels.div_ceil(panels_of_block(inputs));
    let pixels = (height * width).next_multiple_of(COLUMNS);
    // The work on a large image is a number of more than 32 bits.
    let [tiles, points, pixels, blocks, inputs, rows] =
        [tiles, panels * COLUMNS * POINTS, pixels, blocks, inputs, rows].map(|count| count as u64);
    // What the transforms of an input tile, an output tile and a weight's nine elements cost beside multiply-adds:
    // estimates, fitted to the times of ResNet18's layers under wasmtime.
    let transforms = tiles * (inputs * 700 + rows * 650) + blocks * inputs * rows * 200;
    let products = points * inputs * rows;
    transforms + products < pixels * 9 * inputs * rows
}

fn panels_of_block(inputs: usize) -> usize {
    (BLOCK / (POINTS * COLUMNS * 4 * inputs.max(1))).max(1)
}

/// Memory that the algorithm works in, kept from image to image.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Rows of one plane with its padding.
    plane: Vec<f32>,
    /// A block: by eight tiles, then by [`CHANNELS`].
    tiles: Vec<Tiles>,
    /// One element.
    kernels: Vec<Kernels>,
    /// By eight tiles.
    products: Vec<Products>,
}

/// As [`crate::product::convolve`], for kernels of 3x3 elements.
pub(crate) fn convolve(
    weights: &[[f32; ROWS]],
    rows: usize,
    window: &Window,
    image: &[f32],
    finish: &Finish<'_>,
    output: &mut [f32],
    scratch: &mut Scratch,
) {
    let [height, width] = window.output;
    let grid = Grid { height, width, across: width.div_ceil(OUT) };
    let depth = weights.len() / rows.div_ceil(ROWS);
    let inputs = depth / 9;
    let parts = inputs.div_ceil(CHANNELS);
    let tiles = height.div_ceil(OUT) * grid.across;
    let block = panels_of_block(inputs) * COLUMNS;
    for first in (0..tiles).step_by(block) {
        let block = first..tiles.min(first + block);
        scratch.transform_tiles(window, grid, image, inputs, block.clone());
        for (ix, panel) in weights.chunks_exact(depth).enumerate() {
            for (part, weights) in panel.chunks(CHANNELS * 9).enumerate() {
                transform_weights(weights, &mut scratch.kernels[0]);
                let tiles = scratch.tiles.iter().skip(part).step_by(parts);
                for (tiles, products) in tiles.zip(&mut scratch.products) {
                    multiply(&scratch.kernels[0], tiles, weights.len() / 9, part == 0, products);
                }
            }
            let panels = scratch.products.iter().zip(block.clone().step_by(COLUMNS));
            for (products, first) in panels {
                for row in 0..ROWS.min(rows - ix * ROWS) {
                    for half in 0..2 {
                        let first = first + half * 4;
                        let tiles = first..block.end.clamp(first, first + 4);
                        let values = transform_back(products, row, half);
                        grid.write(values, ix * ROWS + row, tiles, finish, output);
                    }
                }
            }
        }
    }
}

/// The products of each point, added to what is there but at the `start`.
fn multiply(kernels: &Kernels, tiles: &Tiles, channels: usize, start: bool, products: &mut Products) {
    for ((kernels, tiles), products) in kernels.iter().zip(tiles).zip(products) {
        let mut sums = [[F32x4::splat(0.0); 2]; ROWS];
        if !start {
            for (sums, row) in sums.iter_mut().zip(products.iter()) {
                let (left, right) = tile::halves(row);
                *sums = [left, right];
            }
        }
        tile::multiply(&kernels[..channels], &tiles[..channels], &mut sums);
        for (row, sums) in products.iter_mut().zip(sums) {
            tile::write(row, sums);
        }
    }
}

/// The tiles of a plane of the output.
#[derive(Clone, Copy)]
struct Grid {
    height: usize,
    width: usize,
    /// Tiles in a row.
    across: usize,
}

impl Grid {
    fn write(
        self,
        values: [[F32x4; OUT]; OUT],
        channel: usize,
        tiles: core::ops::Range<usize>,
        finish: &Finish<'_>,
        output: &mut [f32],
    ) {
        let bias = F32x4::splat(finish.bias.get(channel).copied().unwrap_or(0.0));
        let rows = each!(row in [0 1 2 3] => F32x4::transpose(values[row]));
        for (lane, tile) in tiles.enumerate() {
            let (y, x) = (tile / self.across * OUT, tile % self.across * OUT);
            let width = OUT.min(self.width - x);
            for (row, values) in rows.iter().enumerate().take(self.height - y) {
                let start = (channel * self.height + y + row) * self.width + x;
                let mut value = values[lane] + bias;
                if let Some(add) = finish.add {
                    value = value + F32x4::load_part(&add[start..][..width]);
                }
                let value = finish.clamp(value);
                value.store_part(&mut output[start..][..width]);
            }
        }
    }
}

impl Scratch {
    fn transform_tiles(
        &mut self,
        window: &Window,
        grid: Grid,
        image: &[f32],
        inputs: usize,
        block: core::ops::Range<usize>,
    ) {
        let panels = block.len().div_ceil(COLUMNS);
        let parts = inputs.div_ceil(CHANNELS);
        self.tiles.resize(panels * parts, [[[0.0; COLUMNS]; CHANNELS + 2]; POINTS]);
        self.kernels.resize(1, [[[0.0; ROWS]; CHANNELS + 4]; POINTS]);
        self.products.resize(panels, [[[0.0; COLUMNS]; ROWS]; POINTS]);
        let [height, width] = window.input;
        let (first, last) = (block.start / grid.across, (block.end - 1) / grid.across);
        // Two more columns, because a tile's six are read as two vectors.
        let line = grid.across * OUT + 4;
        self.plane.clear();
        self.plane.resize(((last - first) * OUT + IN) * line, 0.0);
        for channel in 0..inputs {
            let from = &image[channel * height * width..][..height * width];
            let [top, left] = window.before;
            for (ix, to) in self.plane.chunks_exact_mut(line).enumerate() {
                let row = (first * OUT + ix).wrapping_sub(top);
                if row < height {
                    let count = width.min(line.saturating_sub(left));
                    simd::copy(&from[row * width..][..count], &mut to[left.min(line)..][..count]);
                }
            }
            for (group, tile) in block.clone().step_by(4).enumerate() {
                let starts = each!(lane in [0 1 2 3] => {
                    let tile = (tile + lane).min(block.end - 1);
                    (tile / grid.across - first) * OUT * line + tile % grid.across * OUT
                });
                let to = &mut self.tiles[group / 2 * parts + channel / CHANNELS];
                transform_four(&self.plane, line, starts, to, channel % CHANNELS, group % 2);
            }
        }
    }
}

/// `B^T d B` for the four tiles at `starts`, to half a row of each point of `to`.
#[inline(never)]
#[allow(unsafe_code, reason = "one check stands for 48 loads")]
fn transform_four(
    plane: &[f32],
    line: usize,
    starts: [usize; 4],
    to: &mut Tiles,
    channel: usize,
    half: usize,
) {
    assert!(starts.iter().all(|start| start + (IN - 1) * line + 8 <= plane.len()));
    let rows = each!(row in [0 1 2 3 4 5] => {
        let [a, b, c, d] = F32x4::transpose(each!(tile in [0 1 2 3] => {
            // SAFETY: the last row, and so each, has 8 elements from the start on.
            unsafe { F32x4::load_at(plane, starts[tile] + row * line) }
        }));
        let [e, f, ..] = F32x4::transpose(each!(tile in [0 1 2 3] => {
            // SAFETY: as above.
            unsafe { F32x4::load_at(plane, starts[tile] + row * line + 4) }
        }));
        input([a, b, c, d, e, f])
    });
    let columns = each!(x in [0 1 2 3 4 5] => input(each!(y in [0 1 2 3 4 5] => rows[y][x])));
    // `columns[x][y]` is the point of row `y` and column `x`; rows and columns only need to agree with the weights.
    for (value, to) in columns.as_flattened().iter().zip(to) {
        let (halves, _) = to[channel].as_chunks_mut::<4>();
        value.store(&mut halves[half]);
    }
}

/// `B^T d`.
#[inline(always)]
fn input([a, b, c, d, e, f]: [F32x4; IN]) -> [F32x4; IN] {
    let (root, half, two) = (F32x4::splat(SQRT_2), F32x4::splat(FRAC_1_SQRT_2), F32x4::splat(2.0));
    let (even, odd) = (e - two * c, half * d - root * b);
    let (even_far, odd_far) = (e - F32x4::splat(0.5) * c, root * d - half * b);
    let middle = F32x4::splat(2.5);
    [a - middle * c + e, even + odd, even - odd, even_far + odd_far, even_far - odd_far, b - middle * d + f]
}

/// `G g G^T` for four channels of the output: `[channels * 9][4]` to `[36][channels][4]`.
#[inline(never)]
fn transform_weights(from: &[[f32; ROWS]], to: &mut Kernels) {
    let (kernels, _) = from.as_chunks::<9>();
    for (ix, kernel) in kernels.iter().take(CHANNELS).enumerate() {
        let taps = each!(tap in [0 1 2 3 4 5 6 7 8] => F32x4::load(&kernel[tap]));
        let rows = each!(y in [0 1 2] => weight([taps[3 * y], taps[3 * y + 1], taps[3 * y + 2]]));
        let columns = each!(x in [0 1 2 3 4 5] => weight([rows[0][x], rows[1][x], rows[2][x]]));
        for (value, to) in columns.as_flattened().iter().zip(&mut *to) {
            value.store(&mut to[ix]);
        }
    }
}

/// `G g`.
#[inline(always)]
fn weight([a, b, c]: [F32x4; 3]) -> [F32x4; IN] {
    let (third, sixth) = (F32x4::splat(1.0 / 3.0), F32x4::splat(1.0 / 6.0));
    let near = (a + a + c) * F32x4::splat(-1.0 / 3.0);
    let near_odd = b * F32x4::splat(-SQRT_2 / 3.0);
    let far = a * sixth + c * third;
    let far_odd = b * F32x4::splat(SQRT_2 / 6.0);
    [a, near + near_odd, near - near_odd, far + far_odd, far - far_odd, c]
}

/// `A^T m A` for four tiles, a lane each.
#[inline(always)]
fn transform_back(products: &Products, row: usize, half: usize) -> [[F32x4; OUT]; OUT] {
    // Six points in turn are a column.
    let columns = each!(x in [0 1 2 3 4 5] => output(each!(y in [0 1 2 3 4 5] => {
        let (halves, _) = products[x * IN + y][row].as_chunks::<4>();
        F32x4::load(&halves[half])
    })));
    each!(y in [0 1 2 3] => output(each!(x in [0 1 2 3 4 5] => columns[x][y])))
}

/// `A^T m`.
#[inline(always)]
fn output([a, b, c, d, e, f]: [F32x4; IN]) -> [F32x4; OUT] {
    let (near, near_odd, far, far_odd) = (b + c, b - c, d + e, d - e);
    [
        a + near + far,
        F32x4::splat(FRAC_1_SQRT_2) * near_odd + F32x4::splat(SQRT_2) * far_odd,
        F32x4::splat(0.5) * near + F32x4::splat(2.0) * far,
        F32x4::splat(FRAC_1_SQRT_2 / 2.0) * near_odd + F32x4::splat(2.0 * SQRT_2) * far_odd + f,
    ]
}
