//! The exponential of many numbers.
//!
//! Written so that compilers take several at a time: without branches, and with one defined result for each number on
//! every target.

/// `e^x` of each number, within one unit in the last place.
///
/// The method is that of FreeBSD's `e_expf.c`, <https://github.com/freebsd/freebsd-src/blob/main/lib/msun/src/e_expf.c>:
/// `x = k ln 2 + r`, and a rational approximation of `e^r`.
pub fn exp(numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|x| *x = of(*x));
}

/// `1 / (1 + e^-x)` of each number, and for a negative one `1 - 1 / (1 + e^x)`.
pub fn logistic(numbers: &mut [f32]) {
    for x in numbers {
        let positive = 1.0 / (1.0 + of(-x.abs()));
        *x = if *x < 0.0 { 1.0 - positive } else { positive };
    }
}

/// Below the one the result is 0, above the other infinite.
const BOUNDS: [f32; 2] = [-104.0, 89.0];
/// ln 2 in two parts: a multiple of the first by a small integer is exact.
const LN_2: [f32; 2] = [f32::from_bits(0x3F31_7200), f32::from_bits(0x35BF_BE8E)];
/// P and Q of `r (e^r + 1) / (e^r - 1) = 2 + P r^2 + Q r^4`.
const EVEN: [f32; 2] = [f32::from_bits(0x3E2A_AA8F), f32::from_bits(0xBB35_5215)];

#[inline(always)]
fn of(x: f32) -> f32 {
    let x = if x < BOUNDS[0] { BOUNDS[0] } else { x };
    let x = if x > BOUNDS[1] { BOUNDS[1] } else { x };
    let count = (x * core::f32::consts::LOG2_E + 0.5f32.copysign(x)) as i32;
    let (high, low) = (x - count as f32 * LN_2[0], count as f32 * LN_2[1]);
    let rest = high - low;
    let square = rest * rest;
    let even = rest - square * (EVEN[0] + square * EVEN[1]);
    let power = 1.0 + (rest * even / (2.0 - even) - low + high);
    // Two factors, for a result may be smaller than any power of two that a float can be multiplied by.
    let half = count >> 1;
    power * two_to_the(half) * two_to_the(count - half)
}

/// For -126 to 127.
#[inline(always)]
fn two_to_the(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many floats lie between two, which are of one sign.
    fn apart(a: f32, b: f32) -> u32 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn every_result_is_within_one_unit_in_the_last_place() {
        // Each 1,009th float, of all sizes and both signs.
        let mut numbers = (0..=u32::MAX).step_by(1009).map(f32::from_bits).collect::<Vec<_>>();
        numbers.retain(|x| x.is_finite());
        let mut of_each = numbers.clone();
        exp(&mut of_each);
        for (x, y) in numbers.iter().zip(&of_each) {
            let exact = f64::from(*x).exp() as f32;
            assert!(apart(*y, exact) <= 1, "e^{x} is {exact}, got {y}");
        }
        let mut logistics = numbers.clone();
        logistic(&mut logistics);
        for (x, y) in numbers.iter().zip(&logistics) {
            let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
            assert!((f64::from(*y) - exact).abs() <= 1.2e-7, "the logistic of {x} is {exact}, got {y}");
        }
    }

    #[test]
    fn what_is_not_finite_has_its_limit() {
        let mut numbers = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0, 88.8, -103.0];
        exp(&mut numbers);
        assert_eq!(numbers[..2], [f32::INFINITY, 0.0]);
        assert!(numbers[2].is_nan());
        assert_eq!(numbers[3..6], [1.0, 1.0, f32::INFINITY]);
        assert!(numbers[6] > 0.0 && numbers[6] < f32::MIN_POSITIVE);
        let mut numbers = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0];
        logistic(&mut numbers);
        assert_eq!(numbers[..2], [1.0, 0.0]);
        assert!(numbers[2].is_nan() && numbers[3] == 0.5);
    }
}
