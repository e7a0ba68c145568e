//! Winograd's algorithm F(4x4, 3x3) in integers: 36 products where a 3x3 convolution takes 144 for 16 outputs, and the
//! same sums to the last bit.
//!
//! Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", <https://arxiv.org/abs/1509.09308>, with
//! its points of interpolation, 0, ±1, ±2 and infinity. Their transform of the inputs is one of integers, and 16 bits
//! hold what it makes of numbers of up to 255 in size: no row of it adds more than ten times an input. That of the
//! weights has fractions, so each of its rows is multiplied by the least number without any (4, 6, 6, 24, 24 and 1), and
//! the transform back by what is left of 24. The sums come out 24 * 24 = 9 * 64 times too large, computed modulo 2^32,
//! where 9 has an inverse; [`fits`] says whether 64 times a sum is in range.

use super::BLOCK;
use super::bytes::Side;
use super::finish::{Finish, Requantize, write};
use super::lanes::{I16x8, I32x4};
use super::product::{Weights, pair};
use crate::simd::each;
use crate::winograd::{IN, OUT, POINTS};

/// Blocks of channels that are transformed at a time. The lengths of arrays being constants, a transform computes no
/// addresses.
const PART: usize = 16;
/// Bytes of a band of transformed tiles, which the second cache holds beside the weights.
const BAND: usize = 1 << 19;

/// A part of a transformed tile. What 36 points write at a time must not meet in one set of the first cache, hence the
/// block after the part.
type Tile = [[[i16; BLOCK]; PART + 1]; POINTS];
/// A part of the transformed weights of four rows.
type Kernels = [[[[i16; BLOCK]; 4]; PART + 1]; POINTS];
/// The products of a tile for four rows.
type Products = [[i32; 4]; POINTS];

/// An image of `[height, width]` pixels, without its zero point and with a border around it, that is convolved to
/// `output` pixels: the first patch begins at its start.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// The numbers, channels last, up to those of the last tile: see [`tiled`].
    pub numbers: &'a [i16],
    /// From one row of pixels to the next.
    pub row: usize,
    /// Of a pixel, whole blocks of eight.
    pub channels: usize,
    /// Rows and columns of the output.
    pub output: [usize; 2],
}

/// How many rows, or columns, of an image the tiles of `outputs` of them cover.
pub fn tiled(outputs: usize) -> usize {
    outputs.next_multiple_of(OUT) + 2
}

/// Whether 64 times any sum of `weights` with bytes of a `side` is less than 2^31 in size.
pub fn fits(weights: &Weights, side: Side) -> bool {
    (0..weights.rows()).all(|row| {
        let [least, most] = side.sums(weights.row(row));
        least > -(1 << 25) && most < 1 << 25
    })
}

/// Whether this algorithm does less work than the product with patches, counted in instructions; only channels that are
/// whole blocks can be transformed.
pub fn pays([height, width]: [usize; 2], channels: usize, rows: usize) -> bool {
    let tiles = height.div_ceil(OUT) * width.div_ceil(OUT);
    let (blocks, groups) = (channels / BLOCK, rows.div_ceil(4));
    let (parts, bands) = (blocks.div_ceil(PART), tiles.div_ceil(tiles_of_band(blocks)));
    // The work on a large image is a number of more than 32 bits.
    let [tiles, pixels, blocks, groups, parts, bands] =
        [tiles, height * width, blocks, groups, parts, bands].map(|count| count as u64);
    // Four rows of a block take four multiplications and four additions for each pixel. What the transforms and the
    // beginnings and ends of the products cost are estimates, fitted to the times of ResNet18's layers under wasmtime.
    let transforms = tiles * (blocks * 300 + groups * 700) + bands * groups * blocks * 520;
    let products = tiles.next_multiple_of(2) * groups * (POINTS as u64 * blocks * 8 + parts * 1000);
    channels.is_multiple_of(BLOCK) && transforms + products < pixels * 9 * groups * blocks * 8
}

fn tiles_of_band(blocks: usize) -> usize {
    (BAND / (size_of::<Tile>() * blocks.div_ceil(PART).max(1))).max(2)
}

/// As [`multiply_to_bytes`](super::multiply_to_bytes), for 3x3 windows of neighbouring pixels.
///
/// # Panics
/// Where the weights are not those of such windows of as many channels, the image is too short, or `output` is.
pub fn winograd_to_bytes(
    weights: &Weights,
    image: Image,
    finish: &Requantize,
    output: &mut [u8],
    step: usize,
) {
    winograd(weights, image, finish, output, step);
}

pub(super) fn winograd<F: Finish>(
    weights: &Weights,
    image: Image,
    finish: &F,
    output: &mut [F::Number],
    step: usize,
) {
    let [height, width] = image.output;
    let grid = Grid { height, width, across: width.div_ceil(OUT) };
    let blocks = image.channels / BLOCK;
    let tiles = height.div_ceil(OUT) * grid.across;
    let parts = blocks.div_ceil(PART);
    let most = tiles_of_band(blocks).min(tiles);
    let mut inputs: Vec<Tile> = vec![[[[0; BLOCK]; PART + 1]; POINTS]; most * parts];
    let mut kernels: Vec<Kernels> = vec![[[[[0; BLOCK]; 4]; PART + 1]; POINTS]];
    let mut products: Vec<Products> = vec![[[0; 4]; POINTS]; most];
    for first in (0..tiles).step_by(most.max(1)) {
        let band = first..tiles.min(first + most);
        for (ix, tile) in band.clone().enumerate() {
            for (part, inputs) in inputs.chunks_exact_mut(most).enumerate() {
                transform_tile(image, grid.place(tile), part * PART, &mut inputs[ix]);
            }
        }
        for group in 0..weights.rows().div_ceil(4) {
            for part in 0..parts {
                let part_blocks = part * PART..blocks.min((part + 1) * PART);
                transform_weights(weights, group, blocks, part_blocks.clone(), &mut kernels[0]);
                for (point, kernels) in kernels[0].iter().enumerate() {
                    let tiles = &inputs[part * most..][..band.len()];
                    multiply(&kernels[..part_blocks.len()], tiles, &mut products, point, part == 0);
                }
            }
            for (products, tile) in products.iter().zip(band.clone()) {
                grid.write(transform_back(products), tile, (group, weights.rows()), finish, output, step);
            }
        }
    }
}

/// The products of a point, four rows with each tile, added to what is there but at the `start`.
#[inline(never)]
fn multiply(
    kernels: &[[[i16; BLOCK]; 4]],
    tiles: &[Tile],
    products: &mut [Products],
    point: usize,
    start: bool,
) {
    for (tiles, products) in tiles.chunks(2).zip(products.chunks_mut(2)) {
        let mut sums = [[I32x4::splat(0); 4]; 2];
        pair(kernels, &tiles[0][point], &tiles[tiles.len() - 1][point], &mut sums);
        for (products, sums) in products.iter_mut().zip(sums) {
            let before = if start { I32x4::splat(0) } else { I32x4::load(&products[point]) };
            I32x4::sums(sums).plus(before).store(&mut products[point]);
        }
    }
}

/// `B^T d B` of the tile whose first output is at a place, of the part of its blocks from `first` on.
#[inline(never)]
fn transform_tile(image: Image, [y, x]: [usize; 2], first: usize, to: &mut Tile) {
    let start = y * image.row + x * image.channels + first * BLOCK;
    for block in (0..image.channels / BLOCK - first).take(PART) {
        let pixel = |y: usize, x: usize| {
            let from = start + y * image.row + x * image.channels + block * BLOCK;
            I16x8::load(&image.numbers[from..from + BLOCK].as_chunks().0[0])
        };
        let columns = each!(x in [0 1 2 3 4 5] => input(each!(y in [0 1 2 3 4 5] => pixel(y, x))));
        each!(y in [0 1 2 3 4 5] => {
            let row = input(each!(x in [0 1 2 3 4 5] => columns[x][y]));
            each!(x in [0 1 2 3 4 5] => row[x].store(&mut to[y * IN + x][block]));
        });
    }
}

/// `B^T d`.
#[inline(always)]
fn input([a, b, c, d, e, f]: [I16x8; IN]) -> [I16x8; IN] {
    let (even, odd) = (e.minus(c.shl::<2>()), d.minus(b.shl::<2>()));
    let (even_far, odd_far) = (e.minus(c), d.minus(b).shl::<1>());
    [
        even_far.plus(a.minus(c).shl::<2>()),
        even.plus(odd),
        even.minus(odd),
        even_far.plus(odd_far),
        even_far.minus(odd_far),
        f.minus(d).minus(odd_far.shl::<1>()),
    ]
}

/// `G g G^T` of a group of four rows, each row of `G` times what makes it one of integers.
#[inline(never)]
fn transform_weights(
    weights: &Weights,
    group: usize,
    blocks: usize,
    part: core::ops::Range<usize>,
    to: &mut Kernels,
) {
    let (taps, zeros) = weights.group(group);
    for (ix, block) in part.enumerate().take(PART) {
        for row in 0..4 {
            let from = |ix: usize| &taps[ix * blocks + block][row];
            let taps = each!(ix in [0 1 2 3 4 5 6 7 8] => I16x8::widen_signed(from(ix)).minus(zeros[row]));
            let rows = each!(y in [0 1 2] => weight([taps[3 * y], taps[3 * y + 1], taps[3 * y + 2]]));
            let columns = each!(x in [0 1 2 3 4 5] => weight([rows[0][x], rows[1][x], rows[2][x]]));
            each!(x in [0 1 2 3 4 5] => each!(y in [0 1 2 3 4 5] => {
                columns[x][y].store(&mut to[y * IN + x][ix][row]);
            }));
        }
    }
}

/// `G g`, the rows times 4, -6, -6, 24, 24 and 1.
#[inline(always)]
fn weight([a, b, c]: [I16x8; 3]) -> [I16x8; IN] {
    let (near, far, twice) = (a.plus(c), a.plus(c.shl::<2>()), b.shl::<1>());
    [a, near.plus(b), near.minus(b), far.plus(twice), far.minus(twice), c]
}

/// `A^T m A`, each of its columns times what its points' weights lack of 24, and then the sums themselves.
#[inline(always)]
fn transform_back(products: &Products) -> [[I32x4; OUT]; OUT] {
    let columns = each!(x in [0 1 2 3 4 5] => {
        output(each!(y in [0 1 2 3 4 5] => I32x4::load(&products[y * IN + x])))
    });
    let inverse = I32x4::splat(NINTH);
    each!(y in [0 1 2 3] => {
        output(each!(x in [0 1 2 3 4 5] => columns[x][y])).map(|sum| sum.times(inverse).shr::<6>())
    })
}

/// 9 times this is 1, modulo 2^32.
const NINTH: i32 = 0x38E3_8E39;

/// `A^T m`, the columns of `A^T` times 6, -4, -4, 1, 1 and 24.
#[inline(always)]
fn output([a, b, c, d, e, f]: [I32x4; IN]) -> [I32x4; OUT] {
    let (near, near_odd) = (b.plus(c).shl::<2>(), b.minus(c).shl::<2>());
    let (far, far_odd) = (d.plus(e), d.minus(e));
    let triple = |x: I32x4| x.plus(x.shl::<1>());
    [
        triple(a).shl::<1>().plus(far).minus(near),
        far_odd.shl::<1>().minus(near_odd),
        far.shl::<2>().minus(near),
        far_odd.shl::<3>().minus(near_odd).plus(triple(f).shl::<3>()),
    ]
}

/// The tiles of an output.
#[derive(Clone, Copy)]
struct Grid {
    height: usize,
    width: usize,
    /// Tiles in a row.
    across: usize,
}

impl Grid {
    /// The row and the column of a tile's first output.
    fn place(self, tile: usize) -> [usize; 2] {
        [tile / self.across * OUT, tile % self.across * OUT]
    }

    fn write<F: Finish>(
        self,
        sums: [[I32x4; OUT]; OUT],
        tile: usize,
        (group, rows): (usize, usize),
        finish: &F,
        output: &mut [F::Number],
        step: usize,
    ) {
        let [y, x] = self.place(tile);
        let here = (rows - 4 * group).min(4);
        for (y, [a, b, c, d]) in (y..self.height).zip(sums) {
            let at = (y * self.width + x) * step + 4 * group;
            let numbers = [finish.finish([group; 2], [a, b]), finish.finish([group; 2], [c, d])];
            let fours = numbers.as_flattened().as_chunks::<4>().0.iter();
            for (ix, numbers) in fours.enumerate().take(self.width - x) {
                write(output, at + ix * step, *numbers, here);
            }
        }
    }
}
