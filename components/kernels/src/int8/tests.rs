//! Against the arithmetic as it is written in the standard, one number after the other.

use super::depthwise::depthwise;
use super::finish::Sums;
use super::product::multiply;
use super::winograd::winograd;
use super::*;

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn number(byte: u8, side: Side) -> i32 {
    (if side.signed { i32::from(byte as i8) } else { i32::from(byte) }) - side.zero
}

const UNSIGNED: Side = Side { zero: 0, signed: false };

/// The products of `rows` of weights with the patch of each of `pixels`, whole runs behind each other.
fn check_product(rows: usize, runs: usize, length: usize, pixels: usize, side: Side, zeros: &[i8]) {
    let mut numbers = Numbers(7);
    let weights = numbers.bytes(rows * runs * length).iter().map(|byte| *byte as i8).collect::<Vec<_>>();
    let bytes = numbers.bytes(pixels * runs * length);
    let packed = Weights::new(&weights, zeros, runs, length);
    let mut image = vec![i16::MAX; bytes.len() + packed.reach()];
    widen(&bytes, side, &mut image);
    let starts = (0..pixels).map(|pixel| pixel * runs * length).collect::<Vec<_>>();
    let offsets = (0..runs).map(|run| run * length).collect::<Vec<_>>();
    let mut sums = vec![0; pixels * rows];
    let patches = Patches { image: &image, runs: &offsets, starts: &starts };
    multiply(&packed, patches, &Sums, &mut sums, rows);
    for (ix, sum) in sums.iter().enumerate() {
        let (pixel, row) = (ix / rows, ix % rows);
        let depth = runs * length;
        let products = (0..depth).map(|k| {
            let weight = i32::from(weights[row * depth + k]) - i32::from(zeros[row]);
            weight * number(bytes[pixel * depth + k], side)
        });
        assert_eq!(
            *sum,
            products.sum::<i32>(),
            "row {row} of {rows}, pixel {pixel} of {pixels}, {depth} deep"
        );
    }
}

#[test]
fn a_product_is_exact_at_every_edge_of_tiles_and_blocks() {
    for rows in [1, 3, 4, 5, 9] {
        for pixels in [1, 2, 7, 8, 21] {
            for (runs, length) in [(1, 1), (1, 8), (3, 21), (2, 136), (7, 3)] {
                check_product(rows, runs, length, pixels, Side { zero: 131, signed: false }, &vec![0; rows]);
            }
        }
    }
}

/// The products of `rows` with the weights of `outputs`, in each of the forms that they leave in.
fn check_dense(outputs: usize, depth: usize, rows: usize, side: Side, zeros: &[i8]) {
    let mut numbers = Numbers(17);
    let weights = numbers.bytes(outputs * depth).iter().map(|byte| *byte as i8).collect::<Vec<_>>();
    let matrix = Matrix::new(&weights, zeros, depth, rows > 1);
    let bytes = numbers.bytes(rows * depth);
    // What fills up a row counts for nothing.
    let mut wide = vec![i16::MAX; matrix.numbers(rows)];
    for (bytes, wide) in bytes.chunks_exact(depth).zip(wide.chunks_mut(matrix.step())) {
        widen(bytes, side, wide);
    }
    let product = |ix: usize| {
        let (row, output) = (ix / outputs, ix % outputs);
        let weight = |k: usize| i32::from(weights[output * depth + k]) - i32::from(zeros[output]);
        (0..depth).map(|k| weight(k) * number(bytes[row * depth + k], side)).sum::<i32>()
    };
    let expected = (0..rows * outputs).map(product).collect::<Vec<_>>();
    let mut sums = vec![0; rows * outputs];
    dense_to_sums(&matrix, &wide, &mut sums);
    assert_eq!(sums, expected, "{outputs} outputs of {depth}, {rows} rows");

    let bias = (0..outputs as i32).collect::<Vec<_>>();
    let finish = Requantize::new(&bias, &vec![0.001; outputs], 100, 3, 250);
    let mut bytes = vec![0; sums.len()];
    dense_to_bytes(&matrix, &wide, &finish, &mut bytes);
    let step = outputs + 3;
    let mut next = vec![-1; rows * step];
    dense_to_rows(&matrix, &wide, &finish, &mut next, step);
    let finish = Dequantize::new(&vec![0.5; outputs], &vec![0.25; outputs]);
    let mut floats = vec![0.0; sums.len()];
    dense_to_floats(&matrix, &wide, &finish, &mut floats);
    for (ix, sum) in sums.iter().enumerate() {
        let scaled = (sum + bias[ix % outputs]) as f32 * 0.001;
        let byte = (scaled.round_ties_even() as i32 + 100).clamp(3, 250);
        assert_eq!(i32::from(bytes[ix]), byte);
        assert_eq!(i32::from(next[ix / outputs * step + ix % outputs]), byte - 100);
        assert_eq!(floats[ix], *sum as f32 * 0.5 + 0.25);
    }
    assert!(
        next.chunks_exact(step).all(|row| row[outputs..] == [-1; 3]),
        "what is behind a row is left as it is"
    );
}

#[test]
fn a_dense_product_is_exact_at_every_edge_of_tiles() {
    for outputs in [1, 4, 5, 16, 17, 20, 35] {
        for depth in [1, 2, 7, 8, 33, 130] {
            for rows in [1, 2, 9, 70] {
                check_dense(outputs, depth, rows, Side { zero: 131, signed: false }, &vec![0; outputs]);
            }
        }
    }
    // Too large to be kept wide.
    check_dense(17, 2000, 9, Side { zero: 3, signed: true }, &[0; 17]);
    for (zero, signed) in [(0, false), (255, false), (-128, true), (127, true), (3, true)] {
        for rows in [1, 12] {
            check_dense(6, 19, rows, Side { zero, signed }, &[0, -128, 127, 1, -1, 5]);
        }
    }
}

#[test]
fn a_dense_product_of_nothing_is_nothing() {
    let matrix = Matrix::new(&[], &[0; 3], 0, false);
    let mut sums = [7; 6];
    dense_to_sums(&matrix, &[], &mut sums);
    assert_eq!(sums, [0; 6]);
    dense_to_sums(&Matrix::new(&[], &[], 4, true), &[1; 8], &mut []);
}

#[test]
fn every_zero_point_is_taken_off() {
    for (zero, signed) in [(0, false), (255, false), (-128, true), (127, true), (3, true)] {
        for pixels in [1, 12] {
            check_product(5, 2, 19, pixels, Side { zero, signed }, &[0, -128, 127, 1, -1]);
        }
    }
}

#[test]
fn the_largest_numbers_of_the_longest_sums_do_not_overflow() {
    const DEPTH: usize = 1 << 15;
    for (weight, zero) in [(-128i8, 127i8), (127, -128)] {
        let packed = Weights::new(&[weight; DEPTH], &[zero], 1, DEPTH);
        let mut image = vec![0; DEPTH];
        widen(&[255; DEPTH], UNSIGNED, &mut image);
        for pixels in [1, 9] {
            let mut sums = vec![0; pixels];
            let patches = Patches { image: &image, runs: &[0], starts: &vec![0; pixels] };
            multiply(&packed, patches, &Sums, &mut sums, 1);
            let expected = 255 * (i32::from(weight) - i32::from(zero)) * DEPTH as i32;
            assert_eq!(sums, vec![expected; pixels]);
        }
    }
}

/// The sums of 3x3 windows by Winograd's algorithm, held against those of the patches.
fn check_winograd(
    weights: &[i8],
    zeros: &[i8],
    channels: usize,
    bytes: &[u8],
    side: Side,
    output: [usize; 2],
) {
    let packed = Weights::new(weights, zeros, 3, 3 * channels);
    assert!(fits(&packed, side));
    let [height, width] = output;
    let row = tiled(width) * channels;
    let mut numbers = vec![0; tiled(height) * row];
    widen_image(bytes, [width + 2, channels], side, &mut numbers, [0, row, channels]);
    let mut sums = vec![0; height * width * zeros.len()];
    let image = Image { numbers: &numbers, row, channels, output };
    winograd(&packed, image, &Sums, &mut sums, zeros.len());
    let starts =
        (0..height).flat_map(|y| (0..width).map(move |x| y * row + x * channels)).collect::<Vec<_>>();
    let mut expected = vec![0; sums.len()];
    let runs = [0, row, 2 * row];
    let patches = Patches { image: &numbers, runs: &runs, starts: &starts };
    multiply(&packed, patches, &Sums, &mut expected, zeros.len());
    assert_eq!(sums, expected, "{} rows of {channels} channels, {output:?} pixels", zeros.len());
}

#[test]
fn winograds_sums_are_those_of_the_patches() {
    let mut numbers = Numbers(13);
    for (rows, channels) in [(1, 8), (4, 16), (7, 40), (2, 136)] {
        // One tile, parts of tiles, and more tiles than one band has.
        for output in [[1, 1], [4, 4], [7, 9], [3, 230]] {
            let weights =
                numbers.bytes(rows * 9 * channels).iter().map(|byte| *byte as i8).collect::<Vec<_>>();
            let bytes = numbers.bytes((output[0] + 2) * (output[1] + 2) * channels);
            for (zero, signed) in [(0, false), (131, false), (-7, true)] {
                let zeros = (0..rows).map(|row| row as i8 * 9 - 50).collect::<Vec<_>>();
                let side = Side { zero, signed };
                check_winograd(&weights, &zeros, channels, &bytes, side, output);
                check_winograd(&weights, &vec![0; rows], channels, &bytes, side, output);
            }
        }
    }
}

#[test]
fn winograds_largest_sums_are_exact_and_larger_ones_are_refused() {
    // 9 * 56 weights of 127 - -128 and inputs of 255 make 98 % of what fits.
    const CHANNELS: usize = 56;
    for (weight, zero) in [(127, -128), (-128, 127)] {
        let weights = [weight; 9 * CHANNELS];
        check_winograd(&weights, &[zero], CHANNELS, &[255; 36 * CHANNELS], UNSIGNED, [4, 4]);
    }
    let larger = Weights::new(&[127; 9 * 64], &[-128], 3, 3 * 64);
    assert!(!fits(&larger, UNSIGNED));
    assert!(fits(&larger, Side { zero: 128, signed: false }));
}

#[test]
fn winograds_algorithm_is_for_images_of_many_pixels() {
    assert!(pays([56, 56], 64, 64) && pays([7, 7], 512, 512));
    assert!(!pays([1, 1], 512, 512) && !pays([2, 2], 64, 64));
}

#[test]
fn a_sum_is_rounded_half_to_even_and_kept_within_bounds() {
    let packed = Weights::new(&[1, 1, 1, 1, 1], &[0; 5], 1, 1);
    let mut image = vec![0; 3 + packed.reach()];
    image[..3].copy_from_slice(&[1, 3, 250]);
    let scale = [0.5, 1.5, 2.0, 1e30, -1e30];
    let finish = Requantize::new(&[0, 1, 0, 0, 0], &scale, 10, 2, 200);
    let mut bytes = [0; 15];
    let patches = Patches { image: &image, runs: &[0], starts: &[0, 1, 2] };
    multiply_to_bytes(&packed, patches, &finish, &mut bytes, 5);
    assert_eq!(bytes[..5], [10, 13, 12, 200, 2]);
    assert_eq!(bytes[5..10], [12, 16, 16, 200, 2]);
    assert_eq!(bytes[10..], [135, 200, 200, 200, 2]);
}

#[test]
fn signed_bytes_come_out_signed() {
    let packed = Weights::new(&[-1], &[0], 1, 1);
    let mut image = vec![0; packed.reach()];
    image[0] = 100;
    let mut bytes = [0];
    let finish = Requantize::new(&[0], &[0.5], -10, -128, 127);
    let patches = Patches { image: &image, runs: &[0], starts: &[0] };
    multiply_to_bytes(&packed, patches, &finish, &mut bytes, 1);
    assert_eq!(bytes[0] as i8, -60);
}

#[test]
fn a_depthwise_filter_keeps_channels_apart() {
    let side = Side { zero: 100, signed: false };
    for channels in [1, 8, 11, 24] {
        for (taps, pixels) in [(1, 1), (9, 1), (9, 34), (25, 5)] {
            let mut numbers = Numbers(11);
            let weights = numbers.bytes(channels * taps).iter().map(|byte| *byte as i8).collect::<Vec<_>>();
            let zeros = (0..channels).map(|channel| channel as i8 - 4).collect::<Vec<_>>();
            let packed = DepthwiseWeights::new(&weights, &zeros, taps);
            let width = pixels + taps;
            let bytes = numbers.bytes(width * channels);
            let mut image = vec![0; width * packed.width()];
            let row = [0, width * packed.width(), packed.width()];
            widen_image(&bytes, [width, channels], side, &mut image, row);
            let at = |count: usize| (0..count).map(|ix| ix * packed.width()).collect::<Vec<_>>();
            let mut sums = vec![0; pixels * channels];
            let patches = Patches { image: &image, runs: &at(taps), starts: &at(pixels) };
            depthwise(&packed, patches, &Sums, &mut sums);
            for (ix, sum) in sums.iter().enumerate() {
                let (pixel, channel) = (ix / channels, ix % channels);
                let products = (0..taps).map(|tap| {
                    let weight = i32::from(weights[channel * taps + tap]) - i32::from(zeros[channel]);
                    weight * number(bytes[(pixel + tap) * channels + channel], side)
                });
                assert_eq!(*sum, products.sum::<i32>(), "channel {channel} of {channels}, {taps} taps");
            }
            let finish = Requantize::new(&vec![0; channels], &vec![0.001; channels], 100, 0, 255);
            let mut bytes = vec![0; sums.len()];
            depthwise_to_bytes(&packed, patches, &finish, &mut bytes);
            let byte = |sum: &i32| (*sum as f32 * 0.001).round_ties_even() as i32 + 100;
            assert!(sums.iter().zip(&bytes).all(|(sum, of)| byte(sum).clamp(0, 255) == i32::from(*of)));
        }
    }
}

#[test]
fn floats_become_bytes_half_to_even() {
    let x = [1.0, 3.0, 5.0, -1.0, -3.0, 1e30, -1e30, f32::INFINITY, 0.99];
    let mut bytes = [0; 9];
    quantize(&x, 2.0, Side { zero: 10, signed: false }, &mut bytes);
    assert_eq!(bytes, [10, 12, 12, 10, 8, 255, 0, 255, 10]);
    quantize(&x, 2.0, Side { zero: -128, signed: true }, &mut bytes);
    assert_eq!(bytes.map(|byte| byte as i8), [-128, -126, -126, -128, -128, 127, -128, 127, -128]);
}

#[test]
fn tensors_are_added_in_floats() {
    let sides = [Side { zero: 3, signed: false }, Side { zero: -3, signed: true }, UNSIGNED];
    let mut numbers = Numbers(5);
    let (a, b) = (numbers.bytes(37), numbers.bytes(37));
    let mut sum = vec![0; 37];
    add(&a, &b, [0.5, 0.25], sides, [0, 255], &mut sum);
    for ((a, b), sum) in a.iter().zip(&b).zip(sum) {
        // Exact in floats, so that it is the same in any order.
        let exact = number(*a, sides[0]) as f32 * 0.5 + number(*b, sides[1]) as f32 * 0.25;
        assert_eq!(f32::from(sum), exact.round_ties_even().clamp(0.0, 255.0));
    }
}

#[test]
fn axes_change_places() {
    let bytes = Numbers(3).bytes(35 * 67);
    let mut to = vec![0; bytes.len()];
    transpose(&bytes, [35, 67], &mut to);
    assert!((0..bytes.len()).all(|ix| to[ix % 67 * 35 + ix / 67] == bytes[ix]));
}

#[test]
fn the_largest_of_a_window_leaves_out_what_is_around_the_image() {
    let window = Window { size: [2, 2], step: [2, 1], dilation: [1, 1], before: [1, 0] };
    let mut output = [0; 4];
    max_pool(&[1, 200, 3, 4], [2, 2, 1], &window, false, &mut output, [2, 2]);
    assert_eq!(output, [200, 200, 4, 4]);
    max_pool(&[1, 200, 3, 4], [2, 2, 1], &window, true, &mut output, [2, 2]);
    assert_eq!(output, [1, 200, 4, 4]);
}

#[test]
fn channels_are_summed_without_their_zero_point() {
    let mut sums = [9, 9];
    channel_sums(&[1, 255, 2, 254], Side { zero: -1, signed: true }, &mut sums);
    assert_eq!(sums, [5, -1]);
}
