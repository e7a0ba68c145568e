//! Byte by byte: widening, quantising, adding, other orders of axes.

use super::finish::Round;
use super::lanes::{F32x4, I16x8};
use super::{BLOCK, FLIP};

/// The zero point of bytes, and whether they are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// -128 to 127 of signed bytes, 0 to 255 of unsigned ones.
    pub zero: i32,
    /// Whether a byte with the highest bit stands for a negative number.
    pub signed: bool,
}

impl Side {
    /// The least and the largest of the bytes.
    pub fn range(self) -> (i32, i32) {
        if self.signed { (i32::from(i8::MIN), i32::from(i8::MAX)) } else { (0, i32::from(u8::MAX)) }
    }

    /// The least and the largest sum of `weights` with bytes, both without their zero points.
    pub fn sums(self, weights: impl Iterator<Item = i32>) -> [i64; 2] {
        let (low, high) = self.range();
        let [low, high] = [low, high].map(|byte| i64::from(byte - self.zero));
        weights.map(i64::from).fold([0, 0], |[least, most], weight| {
            [least + (weight * low).min(weight * high), most + (weight * low).max(weight * high)]
        })
    }

    /// The zero point as a byte.
    pub fn byte(self) -> u8 {
        self.zero as u8
    }

    /// What makes a byte unsigned, and the zero point then.
    fn unsigned(self) -> (u8, i16) {
        if self.signed { (FLIP, self.zero as i16 + i16::from(FLIP)) } else { (0, self.zero as i16) }
    }
}

/// `wide = bytes - zero`.
///
/// # Panics
/// Where `wide` is shorter than `bytes`.
pub fn widen(bytes: &[u8], side: Side, wide: &mut [i16]) {
    let wide = &mut wide[..bytes.len()];
    let (flip, zero) = side.unsigned();
    let (from, from_rest) = bytes.as_chunks::<BLOCK>();
    let (to, to_rest) = wide.as_chunks_mut::<BLOCK>();
    let (flips, zeros) = (I16x8::splat(i16::from(flip)), I16x8::splat(zero));
    for (from, to) in from.iter().zip(to) {
        I16x8::widen(from).xor(flips).minus(zeros).store(to);
    }
    for (from, to) in from_rest.iter().zip(to_rest) {
        *to = i16::from(from ^ flip) - zero;
    }
}

/// [`widen`] of an image, `[height, width, channels]`, into one of rows `row` long and channels `pixel` apart, from
/// `start` on. What is around it stays as it was.
///
/// # Panics
/// Where `wide` is too short.
pub fn widen_image(
    bytes: &[u8],
    [width, channels]: [usize; 2],
    side: Side,
    wide: &mut [i16],
    [start, row, pixel]: [usize; 3],
) {
    if bytes.is_empty() {
        return;
    }
    for (ix, bytes) in bytes.chunks_exact(width * channels).enumerate() {
        let wide = &mut wide[start + ix * row..];
        if pixel == channels {
            widen(bytes, side, wide);
        } else {
            let pixels = bytes.chunks_exact(channels).zip(wide.chunks_mut(pixel));
            pixels.for_each(|(bytes, wide)| widen(bytes, side, wide));
        }
    }
}

/// `saturate(round(x / scale) + zero)`, rounded half to even.
///
/// # Panics
/// Where `bytes` is shorter than `x`.
pub fn quantize(x: &[f32], scale: f32, side: Side, bytes: &mut [u8]) {
    let (low, high) = side.range();
    let round = Round::new(side.zero, low, high);
    let scale = F32x4::splat(scale);
    let eight = |x: &[f32; BLOCK]| {
        let [a, b] = halves(x);
        round.round(F32x4::load(a).over(scale)).low_bytes(round.round(F32x4::load(b).over(scale)))
    };
    by_blocks(x, bytes, eight);
}

/// `clamp(round(a * a_scale + b * b_scale + offset))`: the sum of two tensors of bytes as bytes. The scales are the
/// inputs' over the output's, and `sides` are those of a, b and the output.
///
/// # Panics
/// Where the lengths differ.
pub fn add(a: &[u8], b: &[u8], scales: [f32; 2], sides: [Side; 3], [low, high]: [i32; 2], bytes: &mut [u8]) {
    assert_eq!([a.len(), b.len()], [bytes.len(); 2], "as long as each other");
    let [left, right, to] = sides;
    let round = Round::new(0, low, high);
    let offset = to.zero as f32 - (scales[0] * left.zero as f32 + scales[1] * right.zero as f32);
    let part = |bytes: &[u8; BLOCK], side: Side| {
        // Of a signed byte the number itself, not that without its zero point, which is in the offset.
        let (flip, zero) = side.unsigned();
        let own = I16x8::splat(zero - side.zero as i16);
        I16x8::widen(bytes).xor(I16x8::splat(i16::from(flip))).minus(own).halves()
    };
    let [left_scale, right_scale] = scales.map(F32x4::splat);
    let offset = F32x4::splat(offset);
    let eight = |a: &[u8; BLOCK], b: &[u8; BLOCK]| {
        let ([a0, a1], [b0, b1]) = (part(a, left), part(b, right));
        let low = b0.to_float().times(right_scale).plus(a0.to_float().times(left_scale).plus(offset));
        let high = b1.to_float().times(right_scale).plus(a1.to_float().times(left_scale).plus(offset));
        round.round(low).low_bytes(round.round(high))
    };
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<BLOCK>(), b.as_chunks::<BLOCK>());
    let (to, to_rest) = bytes.as_chunks_mut::<BLOCK>();
    for ((a, b), to) in a.iter().zip(b).zip(to) {
        *to = eight(a, b);
    }
    if !to_rest.is_empty() {
        let last = eight(&filled(a_rest), &filled(b_rest));
        to_rest.copy_from_slice(&last[..to_rest.len()]);
    }
}

/// The other order of two axes: `[rows, columns]` to `[columns, rows]`.
///
/// # Panics
/// Where the lengths differ.
pub fn transpose(bytes: &[u8], [rows, columns]: [usize; 2], to: &mut [u8]) {
    assert_eq!([bytes.len(), to.len()], [rows * columns; 2], "as long as each other");
    // In squares, so that neither side leaves its cache lines behind half read.
    const SIDE: usize = 32;
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            for row in top..rows.min(top + SIDE) {
                for column in left..columns.min(left + SIDE) {
                    to[column * rows + row] = bytes[row * columns + column];
                }
            }
        }
    }
}

fn halves(eight: &[f32; BLOCK]) -> [&[f32; 4]; 2] {
    match eight.as_chunks().0 {
        [low, high] => [low, high],
        _ => unreachable!("eight are twice four"),
    }
}

/// Calls `eight` on whole blocks, and on the rest filled up.
fn by_blocks<T: Copy + Default>(x: &[T], bytes: &mut [u8], eight: impl Fn(&[T; BLOCK]) -> [u8; BLOCK]) {
    let bytes = &mut bytes[..x.len()];
    let ((x, x_rest), (to, to_rest)) = (x.as_chunks::<BLOCK>(), bytes.as_chunks_mut::<BLOCK>());
    for (x, to) in x.iter().zip(to) {
        *to = eight(x);
    }
    if !to_rest.is_empty() {
        to_rest.copy_from_slice(&eight(&filled(x_rest))[..to_rest.len()]);
    }
}

fn filled<T: Copy + Default>(some: &[T]) -> [T; BLOCK] {
    std::array::from_fn(|ix| some.get(ix).copied().unwrap_or_default())
}
