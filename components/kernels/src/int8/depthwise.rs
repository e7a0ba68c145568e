//! Convolutions of each channel with a filter of its own.

use super::BLOCK;
use super::finish::{Finish, Requantize, write};
use super::lanes::{I16x8, I32x4};
use super::product::{Patches, unrolled};

/// A filter for each channel: the weights of two taps side by side for four channels, as one instruction multiplies
/// them.
#[derive(Debug)]
pub struct DepthwiseWeights {
    channels: usize,
    /// Of taps.
    pairs: usize,
    packed: Vec<[[i16; BLOCK]; 2]>,
}

impl DepthwiseWeights {
    /// Packs `weights`, `[channels, taps]`, whose zero points are one for each channel.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(weights: &[i8], zeros: &[i8], taps: usize) -> Self {
        let channels = zeros.len();
        assert_eq!(weights.len(), channels * taps, "weights for each channel");
        let weight = |channel: usize, tap: usize| match channel < channels && tap < taps {
            true => i16::from(weights[channel * taps + tap]) - i16::from(zeros[channel]),
            false => 0,
        };
        let pairs = taps.div_ceil(2);
        let pack = |ix: usize| {
            let (block, pair) = (ix / pairs, ix % pairs);
            [0, 4].map(|half| {
                std::array::from_fn(|ix| weight(block * BLOCK + half + ix / 2, 2 * pair + ix % 2))
            })
        };
        let packed = (0..channels.div_ceil(BLOCK) * pairs).map(pack).collect();
        Self { channels, pairs, packed }
    }

    /// How many channels there are.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The channels of a pixel of the widened image: whole blocks.
    pub fn width(&self) -> usize {
        self.channels.next_multiple_of(BLOCK)
    }
}

/// Convolves each channel, whose taps are the runs of the patches, and rounds to bytes. The channels of a pixel are behind
/// each other in `output`.
///
/// # Panics
/// Where a patch is not in the image, `output` is too short or there are not as many taps as the weights have.
// Not generic for its callers: it would be compiled in their crate, for size.
pub fn depthwise_to_bytes(
    weights: &DepthwiseWeights,
    patches: Patches,
    finish: &Requantize,
    output: &mut [u8],
) {
    depthwise(weights, patches, finish, output);
}

pub(super) fn depthwise<F: Finish>(
    weights: &DepthwiseWeights,
    Patches { image, runs: taps, starts }: Patches,
    finish: &F,
    output: &mut [F::Number],
) {
    assert_eq!(taps.len().div_ceil(2), weights.pairs, "a start for each tap");
    // The weight of the last tap's neighbour is 0, whatever is read for it.
    let pairs = taps.chunks(2).map(|pair| [pair[0], pair[pair.len() - 1]]).collect::<Vec<_>>();
    let channels = weights.channels;
    for (row, starts) in starts.chunks(ROW).enumerate() {
        let output = &mut output[row * ROW * channels..];
        for (block, packed) in weights.packed.chunks_exact(weights.pairs).enumerate() {
            let from = block * BLOCK;
            let here = (channels - from).min(BLOCK);
            let groups = [2 * block, 2 * block + 1];
            let (twos, rest) = starts.as_chunks::<2>();
            let mut at = from;
            for two in twos {
                let [first, second] = [two[0] + from, two[1] + from];
                let [first, second] = filter(packed, image, &pairs, first, second);
                write(output, at, finish.finish(groups, first), here);
                write(output, at + channels, finish.finish(groups, second), here);
                at += 2 * channels;
            }
            for start in rest {
                let [sums, _] = filter(packed, image, &pairs, start + from, start + from);
                write(output, at, finish.finish(groups, sums), here);
            }
        }
    }
}

/// Pixels whose patches stay in the nearest cache while every block of channels passes.
const ROW: usize = 32;

/// The sums of eight channels at two pixels.
#[inline(always)]
fn filter(
    packed: &[[[i16; BLOCK]; 2]],
    image: &[i16],
    pairs: &[[usize; 2]],
    first: usize,
    second: usize,
) -> [[I32x4; 2]; 2] {
    let mut sums = [[I32x4::splat(0); 2]; 2];
    let mut steps = packed.iter().zip(pairs);
    unrolled!({
        let Some(([low, high], taps)) = steps.next() else { break };
        let (low, high) = (I16x8::load(low), I16x8::load(high));
        let [a, b] = block(image, first + taps[0]).pairs(block(image, first + taps[1]));
        sums[0][0] = sums[0][0].plus(a.dot(low));
        sums[0][1] = sums[0][1].plus(b.dot(high));
        let [a, b] = block(image, second + taps[0]).pairs(block(image, second + taps[1]));
        sums[1][0] = sums[1][0].plus(a.dot(low));
        sums[1][1] = sums[1][1].plus(b.dot(high));
    });
    sums
}

#[inline(always)]
fn block(image: &[i16], from: usize) -> I16x8 {
    match image[from..from + BLOCK].as_array() {
        Some(block) => I16x8::load(block),
        None => unreachable!("it is as long as a block"),
    }
}
