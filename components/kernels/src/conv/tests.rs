//! Every kernel against sums in doubles.

use super::*;

/// Numbers in [-1, 1), the same each time.
fn numbers(count: usize, mut seed: u64) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A convolution to test: its length of batch, input channels, output channels and groups, and its window.
#[derive(Clone, Copy)]
struct Case {
    count: usize,
    inputs: usize,
    channels: usize,
    groups: usize,
    window: Window,
}

fn case(inputs: usize, channels: usize, size: [usize; 2], kernel: [usize; 2]) -> Case {
    let window = Window {
        input: size,
        output: [0, 0],
        kernel,
        strides: [1, 1],
        dilations: [1, 1],
        before: [kernel[0] / 2, kernel[1] / 2],
    };
    Case { count: 1, inputs, channels, groups: 1, window }.sized()
}

impl Case {
    /// With the output that padding after as before gives.
    fn sized(mut self) -> Self {
        let window = &mut self.window;
        for axis in [0, 1] {
            let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
            let padded = window.input[axis] + 2 * window.before[axis];
            window.output[axis] = (padded - reach) / window.strides[axis] + 1;
        }
        self
    }

    fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    fn strides(mut self, strides: [usize; 2]) -> Self {
        self.window.strides = strides;
        self.sized()
    }

    fn dilations(mut self, dilations: [usize; 2]) -> Self {
        self.window.dilations = dilations;
        self.sized()
    }

    fn before(mut self, before: [usize; 2]) -> Self {
        self.window.before = before;
        self.sized()
    }

    /// The sums in doubles, and for each the sum of the magnitudes.
    fn expected(&self, weights: &[f32], images: &[f32]) -> Vec<(f64, f64)> {
        let Self { count, inputs, channels, groups, window } = *self;
        let ([height, width], [kh, kw]) = (window.input, window.kernel);
        let of_group = inputs / groups;
        let mut all = vec![];
        for image in 0..count {
            for channel in 0..channels {
                for y in 0..window.output[0] {
                    for x in 0..window.output[1] {
                        let (mut sum, mut size) = (0.0, 0.0);
                        for ix in 0..of_group * kh * kw {
                            let (input, ky, kx) = (ix / (kh * kw), ix / kw % kh, ix % kw);
                            let input = channel / (channels / groups) * of_group + input;
                            let row = (y * window.strides[0] + ky * window.dilations[0])
                                .checked_sub(window.before[0])
                                .filter(|row| *row < height);
                            let column = (x * window.strides[1] + kx * window.dilations[1])
                                .checked_sub(window.before[1])
                                .filter(|column| *column < width);
                            let (Some(row), Some(column)) = (row, column) else { continue };
                            let value = images[((image * inputs + input) * height + row) * width + column];
                            let weight = weights[channel * of_group * kh * kw + ix];
                            sum += f64::from(value) * f64::from(weight);
                            size += (f64::from(value) * f64::from(weight)).abs();
                        }
                        all.push((sum, size));
                    }
                }
            }
        }
        all
    }

    /// Compares, without and with what may follow; `tolerance` is relative to the sum of the magnitudes.
    fn check(self, tolerance: f64) {
        let Self { count, inputs, channels, groups, window } = self;
        let depth = inputs / groups * window.kernel[0] * window.kernel[1];
        let values = numbers(channels * depth, 1);
        let images = numbers(count * inputs * window.input[0] * window.input[1], 2);
        let weights = Weights::new(&values, channels, groups, inputs / groups);
        let plane = window.output[0] * window.output[1];
        let mut output = vec![f32::NAN; count * channels * plane];
        assert!(!output.is_empty());
        let mut sums = self.expected(&values, &images);
        if tolerance == ROUNDED {
            // A tile's errors are of the size of its largest values.
            let largest = sums.iter().fold(0.0, |largest: f64, (_, size)| largest.max(*size));
            sums.iter_mut().for_each(|(_, size)| *size = largest);
        }
        let plain = Finish { bias: &[], add: None, floor: f32::NEG_INFINITY, ceiling: f32::INFINITY };
        convolve(&weights, &window, &images, &plain, &mut output);
        for (ix, (value, (sum, size))) in output.iter().zip(&sums).enumerate() {
            assert!(
                (f64::from(*value) - sum).abs() <= size.max(1.0) * tolerance,
                "{window:?} at {ix}: {value}, not {sum}"
            );
        }
        let (bias, add) = (numbers(channels, 3), numbers(output.len(), 4));
        let finish = Finish { bias: &bias, add: Some(&add), floor: -0.5, ceiling: 0.75 };
        output.fill(f32::NAN);
        convolve(&weights, &window, &images, &finish, &mut output);
        for (ix, (value, (sum, size))) in output.iter().zip(&sums).enumerate() {
            let whole = sum + f64::from(bias[ix / plane % channels]) + f64::from(add[ix]);
            let whole = whole.clamp(-0.5, 0.75);
            let near = (f64::from(*value) - whole).abs() <= size.max(1.0) * tolerance;
            assert!(near, "{window:?} at {ix}: {value}, not {whole}");
        }
    }
}

/// Of the matrix product and the depthwise loop.
const EXACT: f64 = 2e-6;
/// Of Winograd's algorithm.
const ROUNDED: f64 = 4e-7;

#[test]
fn pointwise_of_any_size() {
    for (inputs, channels, size) in
        [(1, 1, [1, 1]), (3, 5, [2, 3]), (16, 8, [4, 4]), (33, 9, [5, 7]), (1030, 6, [3, 11])]
    {
        case(inputs, channels, size, [1, 1]).check(EXACT);
    }
}

#[test]
fn blocks_of_columns_and_of_depth() {
    case(600, 5, [13, 17], [1, 1]).count(2).check(EXACT);
    case(70, 4, [37, 9], [3, 3]).strides([2, 2]).check(EXACT);
    case(130, 4, [12, 12], [5, 5]).check(EXACT);
}

#[test]
fn steps_dilations_and_padding() {
    for strides in [[1, 1], [2, 2], [2, 1], [1, 3], [3, 2]] {
        for kernel in [[1, 1], [2, 3], [3, 3], [7, 7], [1, 5]] {
            case(3, 6, [9, 14], kernel).strides(strides).check(EXACT);
            case(3, 6, [9, 16], kernel).strides(strides).count(2).check(EXACT);
            case(3, 6, [17, 21], kernel).dilations([2, 3]).strides(strides).check(EXACT);
            case(3, 6, [17, 24], kernel).dilations([2, 3]).strides(strides).check(EXACT);
            case(3, 6, [9, 14], kernel).before([0, 0]).strides(strides).check(EXACT);
            case(3, 6, [9, 14], kernel).before([4, 5]).strides(strides).check(EXACT);
        }
    }
}

#[test]
fn groups() {
    case(6, 9, [5, 6], [3, 3]).groups(3).count(2).check(EXACT);
    case(8, 4, [7, 7], [1, 1]).groups(2).check(EXACT);
}

#[test]
fn depthwise_of_any_kernel() {
    for strides in [[1, 1], [2, 2], [1, 2], [3, 3]] {
        for kernel in [[3, 3], [5, 5], [7, 7], [1, 3], [4, 2], [1, 1]] {
            case(5, 5, [9, 14], kernel).groups(5).strides(strides).count(2).check(EXACT);
            case(2, 6, [8, 7], kernel).groups(2).strides(strides).check(EXACT);
            case(2, 2, [8, 7], kernel).groups(2).strides(strides).before([5, 6]).check(EXACT);
        }
    }
    case(3, 3, [19, 14], [3, 3]).groups(3).dilations([2, 2]).check(EXACT);
    case(3, 3, [19, 14], [3, 3]).groups(3).dilations([2, 1]).check(EXACT);
    case(3, 3, [1, 2], [3, 3]).groups(3).check(EXACT);
    case(3, 3, [3, 37], [3, 3]).groups(3).check(EXACT);
}

#[test]
fn winograds_tiles_of_any_size() {
    let cases = [
        case(32, 24, [28, 28], [3, 3]),
        case(41, 43, [14, 14], [3, 3]),
        case(24, 26, [15, 17], [3, 3]).count(2),
        case(32, 18, [13, 30], [3, 3]).before([0, 0]),
        case(24, 16, [29, 10], [3, 3]).before([2, 3]),
        case(32, 48, [16, 16], [3, 3]).groups(2),
        case(130, 16, [33, 26], [3, 3]),
    ];
    for case in cases {
        let (inputs, rows) = (case.inputs / case.groups, case.channels / case.groups);
        assert!(winograd::pays(&case.window, inputs, rows), "{inputs} to {rows} channels, {:?}", case.window);
        case.check(ROUNDED);
    }
}

#[test]
fn winograd_is_for_what_it_makes_faster() {
    assert!(!winograd::pays(&case(3, 3, [2, 2], [3, 3]).window, 3, 3));
    assert!(!winograd::pays(&case(64, 64, [56, 56], [3, 3]).strides([2, 2]).window, 64, 64));
    assert!(!winograd::pays(&case(64, 64, [56, 56], [3, 3]).dilations([2, 2]).window, 64, 64));
    assert!(winograd::pays(&case(64, 64, [56, 56], [3, 3]).window, 64, 64));
}

#[test]
fn nan_passes_a_clamp() {
    let weights = Weights::new(&[1.0; 4], 4, 1, 1);
    let window = case(1, 4, [1, 1], [1, 1]).window;
    let mut output = [0.0; 4];
    let finish = Finish { bias: &[], add: None, floor: 0.0, ceiling: 6.0 };
    convolve(&weights, &window, &[f32::NAN], &finish, &mut output);
    assert!(output.iter().all(|value| value.is_nan()));
}

#[test]
fn each_channel_has_a_factor() {
    for (inputs, channels, groups) in [(3, 5, 1), (4, 10, 2), (6, 6, 6), (2, 4, 2)] {
        let depth = inputs / groups;
        let (values, factors) = (numbers(channels * depth, 1), numbers(channels, 2));
        let of_values =
            (0..).zip(&values).map(|(ix, value)| value * factors[ix / depth]).collect::<Vec<f32>>();
        let scaled = Weights::new(&values, channels, groups, depth).scaled(&factors);
        assert_eq!(scaled, Weights::new(&of_values, channels, groups, depth));
    }
}
