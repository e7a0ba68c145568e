//! Products of a matrix with rows.
//!
//! A large matrix is that of a convolution with patches of one run. A small one is kept 16 bits wide without its zero
//! points, the weights of two inputs side by side for each output, as one instruction multiplies them: no sum is spread
//! over lanes, and nothing is widened in a product. That pays where rows come one at a time, or are short.

use super::BLOCK;
use super::finish::{Dequantize, Finish, Requantize, Sums, Widened, write};
use super::lanes::{I16x8, I32x4};
use super::product::{Patches, Weights, multiply, unrolled};

/// Weights of the largest matrix that is small.
const SMALL: usize = 1 << 15;
/// The longest rows that are short.
const SHORT: usize = 64;
/// Vectors of four outputs that a tile has.
const VECTORS: usize = 4;
/// Outputs of a tile.
const OUTPUTS: usize = 4 * VECTORS;
/// Rows whose tiles are taken one after the other: they stay in the first cache meanwhile.
const BAND: usize = 64;

/// Weights, a byte each, of `outputs` sums of `depth` products.
#[derive(Debug)]
pub struct Matrix {
    outputs: usize,
    depth: usize,
    layout: Layout,
}

#[derive(Debug)]
enum Layout {
    Large(Weights),
    /// By tiles, of which the last is one vector wide where that is enough; then by pairs of inputs; then by vectors.
    Small(Vec<[i16; BLOCK]>),
}

impl Matrix {
    /// Packs `weights`, `[outputs, depth]`, whose zero points are one for each output: a weight stands for its
    /// difference from it. Whether `many` rows come at once decides how.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(weights: &[i8], zeros: &[i8], depth: usize, many: bool) -> Self {
        let outputs = zeros.len();
        assert_eq!(weights.len(), outputs * depth, "weights for each output");
        let layout = if weights.len() > SMALL || many && depth > SHORT {
            Layout::Large(Weights::new(weights, zeros, 1, depth))
        } else {
            let weight = |output: usize, input: usize| match output < outputs && input < depth {
                true => i16::from(weights[output * depth + input]) - i16::from(zeros[output]),
                false => 0,
            };
            let mut packed = vec![];
            for first in (0..outputs).step_by(OUTPUTS) {
                for pair in 0..depth.div_ceil(2) {
                    packed.extend((0..vectors(outputs - first)).map(|vector| {
                        std::array::from_fn(|ix| weight(first + 4 * vector + ix / 2, 2 * pair + ix % 2))
                    }));
                }
            }
            Layout::Small(packed)
        };
        Self { outputs, depth, layout }
    }

    /// How many sums a row has.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Of how many products each sum is.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// How many numbers so many rows are, each [`step`](Self::step) behind the last, with what may be read after them.
    pub fn numbers(&self, rows: usize) -> usize {
        let after = match &self.layout {
            Layout::Large(weights) => weights.reach(),
            Layout::Small(_) => 0,
        };
        rows * self.step() + after
    }

    /// From the beginning of a row of numbers to that of the next.
    pub fn step(&self) -> usize {
        match &self.layout {
            Layout::Large(_) => self.depth,
            Layout::Small(_) => self.depth.next_multiple_of(BLOCK),
        }
    }
}

/// Vectors of the first tile of so many outputs.
fn vectors(outputs: usize) -> usize {
    if outputs <= 4 { 1 } else { VECTORS }
}

/// The products of the matrix with each of `rows`, rounded to bytes, `[rows, outputs]`. The numbers of the rows are
/// without their zero point, laid out as [`Matrix::step`] and [`Matrix::numbers`] say.
///
/// # Panics
/// Where there are fewer numbers than the output has rows.
// Not generic for its callers: it would be compiled in their crate, for size.
pub fn dense_to_bytes(matrix: &Matrix, rows: &[i16], finish: &Requantize, output: &mut [u8]) {
    dense(matrix, rows, finish, output, matrix.outputs);
}

/// [`dense_to_bytes`], to what those bytes stand for, without their zero point and `step` apart: rows of another matrix.
///
/// # Panics
/// As that does.
pub fn dense_to_rows(matrix: &Matrix, rows: &[i16], finish: &Requantize, output: &mut [i16], step: usize) {
    dense(matrix, rows, &Widened(finish), output, step);
}

/// [`dense_to_bytes`], to floats.
///
/// # Panics
/// As that does.
pub fn dense_to_floats(matrix: &Matrix, rows: &[i16], finish: &Dequantize, output: &mut [f32]) {
    dense(matrix, rows, finish, output, matrix.outputs);
}

/// [`dense_to_bytes`], to the sums themselves.
///
/// # Panics
/// As that does.
pub fn dense_to_sums(matrix: &Matrix, rows: &[i16], output: &mut [i32]) {
    dense(matrix, rows, &Sums, output, matrix.outputs);
}

fn dense<F: Finish>(matrix: &Matrix, rows: &[i16], finish: &F, output: &mut [F::Number], step: usize) {
    let count = output.len().checked_div(step).unwrap_or(0);
    assert!(rows.len() >= matrix.numbers(count), "numbers for each row");
    let packed = match &matrix.layout {
        Layout::Large(weights) => {
            let starts = (0..count).map(|row| row * matrix.depth).collect::<Vec<_>>();
            multiply(weights, Patches { image: rows, runs: &[0], starts: &starts }, finish, output, step);
            return;
        }
        Layout::Small(packed) => packed,
    };
    let row = |ix: usize| &rows[ix * matrix.step()..][..matrix.step()];
    let pairs = matrix.depth.div_ceil(2);
    for band in (0..count).step_by(BAND) {
        let end = count.min(band + BAND);
        for first in (0..matrix.outputs).step_by(OUTPUTS) {
            let packed = &packed[first / 4 * pairs..];
            let mut finished = |sums: &[I32x4], row: usize| {
                for (ix, sums) in sums.chunks(2).enumerate() {
                    let from = first + ix * BLOCK;
                    let here = matrix.outputs.saturating_sub(from).min(BLOCK);
                    if here > 0 {
                        // Of a tile one vector wide, both are the same.
                        let groups = [from / 4, from / 4 + sums.len() - 1];
                        let numbers = finish.finish(groups, [sums[0], sums[sums.len() - 1]]);
                        write(output, row * step + from, numbers, here);
                    }
                }
            };
            if vectors(matrix.outputs - first) == 1 {
                let packed = packed[..pairs].as_chunks().0;
                (band..end).for_each(|ix| finished(&tile::<1, 1>(packed, [row(ix)])[0], ix));
                continue;
            }
            let packed = packed[..pairs * VECTORS].as_chunks().0;
            let mut ix = band;
            while ix + 2 <= end {
                let sums = tile::<VECTORS, 2>(packed, [row(ix), row(ix + 1)]);
                finished(&sums[0], ix);
                finished(&sums[1], ix + 1);
                ix += 2;
            }
            if ix < end {
                finished(&tile::<VECTORS, 1>(packed, [row(ix)])[0], ix);
            }
        }
    }
}

/// The sums of some rows with the weights of four times as many outputs as there are vectors.
#[inline(never)]
fn tile<const N: usize, const ROWS: usize>(
    packed: &[[[i16; BLOCK]; N]],
    rows: [&[i16]; ROWS],
) -> [[I32x4; N]; ROWS] {
    let blocks = rows.map(|row| row.as_chunks::<BLOCK>().0);
    let count = packed.len().div_ceil(BLOCK / 2);
    let blocks = blocks.map(|blocks| &blocks[..count]);
    let mut sums = [[I32x4::splat(0); N]; ROWS];
    let mut pairs = packed.iter();
    let mut ix = 0;
    macro_rules! pair {
        ($now:ident, $pair:literal) => {
            let Some(weights) = pairs.next() else { break };
            let weights = weights.each_ref().map(I16x8::load);
            for (sums, now) in sums.iter_mut().zip($now) {
                let now = now.pair::<$pair>();
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = sum.plus(weights.dot(now));
                }
            }
        };
    }
    unrolled!({
        if ix >= count {
            break;
        }
        let now = blocks.map(|blocks| I16x8::load(&blocks[ix]));
        ix += 1;
        pair!(now, 0);
        pair!(now, 1);
        pair!(now, 2);
        pair!(now, 3);
    });
    sums
}
