//! What becomes of a sum: a byte, a float, or the sum itself.

use super::BLOCK;
use super::lanes::{F32x4, I32x4};

/// The end of a product: what becomes of two times four sums, one for each row of a group of four.
pub(super) trait Finish {
    /// What a sum becomes.
    type Number: Copy + Default;

    /// Finishes the sums of the rows `4 * group ..` of two groups, or of one at two pixels.
    fn finish(&self, groups: [usize; 2], sums: [I32x4; 2]) -> [Self::Number; BLOCK];
}

/// Writes the first of `numbers`, as many as are `here`.
#[inline(always)]
pub(super) fn write<T: Copy, const N: usize>(output: &mut [T], at: usize, numbers: [T; N], here: usize) {
    if here == N {
        output[at..at + N].copy_from_slice(&numbers);
    } else {
        output[at..at + here].copy_from_slice(&numbers[..here]);
    }
}

/// The sums as they are.
pub(super) struct Sums;

impl Finish for Sums {
    type Number = i32;

    #[inline(always)]
    fn finish(&self, _: [usize; 2], sums: [I32x4; 2]) -> [i32; BLOCK] {
        let mut numbers = [[0; 4]; 2];
        sums[0].store(&mut numbers[0]);
        sums[1].store(&mut numbers[1]);
        flat(numbers)
    }
}

/// `sum * scale + bias`, each row with its own.
#[derive(Debug)]
pub struct Dequantize {
    scale: Vec<[f32; 4]>,
    bias: Vec<[f32; 4]>,
}

impl Dequantize {
    /// One scale and one bias for each row.
    pub fn new(scale: &[f32], bias: &[f32]) -> Self {
        Self { scale: fours(scale), bias: fours(bias) }
    }
}

impl Finish for Dequantize {
    type Number = f32;

    #[inline(always)]
    fn finish(&self, groups: [usize; 2], sums: [I32x4; 2]) -> [f32; BLOCK] {
        let mut numbers = [[0.0; 4]; 2];
        for ((group, sums), numbers) in groups.into_iter().zip(sums).zip(&mut numbers) {
            let (scale, bias) = (F32x4::load(&self.scale[group]), F32x4::load(&self.bias[group]));
            sums.to_float().times(scale).plus(bias).store(numbers);
        }
        flat(numbers)
    }
}

/// `clamp(round((sum + bias) * scale) + zero)`, rounded half to even, each row with its own bias and scale.
#[derive(Debug)]
pub struct Requantize {
    rows: Vec<([i32; 4], [f32; 4])>,
    round: Round,
}

impl Requantize {
    /// One bias and one scale for each row. `zero` is the zero point, `low` and `high` are the least and the largest
    /// byte, of a signed type as of an unsigned one: -128 to 255.
    pub fn new(bias: &[i32], scale: &[f32], zero: i32, low: i32, high: i32) -> Self {
        let rows = fours(bias).into_iter().zip(fours(scale)).collect();
        Self { rows, round: Round::new(zero, low, high) }
    }
}

impl Finish for Requantize {
    type Number = u8;

    #[inline(always)]
    fn finish(&self, groups: [usize; 2], sums: [I32x4; 2]) -> [u8; BLOCK] {
        let [first, second] = self.scaled(groups, sums);
        self.round.round(first).low_bytes(self.round.round(second))
    }
}

impl Requantize {
    #[inline(always)]
    fn scaled(&self, groups: [usize; 2], sums: [I32x4; 2]) -> [F32x4; 2] {
        let scaled = |ix: usize| {
            let (bias, scale) = &self.rows[groups[ix]];
            sums[ix].plus(I32x4::load(bias)).to_float().times(F32x4::load(scale))
        };
        [scaled(0), scaled(1)]
    }
}

/// The bytes of a [`Requantize`] without their zero point.
pub(super) struct Widened<'a>(pub(super) &'a Requantize);

impl Finish for Widened<'_> {
    type Number = i16;

    #[inline(always)]
    fn finish(&self, groups: [usize; 2], sums: [I32x4; 2]) -> [i16; BLOCK] {
        let [first, second] = self.0.scaled(groups, sums);
        let round = Round { zero: 0, ..self.0.round };
        round.round(first).words(round.round(second))
    }
}

/// Floats to integers of a range, half to even.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    low: f32,
    high: f32,
    zero: i32,
}

/// Added to a float of less than 2^22 in size it leaves the nearest integer in the lowest bits, half to even: there the
/// floats are 1 apart. It takes one instruction where a conversion, which has to saturate, takes many.
const INTEGERS: f32 = 12_582_912.0;

impl Round {
    pub(super) fn new(zero: i32, low: i32, high: i32) -> Self {
        Self { low: (low - zero) as f32, high: (high - zero) as f32, zero }
    }

    /// `clamp(round(x) + zero)`.
    #[inline(always)]
    pub(super) fn round(self, x: F32x4) -> I32x4 {
        let x = x.clamp(F32x4::splat(self.low), F32x4::splat(self.high));
        x.plus(F32x4::splat(INTEGERS)).bits().plus(I32x4::splat(self.zero - INTEGERS.to_bits() as i32))
    }
}

/// Groups of four, filled up to whole blocks, as many channels are finished at once.
fn fours<T: Copy + Default>(all: &[T]) -> Vec<[T; 4]> {
    let groups = all.len().div_ceil(BLOCK) * BLOCK / 4;
    let group = |group: usize| std::array::from_fn(|ix| all.get(4 * group + ix).copied().unwrap_or_default());
    (0..groups).map(group).collect()
}

#[inline(always)]
fn flat<T: Copy>([[a, b, c, d], [e, f, g, h]]: [[T; 4]; 2]) -> [T; BLOCK] {
    [a, b, c, d, e, f, g, h]
}
