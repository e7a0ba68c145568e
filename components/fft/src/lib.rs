//! The discrete Fourier transform of any length, small.
//!
//! It stands in for the crate `rustfft`, with as much of its interface as tract uses. That one unrolls transforms of many
//! lengths for two types, which was a fifteenth of the predictor's code, for two operators: `DFT` and `STFT`. It is not a
//! fast library: lengths of small factors take `O(n log n)` steps, one radix at a time, and the others go through
//! Bluestein's algorithm, three transforms of a power of two.

use std::f64::consts::PI;
use std::fmt::Debug;
use std::marker::PhantomData;

use num_complex::Complex;
use num_traits::{FromPrimitive, Signed, Zero};

pub use num_traits;

/// The largest factor that is summed term by term.
const LARGEST_RADIX: usize = 31;

/// A real type that a transform computes in.
pub trait FftNum: Copy + FromPrimitive + Signed + Send + Sync + Debug + 'static {}

impl<T: Copy + FromPrimitive + Signed + Send + Sync + Debug + 'static> FftNum for T {}

/// The sign of the exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FftDirection {
    /// `y[k] = sum over j of x[j] exp(-2 pi i j k / n)`
    Forward,
    /// The same with a positive exponent; not divided by `n`.
    Inverse,
}

/// Makes transforms.
#[derive(Debug, Default)]
pub struct FftPlanner<T>(PhantomData<T>);

impl<T: FftNum> FftPlanner<T> {
    /// A planner; it keeps nothing.
    pub fn new() -> Self {
        FftPlanner(PhantomData)
    }

    /// The transform of `length` values.
    pub fn plan_fft(&mut self, length: usize, direction: FftDirection) -> Fft<T> {
        Fft::new(length, direction)
    }

    /// The forward transform of `length` values.
    pub fn plan_fft_forward(&mut self, length: usize) -> Fft<T> {
        self.plan_fft(length, FftDirection::Forward)
    }
}

/// The transform of one length in one direction.
#[derive(Debug)]
pub struct Fft<T> {
    /// Prime factors of the length; without those that are too large.
    factors: Vec<usize>,
    /// The powers of `exp(-2 pi i / n)`, or of its inverse.
    roots: Vec<Complex<T>>,
    bluestein: Option<Box<Bluestein<T>>>,
}

impl<T: FftNum> Fft<T> {
    fn new(length: usize, direction: FftDirection) -> Self {
        let mut factors = vec![];
        let mut rest = length;
        for factor in 2..=LARGEST_RADIX {
            while rest > 1 && rest.is_multiple_of(factor) {
                factors.push(factor);
                rest /= factor;
            }
        }
        let bluestein = (rest > 1).then(|| Box::new(Bluestein::new(length, direction)));
        let roots = match bluestein {
            Some(_) => vec![],
            None => (0..length).map(|k| root(k, length, direction)).collect(),
        };
        Fft { factors, roots, bluestein }
    }

    /// Transforms each run of the length in `buffer` in place.
    ///
    /// # Panics
    /// When the buffer is no multiple of the length.
    pub fn process(&self, buffer: &mut [Complex<T>]) {
        if let Some(bluestein) = &self.bluestein {
            return bluestein.process(buffer);
        }
        let length = self.roots.len();
        if length < 2 {
            return;
        }
        assert!(
            buffer.len().is_multiple_of(length),
            "expected a multiple of {length} values, got {}",
            buffer.len()
        );
        let mut terms = [Complex::zero(); LARGEST_RADIX];
        let mut input = vec![Complex::zero(); length];
        for run in buffer.chunks_exact_mut(length) {
            input.copy_from_slice(run);
            self.step(&self.factors, &input, 1, run, &mut terms);
        }
    }

    /// Transforms every `stride`th value of `input` to `output`: as many transforms as the first factor says, of values
    /// that lie that factor further apart, joined.
    fn step(
        &self,
        factors: &[usize],
        input: &[Complex<T>],
        stride: usize,
        output: &mut [Complex<T>],
        terms: &mut [Complex<T>; LARGEST_RADIX],
    ) {
        let Some((&radix, factors)) = factors.split_first() else {
            output[0] = input[0];
            return;
        };
        let part = output.len() / radix;
        for (ix, output) in output.chunks_exact_mut(part).enumerate() {
            self.step(factors, &input[ix * stride..], stride * radix, output, terms);
        }
        let length = self.roots.len();
        for k in 0..part {
            for (ix, term) in terms[..radix].iter_mut().enumerate() {
                *term = output[ix * part + k] * self.roots[ix * k * stride % length];
            }
            if radix == 2 {
                output[k] = terms[0] + terms[1];
                output[part + k] = terms[0] - terms[1];
                continue;
            }
            for q in 0..radix {
                let turns = |ix: usize| self.roots[ix * q % radix * part * stride];
                let sum = terms[..radix].iter().enumerate().map(|(ix, term)| *term * turns(ix));
                output[q * part + k] = sum.fold(Complex::zero(), |sum, term| sum + term);
            }
        }
    }
}

/// A transform as a convolution, of a length that is a power of two.
/// Source: L. Bluestein, "A linear filtering approach to the computation of discrete Fourier transform", 1970.
#[derive(Debug)]
struct Bluestein<T> {
    forward: Fft<T>,
    inverse: Fft<T>,
    /// `exp(-pi i k^2 / n)`
    chirp: Vec<Complex<T>>,
    /// The transform of the chirp's inverse, over the power of two.
    filter: Vec<Complex<T>>,
}

impl<T: FftNum> Bluestein<T> {
    fn new(length: usize, direction: FftDirection) -> Self {
        let padded = (2 * length - 1).next_power_of_two();
        // The square is taken modulo 2 n, where the root has its period, so that the angle stays exact.
        let chirp =
            (0..length).map(|k| root(k * k % (2 * length), 2 * length, direction)).collect::<Vec<_>>();
        let forward = Fft::new(padded, FftDirection::Forward);
        let mut filter = vec![Complex::zero(); padded];
        for (k, root) in chirp.iter().enumerate() {
            let scaled = root.conj() * real::<T>(1.0 / padded as f64);
            filter[k] = scaled;
            filter[(padded - k) % padded] = scaled;
        }
        forward.process(&mut filter);
        Bluestein { forward, inverse: Fft::new(padded, FftDirection::Inverse), chirp, filter }
    }

    fn process(&self, buffer: &mut [Complex<T>]) {
        let length = self.chirp.len();
        assert!(
            buffer.len().is_multiple_of(length),
            "expected a multiple of {length} values, got {}",
            buffer.len()
        );
        let mut padded = vec![Complex::zero(); self.filter.len()];
        for run in buffer.chunks_exact_mut(length) {
            padded.fill(Complex::zero());
            padded.iter_mut().zip(run.iter().zip(&self.chirp)).for_each(|(out, (x, root))| *out = *x * root);
            self.forward.process(&mut padded);
            padded.iter_mut().zip(&self.filter).for_each(|(x, factor)| *x = *x * factor);
            self.inverse.process(&mut padded);
            run.iter_mut().zip(padded.iter().zip(&self.chirp)).for_each(|(out, (x, root))| *out = *x * root);
        }
    }
}

/// `exp(-2 pi i k / n)`, or its inverse, rounded once.
fn root<T: FftNum>(k: usize, n: usize, direction: FftDirection) -> Complex<T> {
    let angle = 2.0 * PI * k as f64 / n as f64;
    let (sin, cos) = angle.sin_cos();
    match direction {
        FftDirection::Forward => Complex::new(real(cos), real(-sin)),
        FftDirection::Inverse => Complex::new(real(cos), real(sin)),
    }
}

fn real<T: FftNum>(value: f64) -> T {
    T::from_f64(value).unwrap_or_else(T::zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error of a transform, against the definition, over the largest value.
    fn error<T: FftNum + Into<f64>>(length: usize, direction: FftDirection) -> f64 {
        let value = |ix: usize, of: usize| ((ix * of + 7) % 23) as f64 / 23.0 - 0.5;
        let input = (0..length).map(|ix| Complex::new(value(ix, 5), value(ix, 11))).collect::<Vec<_>>();
        let mut output = input.iter().map(|x| Complex::<T>::new(real(x.re), real(x.im))).collect::<Vec<_>>();
        FftPlanner::new().plan_fft(length, direction).process(&mut output);
        let (mut error, mut scale) = (0f64, 1f64);
        for (k, got) in output.iter().enumerate() {
            let sum: Complex<f64> = input
                .iter()
                .enumerate()
                .map(|(j, x)| *x * root::<f64>(j * k % length, length, direction))
                .sum();
            error = error.max((sum - Complex::new(got.re.into(), got.im.into())).norm());
            scale = scale.max(sum.norm());
        }
        error / scale
    }

    #[test]
    fn every_length_follows_the_definition_both_ways() {
        for length in (1..=130).chain([256, 400, 441, 509, 512, 1000, 1018]) {
            for direction in [FftDirection::Forward, FftDirection::Inverse] {
                let (single, double) = (error::<f32>(length, direction), error::<f64>(length, direction));
                assert!(single < 2e-6, "{length} {direction:?}: {single}");
                assert!(double < 4e-15, "{length} {direction:?}: {double}");
            }
        }
    }

    #[test]
    fn each_run_of_the_length_is_transformed() {
        for length in [1, 6, 37] {
            let plan = FftPlanner::<f64>::new().plan_fft_forward(length);
            let input = (0..2 * length).map(|ix| Complex::new(ix as f64, 1.0)).collect::<Vec<_>>();
            let mut both = input.clone();
            plan.process(&mut both);
            for (input, both) in input.chunks(length).zip(both.chunks(length)) {
                let mut one = input.to_vec();
                plan.process(&mut one);
                assert_eq!(one, both);
            }
        }
    }
}
