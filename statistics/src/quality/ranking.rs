//! The area under the curve of receiver operating characteristics.

/// The probability that a positive has a higher score than a negative, a tie being half (the statistic of Mann and
/// Whitney; J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a ROC curve", 1982). `None` without
/// a positive or a negative.
pub(super) fn roc_auc(scored: impl Iterator<Item = (f64, bool)>) -> Option<f64> {
    let mut scored = scored.collect::<Vec<_>>();
    scored.sort_by(|one, other| one.0.total_cmp(&other.0));
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut below, mut ordered) = (0.0, 0.0);
    for tied in scored.chunk_by(|one, other| one.0 == other.0) {
        let high = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let low = tied.len() as f64 - high;
        ordered += high * (below + low / 2.0);
        below += low;
    }
    Some(ordered / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_counts_half() {
        let check = |scored: &[(f64, bool)], expect| assert_eq!(roc_auc(scored.iter().copied()), expect);
        check(&[(0.1, false), (0.9, true)], Some(1.0));
        check(&[(0.9, false), (0.1, true)], Some(0.0));
        check(&[(0.5, false), (0.5, true)], Some(0.5));
        check(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)], Some(0.75));
        check(&[(0.1, true)], None);
    }
}
