//! The largest number of each window of a plane.

use crate::conv::{Window, every_second};
use crate::simd::F32x4;
use crate::tile::halves;

/// The largest number of each window of every plane: `[planes][height][width]` to `[planes][rows][columns]`. What is around
/// a plane is less than all; NaN is never the largest.
///
/// # Panics
/// Where there are not as many planes in `output` as in `input`.
pub fn max_pool(window: &Window, input: &[f32], output: &mut [f32]) {
    let [from, to] = [window.input, window.output].map(|[height, width]| height * width);
    if from == 0 || to == 0 {
        return output.fill(f32::NEG_INFINITY);
    }
    assert_eq!(input.len() / from, output.len() / to, "a plane for each plane");
    let planes = input.chunks_exact(from).zip(output.chunks_exact_mut(to));
    if is_of_squares(window) {
        planes.for_each(|(plane, output)| squares(window, plane, output));
    } else {
        let [line, taps] = &mut [window.padded_line(), window.output[1]].map(|length| vec![0.0; length]);
        planes.for_each(|(plane, output)| any(window, plane, output, line, taps));
    }
}

/// Whether windows are squares of four side by side, as most are.
fn is_of_squares(window: &Window) -> bool {
    let within = |axis: usize| 2 * window.output[axis] <= window.input[axis];
    (window.kernel, window.strides, window.dilations, window.before) == ([2, 2], [2, 2], [1, 1], [0, 0])
        && within(0)
        && within(1)
}

fn squares(window: &Window, plane: &[f32], output: &mut [f32]) {
    let ([_, width], [_, columns]) = (window.input, window.output);
    let lowest = F32x4::splat(f32::NEG_INFINITY);
    for (rows, output) in plane.chunks_exact(2 * width).zip(output.chunks_exact_mut(columns)) {
        let (upper, lower) = rows.split_at(width);
        let ((upper, upper_rest), (lower, lower_rest)) = (upper.as_chunks(), lower.as_chunks());
        let (whole, rest) = output.as_chunks_mut();
        for ((upper, lower), output) in upper.iter().zip(lower).zip(whole) {
            let ((a, b), (c, d)) = (halves(upper), halves(lower));
            let (left, right) = (lowest.at_least(a).at_least(c), lowest.at_least(b).at_least(d));
            left.even(right).at_least(left.odd(right)).store(output);
        }
        let pairs = upper_rest.as_chunks::<2>().0.iter().zip(lower_rest.as_chunks::<2>().0);
        for (([a, b], [c, d]), output) in pairs.zip(rest) {
            *output = [*a, *b, *c, *d].into_iter().fold(f32::NEG_INFINITY, f32::max);
        }
    }
}

/// Windows of any form: the largest of their rows in `line`, then of its columns.
fn any(window: &Window, plane: &[f32], output: &mut [f32], line: &mut [f32], taps: &mut [f32]) {
    let ([height, width], [_, columns]) = (window.input, window.output);
    let [above, left] = window.before;
    let count = width.min(line.len().saturating_sub(left));
    for (y, output) in output.chunks_exact_mut(columns).enumerate() {
        line.fill(f32::NEG_INFINITY);
        for tap in 0..window.kernel[0] {
            let row = (y * window.strides[0] + tap * window.dilations[0]).wrapping_sub(above);
            if row < height && count > 0 {
                raise(&mut line[left..][..count], &plane[row * width..][..count]);
            }
        }
        output.fill(f32::NEG_INFINITY);
        for tap in 0..window.kernel[1] {
            let from = &line[tap * window.dilations[1]..];
            match window.strides[1] {
                1 => raise(output, &from[..columns]),
                2 => {
                    every_second(from, taps);
                    raise(output, taps);
                }
                stride => {
                    let from = from.iter().step_by(stride);
                    output.iter_mut().zip(from).for_each(|(largest, x)| *largest = largest.max(*x));
                }
            }
        }
    }
}

/// Has each number be at least the other of its place.
fn raise(largest: &mut [f32], by: &[f32]) {
    let ((largest, rest), (by, by_rest)) = (largest.as_chunks_mut(), by.as_chunks());
    for (largest, by) in largest.iter_mut().zip(by) {
        F32x4::load(largest).at_least(F32x4::load(by)).store(largest);
    }
    rest.iter_mut().zip(by_rest).for_each(|(largest, by)| *largest = largest.max(*by));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each window by itself.
    fn expected(window: &Window, input: &[f32]) -> Vec<f32> {
        let ([height, width], [rows, columns]) = (window.input, window.output);
        let inside = |at: usize, tap: usize, axis: usize| {
            (at * window.strides[axis] + tap * window.dilations[axis]).checked_sub(window.before[axis])
        };
        let mut output = vec![];
        for plane in input.chunks_exact(height * width) {
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let taps = (0..window.kernel[0]).flat_map(|ky| (0..window.kernel[1]).map(move |kx| (ky, kx)));
                let numbers = taps.filter_map(|(ky, kx)| {
                    let (row, column) = (inside(y, ky, 0)?, inside(x, kx, 1)?);
                    (row < height && column < width).then(|| plane[row * width + column])
                });
                output.push(numbers.fold(f32::NEG_INFINITY, f32::max));
            }
        }
        output
    }

    fn check(
        input: [usize; 2],
        kernel: [usize; 2],
        strides: [usize; 2],
        dilations: [usize; 2],
        before: [usize; 2],
    ) {
        let output = [0, 1].map(|axis| {
            let extent = (kernel[axis] - 1) * dilations[axis] + 1;
            (input[axis] + 2 * before[axis] - extent) / strides[axis] + 1
        });
        let window = Window { input, output, kernel, strides, dilations, before };
        let numbers = (0..3 * input[0] * input[1]).map(|ix| match ix % 29 {
            0 => f32::NAN,
            1 => f32::NEG_INFINITY,
            _ => ((ix * 37) % 23) as f32 - 11.0,
        });
        let numbers = numbers.collect::<Vec<_>>();
        let mut largest = vec![f32::NAN; 3 * output[0] * output[1]];
        max_pool(&window, &numbers, &mut largest);
        assert_eq!(largest, expected(&window, &numbers), "{window:?}");
    }

    #[test]
    fn each_window_has_its_largest() {
        for width in [2, 7, 8, 9, 22, 23] {
            check([8, width], [2, 2], [2, 2], [1, 1], [0, 0]);
            check([5, width], [2, 2], [2, 2], [1, 1], [1, 1]);
            for stride in [1, 2, 3] {
                check([9, width + 1], [3, 3], [stride; 2], [1, 1], [1, 1]);
                check([1, width + 3], [1, 5], [1, stride], [1, 1], [0, 2]);
            }
        }
        check([11, 13], [3, 2], [2, 1], [2, 3], [0, 1]);
    }

    #[test]
    fn without_windows_there_is_nothing_to_do() {
        let window = Window {
            input: [0, 4],
            output: [1, 1],
            kernel: [1, 1],
            strides: [1, 1],
            dilations: [1, 1],
            before: [1, 0],
        };
        let mut output = [0.0; 2];
        max_pool(&window, &[], &mut output);
        assert_eq!(output, [f32::NEG_INFINITY; 2]);
    }
}
