//! Products of weights with patches of an image, by tiles of four rows and two pixels.

use super::BLOCK;
use super::finish::{Finish, Requantize, write};
use super::lanes::{I16x8, I32x4};

/// Rows of weights, four side by side, a byte each.
#[derive(Debug)]
pub struct Weights {
    rows: usize,
    runs: usize,
    /// Of a run.
    blocks: usize,
    packed: Vec<[[i8; BLOCK]; 4]>,
    /// The zero points of each four rows; empty where all are 0.
    zeros: Vec<[i8; 4]>,
}

impl Weights {
    /// Packs `weights`, `[rows, runs, length]`, whose zero points are one for each row: a weight stands for its
    /// difference from it. Each run of a patch is behind a start of its own.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(weights: &[i8], zeros: &[i8], runs: usize, length: usize) -> Self {
        let rows = zeros.len();
        assert_eq!(weights.len(), rows * runs * length, "weights for each row");
        let blocks = length.div_ceil(BLOCK);
        let mut packed = Vec::with_capacity(rows.div_ceil(4) * runs * blocks);
        for group in 0..rows.div_ceil(4) {
            for run in 0..runs {
                for block in 0..blocks {
                    packed.push(std::array::from_fn(|row| {
                        let row = 4 * group + row;
                        std::array::from_fn(|ix| match (row < rows, block * BLOCK + ix) {
                            // What fills up a block stands for 0, whatever a patch has there.
                            (true, ix) if ix < length => weights[(row * runs + run) * length + ix],
                            (true, _) => zeros[row],
                            _ => 0,
                        })
                    }));
                }
            }
        }
        let zeros = if zeros.iter().all(|zero| *zero == 0) { &[] } else { zeros };
        let four = |some: &[i8]| std::array::from_fn(|ix| some.get(ix).copied().unwrap_or(0));
        Self { rows, runs, blocks, packed, zeros: zeros.chunks(4).map(four).collect() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many runs a patch has.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// How many numbers an image needs behind the start of its last run.
    pub fn reach(&self) -> usize {
        self.blocks * BLOCK
    }

    /// Blocks of a group of four rows.
    fn depth(&self) -> usize {
        self.runs * self.blocks
    }

    /// What the weights of a row stand for.
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = i32> {
        let zero = self.zeros.get(row / 4).map_or(0, |zeros| zeros[row % 4]);
        let packed = &self.packed[row / 4 * self.depth()..][..self.depth()];
        packed
            .iter()
            .flat_map(move |four| four[row % 4])
            .map(move |weight| i32::from(weight) - i32::from(zero))
    }

    /// The weights of four rows, and their zero points.
    pub(super) fn group(&self, group: usize) -> (&[[[i8; BLOCK]; 4]], [I16x8; 4]) {
        let zeros = self.zeros.get(group).copied().unwrap_or([0; 4]);
        (&self.packed[group * self.depth()..][..self.depth()], zeros.map(i16::from).map(I16x8::splat))
    }

    /// A group without its zero points, 16 bits wide.
    fn widen(&self, group: usize, wide: &mut [[[i16; BLOCK]; 4]]) {
        let (packed, zeros) = self.group(group);
        for (wide, packed) in wide.iter_mut().zip(packed) {
            for row in 0..4 {
                I16x8::widen_signed(&packed[row]).minus(zeros[row]).store(&mut wide[row]);
            }
        }
    }
}

/// Pixels whose patches stay in a near cache while every row of weights passes.
const BAND: usize = 1 << 16;
/// Where there are fewer pixels, weights are widened as they are read.
const FEW: usize = 8;

/// Where the patches of an image are: the one of a pixel has its runs at the pixel's start plus each of `runs`.
#[derive(Debug, Clone, Copy)]
pub struct Patches<'a> {
    /// The numbers, without their zero point.
    pub image: &'a [i16],
    /// Where the runs of a patch begin, or its taps.
    pub runs: &'a [usize],
    /// Where the patches begin.
    pub starts: &'a [usize],
}

/// The products of every row of `weights` with every patch, rounded to bytes. The numbers of a pixel are `step` apart
/// from those of the next in `output`.
///
/// # Panics
/// Where a patch is not in the image, `output` is too short or there are not as many runs as the weights have.
// Not generic for its callers: it would be compiled in their crate, for size.
pub fn multiply_to_bytes(
    weights: &Weights,
    patches: Patches,
    finish: &Requantize,
    output: &mut [u8],
    step: usize,
) {
    multiply(weights, patches, finish, output, step);
}

pub(super) fn multiply<F: Finish>(
    weights: &Weights,
    Patches { image, runs, starts }: Patches,
    finish: &F,
    output: &mut [F::Number],
    step: usize,
) {
    assert_eq!(runs.len(), weights.runs, "a start for each run");
    let depth = weights.depth();
    if starts.len() < FEW && weights.zeros.is_empty() {
        for group in 0..weights.rows.div_ceil(4) {
            let packed = &weights.packed[group * depth..][..depth];
            rows(packed, (group, weights), (image, runs), starts, finish, output, step);
        }
        return;
    }
    let mut wide = vec![[[0; BLOCK]; 4]; depth];
    let band = (BAND / (weights.blocks * BLOCK)).max(2 * FEW);
    for (ix, starts) in starts.chunks(band).enumerate() {
        let output = &mut output[ix * band * step..];
        for group in 0..weights.rows.div_ceil(4) {
            weights.widen(group, &mut wide);
            rows(&wide, (group, weights), (image, runs), starts, finish, output, step);
        }
    }
}

/// The products of four rows.
#[inline(always)]
fn rows<W: Wide, F: Finish>(
    packed: &[[W; 4]],
    (group, weights): (usize, &Weights),
    (image, runs): (&[i16], &[usize]),
    starts: &[usize],
    finish: &F,
    output: &mut [F::Number],
    step: usize,
) {
    let here = (weights.rows - 4 * group).min(4);
    let (pairs, rest) = starts.as_chunks::<2>();
    let mut at = 4 * group;
    for starts in pairs {
        let mut sums = [[I32x4::splat(0); 4]; 2];
        for (packed, run) in packed.chunks_exact(weights.blocks).zip(runs) {
            let first = blocks(image, starts[0] + run, weights.blocks);
            let second = blocks(image, starts[1] + run, weights.blocks);
            pair(packed, first, second, &mut sums);
        }
        let [a, b, c, d, e, f, g, h] =
            finish.finish([group; 2], [I32x4::sums(sums[0]), I32x4::sums(sums[1])]);
        write(output, at, [a, b, c, d], here);
        write(output, at + step, [e, f, g, h], here);
        at += 2 * step;
    }
    for start in rest {
        let mut sums = [I32x4::splat(0); 4];
        for (packed, run) in packed.chunks_exact(weights.blocks).zip(runs) {
            single(packed, blocks(image, start + run, weights.blocks), &mut sums);
        }
        let sums = I32x4::sums(sums);
        let [a, b, c, d, ..] = finish.finish([group; 2], [sums, sums]);
        write(output, at, [a, b, c, d], here);
    }
}

#[inline(always)]
fn blocks(image: &[i16], from: usize, count: usize) -> &[[i16; BLOCK]] {
    image[from..from + count * BLOCK].as_chunks().0
}

/// A block of weights, as it is or as it becomes.
pub(super) trait Wide {
    fn load(&self) -> I16x8;
}

impl Wide for [i8; BLOCK] {
    #[inline(always)]
    fn load(&self) -> I16x8 {
        I16x8::widen_signed(self)
    }
}

impl Wide for [i16; BLOCK] {
    #[inline(always)]
    fn load(&self) -> I16x8 {
        I16x8::load(self)
    }
}

/// Runs a step until it breaks, sixteen times a turn. The host interrupts a prediction at the head of any loop, and
/// around that call every sum lives in memory; and a step that may be the last has its arithmetic before the next
/// one's loads, where Cranelift would put all loads of a turn first and spill.
macro_rules! unrolled {
    ($step:block) => {
        loop {
            $step $step $step $step $step $step $step $step
            $step $step $step $step $step $step $step $step
        }
    };
}
pub(super) use unrolled;

/// Adds the products of four rows with two pixels.
#[inline(always)]
pub(super) fn pair<W: Wide>(
    packed: &[[W; 4]],
    first: &[[i16; BLOCK]],
    second: &[[i16; BLOCK]],
    sums: &mut [[I32x4; 4]; 2],
) {
    let mut steps = packed.iter().zip(first).zip(second);
    unrolled!({
        let Some(((weights, first), second)) = steps.next() else { break };
        let (first, second) = (I16x8::load(first), I16x8::load(second));
        for row in 0..4 {
            let weights = weights[row].load();
            sums[0][row] = sums[0][row].plus(weights.dot(first));
            sums[1][row] = sums[1][row].plus(weights.dot(second));
        }
    });
}

/// Adds the products of four rows with one pixel.
#[inline(always)]
fn single<W: Wide>(packed: &[[W; 4]], pixel: &[[i16; BLOCK]], sums: &mut [I32x4; 4]) {
    let mut steps = packed.iter().zip(pixel);
    unrolled!({
        let Some((weights, pixel)) = steps.next() else { break };
        let pixel = I16x8::load(pixel);
        for row in 0..4 {
            sums[row] = sums[row].plus(weights[row].load().dot(pixel));
        }
    });
}
