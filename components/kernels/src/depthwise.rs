//! A convolution of one plane with one kernel.

use crate::conv::{Finish, Window};
use crate::simd::{self, F32x4};

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
        ([3, 3], 1, 1) => rows::<3, 1>(kernel, window, plane, finish, output, scratch),
        ([3, 3], 2, 1) => rows::<3, 2>(kernel, window, plane, finish, output, scratch),
        ([5, 5], 1, 1) => rows::<5, 1>(kernel, window, plane, finish, output, scratch),
        ([5, 5], 2, 1) => rows::<5, 2>(kernel, window, plane, finish, output, scratch),
        ([7, 7], 1, 1) => rows::<7, 1>(kernel, window, plane, finish, output, scratch),
        _ => any(kernel, window, plane, finish, output, scratch),
    }
}

/// Kernels of `K` rows and columns with steps of `S`: four outputs at a time, from a copy of the plane with zeros around.
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
    let [top, left] = window.before;
    // Whole vectors, and what a vector of the last outputs reads beyond them.
    let line = width.next_multiple_of(4) * S + K.next_multiple_of(4) + 4;
    let tall = (height - 1) * window.strides[0] + (window.kernel[0] - 1) * window.dilations[0] + 1;
    // The zeros around stay from plane to plane.
    padded.resize(tall * line, 0.0);
    let count = window.input[1].min(line.saturating_sub(left));
    let lines = padded.chunks_exact_mut(line).skip(top);
    for (from, to) in plane.chunks_exact(window.input[1]).zip(lines) {
        simd::copy(&from[..count], &mut to[left.min(line)..][..count]);
    }
    let bias = F32x4::splat(finish.bias.first().copied().unwrap_or(0.0));
    for (y, to) in output.chunks_exact_mut(width).enumerate() {
        let add = finish.add.map(|add| &add[y * width..][..width]);
        for x in (0..width).step_by(4) {
            let mut sum = bias;
            for (ky, taps) in kernel.iter().enumerate() {
                let row = y * window.strides[0] + ky * window.dilations[0];
                let from = &padded[row * line + x * S..][..K - 1 + 4 * S];
                for (kx, tap) in taps.iter().enumerate() {
                    let (vectors, _) = from[kx..].as_chunks::<4>();
                    let value = match S {
                        1 => F32x4::load(&vectors[0]),
                        _ => F32x4::load(&vectors[0]).even(F32x4::load(&vectors[1])),
                    };
                    sum = F32x4::splat(*tap).mul_add(value, sum);
                }
            }
            let to = &mut to[x..width.min(x + 4)];
            if let Some(add) = add {
                sum = sum + F32x4::load_part(&add[x..][..to.len()]);
            }
            finish.clamp(sum).store_part(to);
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
