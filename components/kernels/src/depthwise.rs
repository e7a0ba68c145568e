//! A convolution of one plane with one kernel.

use crate::conv::{Finish, Window};
use crate::simd::F32x4;

/// `kernel` (`[height][width]`) over `plane`, to `output`.
pub(crate) fn convolve(
    kernel: &[f32],
    window: &Window,
    plane: &[f32],
    finish: &Finish<'_>,
    output: &mut [f32],
    scratch: &mut Vec<f32>,
) {
    match (window.kernel, window.strides[1], window.dilations[1]) {
        _ if window.output[1] < 4 || finish.add.is_some() => {
            any(kernel, window, plane, finish, output, scratch)
        }
        ([3, 3], 1, 1) => rows::<3, 1>(kernel, window, plane, finish, output, scratch),
        ([3, 3], 2, 1) => rows::<3, 2>(kernel, window, plane, finish, output, scratch),
        ([5, 5], 1, 1) => rows::<5, 1>(kernel, window, plane, finish, output, scratch),
        ([5, 5], 2, 1) => rows::<5, 2>(kernel, window, plane, finish, output, scratch),
        ([7, 7], 1, 1) => rows::<7, 1>(kernel, window, plane, finish, output, scratch),
        _ => any(kernel, window, plane, finish, output, scratch),
    }
}

/// Kernels of `K` rows and columns with steps of `S`: four outputs of a row at a time, of which it has as many or more,
/// from a copy of the plane with zeros around.
#[inline(never)]
fn rows<const K: usize, const S: usize>(
    kernel: &[f32],
    window: &Window,
    plane: &[f32],
    finish: &Finish<'_>,
    output: &mut [f32],
    padded: &mut Vec<f32>,
) {
    let Some(kernel) = kernel.as_chunks::<K>().0.as_array::<K>() else {
        unreachable!("the kernel has {K} rows of {K}")
    };
    let [height, width] = window.output;
    let line = window.padded_line();
    window.pad(plane, padded);
    let mut taps = [[F32x4::splat(0.0); K]; K];
    for (taps, kernel) in taps.iter_mut().zip(kernel) {
        *taps = kernel.map(F32x4::splat);
    }
    let bias = F32x4::splat(finish.bias.first().copied().unwrap_or(0.0));
    let (floor, ceiling) = (F32x4::splat(finish.floor), F32x4::splat(finish.ceiling));
    let [below, next_tap] = [window.strides[0] * line, window.dilations[0] * line];
    let last = width - 4;
    // What the last vector of the last row reads.
    let end = (height - 1) * below + (K - 1) * next_tap + last * S + K - 1 + 4 * S;
    assert!(end <= padded.len(), "the plane has another length");
    for (y, to) in output.chunks_exact_mut(width).enumerate() {
        let mut next = 0;
        // The host may interrupt at the head of a loop, where all that lives in registers is stored. So a turn is many
        // vectors.
        let mut vector = |next: usize| {
            // The last vector takes outputs again, rather than a part of a vector.
            let x = next.min(last);
            let mut sum = bias;
            for (ky, taps) in taps.iter().enumerate() {
                #[allow(unsafe_code, reason = "a check for each element takes as long as the rest")]
                // SAFETY: what is read ends at `end` or before; see the assertion.
                unsafe {
                    let from = padded.get_unchecked(y * below + ky * next_tap + x * S..);
                    for (kx, tap) in taps.iter().enumerate() {
                        let value = match S {
                            1 => F32x4::load_at(from, kx),
                            _ => F32x4::load_at(from, kx).even(F32x4::load_at(from, kx + 4)),
                        };
                        sum = value.mul_add(*tap, sum);
                    }
                }
            }
            sum.at_least(floor).at_most(ceiling).store_part(&mut to[x..][..4]);
        };
        loop {
            vector(next);
            if next + 4 >= width {
                break;
            }
            vector(next + 4);
            if next + 8 >= width {
                break;
            }
            vector(next + 8);
            if next + 12 >= width {
                break;
            }
            vector(next + 12);
            next += 16;
            if next >= width {
                break;
            }
        }
    }
}

/// Any kernel, steps and dilations, an element of the kernel after the other.
fn any(
    kernel: &[f32],
    window: &Window,
    plane: &[f32],
    finish: &Finish<'_>,
    output: &mut [f32],
    line: &mut Vec<f32>,
) {
    let width = window.kernel[1];
    output.fill(finish.bias.first().copied().unwrap_or(0.0));
    line.resize(output.len(), 0.0);
    for (ix, weight) in kernel.iter().enumerate() {
        window.line([ix / width, ix % width], plane, 0..output.len(), line);
        output.iter_mut().zip(&*line).for_each(|(sum, value)| *sum += weight * value);
    }
    if let Some(add) = finish.add {
        output.iter_mut().zip(add).for_each(|(sum, add)| *sum += add);
    }
    let (vectors, rest) = output.as_chunks_mut::<4>();
    for vector in vectors {
        finish.clamp(F32x4::load(vector)).store(vector);
    }
    for value in rest {
        let mut whole = [*value; 4];
        finish.clamp(F32x4::load(&whole)).store(&mut whole);
        *value = whole[0];
    }
}
