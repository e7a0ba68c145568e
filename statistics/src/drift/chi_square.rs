//! The test of Pearson, for categories.

use statrs::function::gamma::checked_gamma_ur;

use super::Test;

/// Whether two samples, counted by the same categories, may come from one distribution: Pearson's statistic of the table
/// of both, without a correction for continuity (K. Pearson, Philosophical Magazine 50, 1900). Categories that came in
/// neither are left out. `None` where a sample is empty or fewer than two categories came.
pub fn chi_square(one: &[u64], other: &[u64]) -> Option<Test> {
    let (m, n) = (one.iter().sum::<u64>() as f64, other.iter().sum::<u64>() as f64);
    let cells = one.iter().zip(other).filter(|(one, other)| **one + **other > 0);
    let degrees = cells.clone().count().checked_sub(1).filter(|degrees| *degrees > 0)?;
    if m == 0.0 || n == 0.0 {
        return None;
    }
    let statistic = cells
        .map(|(one, other)| {
            let (one, other) = (*one as f64, *other as f64);
            let of_one = (one + other) * m / (m + n);
            let of_other = (one + other) * n / (m + n);
            (one - of_one).powi(2) / of_one + (other - of_other).powi(2) / of_other
        })
        .sum::<f64>();
    // The survival function of the distribution (Abramowitz and Stegun, 26.4.19).
    let p_value =
        if statistic > 0.0 { checked_gamma_ur(degrees as f64 / 2.0, statistic / 2.0).ok()? } else { 1.0 };
    Some(Test { name: "chi-square", statistic, p_value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_a_textbook() {
        // With one degree of freedom, p is erfc(sqrt(statistic / 2)).
        let test = chi_square(&[10, 20, 0], &[20, 10, 0]).unwrap();
        assert!((test.statistic - 20.0 / 3.0).abs() < 1e-12, "{test:?}");
        assert!((test.p_value - 0.009_823_274_507_519_235).abs() < 1e-12, "{test:?}");
    }

    #[test]
    fn one_category_tells_nothing() {
        assert!(chi_square(&[5, 0], &[7, 0]).is_none() && chi_square(&[5, 1], &[0, 0]).is_none());
        assert_eq!(chi_square(&[4, 2], &[2, 1]).unwrap().p_value, 1.0);
    }
}
