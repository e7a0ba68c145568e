//! The two-sample test of Kolmogorov and Smirnov.

use super::Test;

/// A p-value below this is told as 0.
const BEYOND_TELLING: f64 = 1e-12;

/// Whether two samples, each sorted and without NaN, may come from one distribution: the largest distance between their
/// distribution functions, and the exact two-sided probability of one as large. `None` where a sample is empty.
///
/// The probability is that a random lattice path from (0, 0) to (m, n) leaves the band of that distance around the
/// diagonal (J. L. Hodges, "The significance probability of the Smirnov two-sample test", Arkiv för Matematik 3, 1958),
/// counted column by column, each scaled by its binomial coefficient. Where the bound of Dvoretzky, Kiefer and Wolfowitz
/// says that it is nearly 0, no path is counted.
pub fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> Option<Test> {
    let (m, n) = (one.len(), other.len());
    if m == 0 || n == 0 {
        return None;
    }
    let distance = largest_distance(one, other);
    let statistic = distance as f64 / (m as f64 * n as f64);
    let effective = m as f64 * n as f64 / (m + n) as f64;
    let p_value = if distance == 0 {
        1.0
    } else if 2.0 * (-2.0 * effective * statistic * statistic).exp() < BEYOND_TELLING {
        0.0
    } else {
        leaves_the_band(m.max(n), m.min(n), distance)
    };
    Some(Test { name: "kolmogorov-smirnov", statistic, p_value })
}

/// The largest distance between the two distribution functions, times the product of the sample sizes.
fn largest_distance(one: &[f64], other: &[f64]) -> u64 {
    let (m, n) = (one.len(), other.len());
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while i < m && j < n {
        let value = one[i].min(other[j]);
        while i < m && one[i] <= value {
            i += 1;
        }
        while j < n && other[j] <= value {
            j += 1;
        }
        largest = largest.max((i as u64 * n as u64).abs_diff(j as u64 * m as u64));
    }
    largest
}

/// The part of all lattice paths that is not within |x/m - y/n| < distance/(m n). `m` is not less than `n`.
fn leaves_the_band(m: usize, n: usize, distance: u64) -> f64 {
    let (m, n, distance) = (m as i64, n as i64, distance as i64);
    // Of column i: the rows of the band, the first and the one behind the last.
    let rows = |i: i64| {
        let first = ((n * i - distance).div_euclid(m) + 1).clamp(0, n);
        let end = (-(-(n * i + distance)).div_euclid(m)).min(n + 1);
        (first, end)
    };
    let (mut first, mut end) = rows(0);
    // The part of the paths to a point that left the band on the way.
    let mut left = vec![0.0; (n + 1) as usize];
    left[end as usize..].fill(1.0);
    for i in 1..=m {
        let before = (first, end);
        (first, end) = rows(i);
        if end <= first {
            return 1.0;
        }
        left[before.0 as usize..first as usize].fill(1.0);
        let mut below = if first == 0 { 0.0 } else { 1.0 };
        for j in first..end {
            let beside = left[j as usize];
            // Of the paths to (i, j), j in i + j come from below.
            below = (beside * i as f64 + below * j as f64) / (i + j) as f64;
            left[j as usize] = below;
        }
    }
    left[n as usize].clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &[f64], other: &[f64], statistic: f64, p_value: f64) {
        for (one, other) in [(one, other), (other, one)] {
            let test = kolmogorov_smirnov(one, other).unwrap();
            assert!((test.statistic - statistic).abs() < 1e-12, "{test:?}");
            assert!((test.p_value - p_value).abs() < 1e-12, "{test:?}");
        }
    }

    #[test]
    fn small_samples_are_counted_by_hand() {
        // Of the six orders of two and two values, two put both of one sample first.
        check(&[1.0, 2.0], &[3.0, 4.0], 1.0, 2.0 / 6.0);
        check(&[1.0, 3.0], &[2.0, 4.0], 0.5, 1.0);
        // Of the ten orders of two and three.
        check(&[1.0, 2.0], &[3.0, 4.0, 5.0], 1.0, 2.0 / 10.0);
        check(&[1.0, 1.0], &[1.0, 1.0, 1.0], 0.0, 1.0);
    }

    #[test]
    fn an_empty_sample_tells_nothing() {
        assert!(kolmogorov_smirnov(&[], &[1.0]).is_none() && kolmogorov_smirnov(&[1.0], &[]).is_none());
    }

    #[test]
    fn what_cannot_be_told_from_zero_is_zero() {
        let (low, high) = (vec![0.0; 500], vec![1.0; 400]);
        check(&low, &high, 1.0, 0.0);
    }
}
