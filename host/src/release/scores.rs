//! Whether the scores of a candidate are distributed as those of the stable version.

use std::collections::VecDeque;

use edgewit_statistics::drift::{Distribution, Drift, Kind, Limits, Value};

/// Scores that are kept of each version; the oldest go first.
const KEPT: usize = 2000;
/// Scores of each version below which their distributions say nothing: of ten bins with 50 each the index is about 0.04
/// by chance.
const ENOUGH: usize = 500;
/// The largest probability that it is chance.
const SIGNIFICANCE: f64 = 0.01;

/// What the versions said last, row by row.
#[derive(Debug, Default)]
pub(super) struct Scores {
    pub(super) stable: Kept,
    pub(super) candidate: Kept,
}

/// The last scores of one version.
#[derive(Debug, Default)]
pub(super) struct Kept(VecDeque<Value<'static>>);

/// What the scores say.
#[derive(Debug)]
pub(super) enum Found {
    /// There are too few.
    TooFew,
    /// No answer has one.
    None,
    /// So much.
    Drift(Box<Drift>),
}

impl Kept {
    pub(super) fn add(&mut self, scores: Vec<Value<'static>>) {
        self.0.extend(scores);
        self.0.drain(..self.0.len().saturating_sub(KEPT));
    }
}

impl Scores {
    /// How far the candidate's are from the stable version's: drifted where the index is `index` or more, and that is not
    /// chance.
    pub(super) fn drift(&self, index: f64) -> Found {
        let (stable, candidate) = (&self.stable.0, &self.candidate.0);
        if stable.len().min(candidate.len()) < ENOUGH {
            return Found::TooFew;
        }
        if stable.iter().chain(candidate).all(|score| *score == Value::Missing) {
            return Found::None;
        }
        let is_number = |score: &Value<'_>| matches!(score, Value::Number(_));
        let kind = if stable.iter().any(is_number) { Kind::Number } else { Kind::Category };
        let stable = Distribution::new("score", kind, stable.iter().cloned());
        let limits = Limits { rows: ENOUGH as u64, index, significance: SIGNIFICANCE };
        Found::Drift(Box::new(stable.drift(candidate.iter().cloned(), &limits)))
    }

    /// In a few words.
    pub(super) fn summary(&self, index: f64) -> String {
        match self.drift(index) {
            Found::TooFew => {
                let (stable, candidate) = (self.stable.0.len(), self.candidate.0.len());
                format!("{stable} and {candidate} scores, of {ENOUGH} each that drift takes")
            }
            Found::None => "no scores".into(),
            Found::Drift(drift) => describe(&drift),
        }
    }
}

/// The drift in words.
pub(super) fn describe(drift: &Drift) -> String {
    format!(
        "score drift {:.4} over {} and {} rows",
        drift.psi.unwrap_or_default(),
        drift.baseline_rows,
        drift.window_rows
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(stable: impl Fn(usize) -> f64, candidate: impl Fn(usize) -> f64, rows: usize) -> Scores {
        let mut scores = Scores::default();
        scores.stable.add((0..rows).map(|ix| Value::Number(stable(ix))).collect());
        scores.candidate.add((0..rows).map(|ix| Value::Number(candidate(ix))).collect());
        scores
    }

    /// Spread over 0 to 1, in another order for another step.
    fn spread(step: usize) -> impl Fn(usize) -> f64 {
        move |ix| (ix * step % 997) as f64 / 997.0
    }

    #[test]
    fn scores_that_are_distributed_otherwise_have_drifted_and_others_have_not() {
        let drifted = |scores: Scores| match scores.drift(0.1) {
            Found::Drift(drift) => drift.drifted,
            found => panic!("{found:?}"),
        };
        assert!(!drifted(scores(spread(7), spread(31), 600)));
        assert!(drifted(scores(spread(7), |ix| spread(31)(ix).powi(2), 600)));
        // The last are what counts.
        let mut back = scores(spread(7), |_| 0.0, 600);
        back.candidate.add((0..KEPT).map(|ix| Value::Number(spread(31)(ix))).collect());
        assert!(!drifted(back));
    }

    #[test]
    fn classes_count_where_there_is_no_score() {
        let classes = |every: usize| {
            let class =
                move |ix: usize| Value::Category(if ix.is_multiple_of(every) { "a" } else { "b" }.into());
            (0..600).map(class).collect::<Vec<_>>()
        };
        let mut scores = Scores::default();
        scores.stable.add(classes(2));
        scores.candidate.add(classes(10));
        assert!(matches!(scores.drift(0.25), Found::Drift(drift) if drift.drifted));
    }

    #[test]
    fn a_few_scores_and_none_are_told_apart() {
        assert!(matches!(scores(spread(7), spread(31), ENOUGH - 1).drift(0.1), Found::TooFew));
        let mut none = Scores::default();
        none.stable.add(vec![Value::Missing; ENOUGH]);
        none.candidate.add(vec![Value::Missing; ENOUGH]);
        assert!(matches!(none.drift(0.1), Found::None));
        assert_eq!(Scores::default().summary(0.1), "0 and 0 scores, of 500 each that drift takes");
    }
}
