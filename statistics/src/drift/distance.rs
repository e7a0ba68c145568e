//! Distances between two distributions over the same bins, given as counts.

/// A share of a bin is taken as at least this: a bin that one of the two never had would make a distance infinite.
const LEAST_SHARE: f64 = 1e-4;

/// The population stability index: the symmetric relative entropy in nats, sum of (p - q) ln(p / q) (S. Kullback and
/// R. A. Leibler, "On information and sufficiency", 1951; as an index: N. Siddiqi, "Credit Risk Scorecards", 2006, who
/// calls 0.1 a slight and 0.25 a large shift). `None` where either has no count.
pub fn population_stability(one: &[u64], other: &[u64]) -> Option<f64> {
    let pairs = shares(one)?.zip(shares(other)?).filter(|(p, q)| *p > 0.0 || *q > 0.0);
    Some(
        pairs
            .map(|(p, q)| {
                let (p, q) = (p.max(LEAST_SHARE), q.max(LEAST_SHARE));
                (p - q) * (p / q).ln()
            })
            .sum(),
    )
}

/// The distance of Jensen and Shannon to base 2: the root of the mean relative entropy of both to their mean, from 0 to 1
/// (J. Lin, "Divergence measures based on the Shannon entropy", 1991). `None` where either has no count.
pub fn jensen_shannon(one: &[u64], other: &[u64]) -> Option<f64> {
    let entropy = |p: f64, mean: f64| if p > 0.0 { p * (p / mean).log2() } else { 0.0 };
    let sum = shares(one)?.zip(shares(other)?).map(|(p, q)| {
        let mean = f64::midpoint(p, q);
        entropy(p, mean) + entropy(q, mean)
    });
    Some((sum.sum::<f64>() / 2.0).max(0.0).sqrt())
}

fn shares(counts: &[u64]) -> Option<impl Iterator<Item = f64>> {
    let sum = counts.iter().sum::<u64>();
    (sum > 0).then(|| counts.iter().map(move |count| *count as f64 / sum as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_at_no_distance_and_disjoint_ones_at_the_largest() {
        assert_eq!(population_stability(&[1, 2, 0], &[10, 20, 0]), Some(0.0));
        assert_eq!(jensen_shannon(&[1, 2, 0], &[10, 20, 0]), Some(0.0));
        assert_eq!(jensen_shannon(&[3, 0], &[0, 5]), Some(1.0));
        assert!(
            population_stability(&[3, 0], &[0, 5]).is_some_and(|index| index > 10.0 && index.is_finite())
        );
        assert_eq!(population_stability(&[0, 0], &[1, 2]), None);
    }
}
