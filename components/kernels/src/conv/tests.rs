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

/// The three convolutions of `cases` one after the other, and at once.
fn check_inverted_residual(cases: [Case; 3]) {
    let of = |seed: u64, case: Case| {
        let depth = case.inputs / case.groups * case.window.kernel[0] * case.window.kernel[1];
        let values = numbers(case.channels * depth, seed);
        (
            Weights::new(&values, case.channels, case.groups, case.inputs / case.groups),
            numbers(case.channels, seed + 1),
        )
    };
    let [first, middle, last] =
        [(1, cases[0]), (3, cases[1]), (5, cases[2])].map(|(seed, case)| of(seed, case));
    let area = |[height, width]: [usize; 2]| height * width;
    let count = cases[0].count;
    let images = numbers(count * cases[0].inputs * area(cases[0].window.input), 7);
    let added = numbers(count * cases[2].channels * area(cases[2].window.output), 8);
    let finish = |bias, add| Finish { bias, add, floor: -0.5, ceiling: 0.75 };
    let stage = |part: usize, (weights, bias), add| Stage {
        weights,
        window: cases[part].window,
        finish: finish(bias, add),
    };
    let stages = [
        &stage(0, (&first.0, &first.1[..]), None),
        &stage(1, (&middle.0, &middle.1[..]), None),
        &stage(2, (&last.0, &last.1[..]), Some(&added[..])),
    ];
    let mut expected = images.clone();
    for (stage, case) in stages.iter().zip(cases) {
        let mut output = vec![f32::NAN; count * case.channels * area(case.window.output)];
        convolve(stage.weights, &stage.window, &expected, &stage.finish, &mut output);
        expected = output;
    }
    let mut output = vec![f32::NAN; expected.len()];
    inverted_residual(stages, &images, &mut output);
    assert!(output == expected, "{:?}", cases.map(|case| case.window));
}

#[test]
fn three_in_a_row_are_three_one_after_the_other() {
    // Few enough channels for one band, and so many that a row is one.
    for channels in [5, 96, 1300] {
        for (size, kernel, strides, dilations) in [
            ([9, 8], [3, 3], [1, 1], [1, 1]),
            ([28, 30], [3, 3], [2, 2], [1, 1]),
            ([17, 12], [5, 5], [1, 2], [2, 1]),
            ([7, 7], [4, 2], [3, 1], [1, 1]),
            ([6, 5], [1, 1], [1, 1], [1, 1]),
        ] {
            for before in [[0, 0], [1, 1], [kernel[0] * dilations[0] - 1, 2]] {
                let first = case(3, channels, size, [1, 1]).count(2);
                let middle = case(channels, channels, size, kernel)
                    .groups(channels)
                    .strides(strides)
                    .dilations(dilations)
                    .before(before);
                let last = case(channels, 6, middle.window.output, [1, 1]);
                check_inverted_residual([first, middle, last]);
            }
        }
    }
    let first = case(3, 32, [40, 36], [3, 3]).strides([2, 2]);
    let middle = case(32, 32, first.window.output, [3, 3]).groups(32);
    check_inverted_residual([first, middle, case(32, 16, middle.window.output, [1, 1])]);
}
