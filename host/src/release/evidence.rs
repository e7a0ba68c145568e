//! What was seen of a candidate beside the stable version, and what follows from it.

use std::collections::VecDeque;
use std::time::Duration;

use edgewit_core::{Data, Datatype, Tensor};

use super::scores::{Found, Scores, describe};
use super::{Plan, Stage, Thresholds};

/// Durations that are kept of each version; the oldest go first.
const KEPT: usize = 2000;
/// Durations of each version below which a 99th percentile says nothing.
const ENOUGH: usize = 100;

/// What was seen at one stage.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    stable: Durations,
    candidate: Durations,
    /// Predictions of the candidate.
    predicted: u64,
    failed: u64,
    compared: u64,
    disagreed: u64,
    /// The largest difference of a float.
    difference: f64,
    /// What both said, where its drift is looked at.
    pub(super) scores: Scores,
}

#[derive(Debug, Default)]
struct Durations(VecDeque<Duration>);

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Wait,
    /// The stage is passed.
    Passed,
    /// The candidate is found wanting.
    Failed(String),
}

/// How far the outputs of two versions are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Apart {
    /// Whether what is no float is the same, and all has the same shape.
    pub(super) agree: bool,
    /// The largest difference of a float.
    pub(super) difference: f64,
}

impl Durations {
    fn add(&mut self, took: Option<Duration>) {
        let Some(took) = took else { return };
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(took);
    }

    /// The 99th percentile in seconds, where there is enough for one.
    fn p99(&self) -> Option<f64> {
        if self.0.len() < ENOUGH {
            return None;
        }
        let mut sorted = self.0.iter().collect::<Vec<_>>();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 99 / 100).map(|took| took.as_secs_f64())
    }
}

impl Evidence {
    /// The stable version predicted.
    pub(super) fn stable(&mut self, took: Option<Duration>) {
        self.stable.add(took);
    }

    /// The candidate predicted, or failed to.
    pub(super) fn candidate(&mut self, took: Option<Duration>, failed: bool) {
        self.predicted += 1;
        self.failed += u64::from(failed);
        if !failed {
            self.candidate.add(took);
        }
    }

    /// Both predicted the same.
    pub(super) fn compared(&mut self, apart: Apart) {
        self.compared += 1;
        self.disagreed += u64::from(!apart.agree);
        self.difference = self.difference.max(apart.difference);
    }

    /// What follows at `stage` of `plan`. A threshold that cannot be kept any more is not waited for.
    pub(super) fn verdict(&self, stage: Stage, plan: &Plan) -> Verdict {
        let wanted = match stage {
            Stage::Verify => 0,
            Stage::Shadow => plan.shadow_requests,
            Stage::Canary => plan.canary_requests,
        };
        let Thresholds { error_rate, p99_ratio, disagreement, difference, drift } = plan.thresholds;
        let seen = self.predicted.max(wanted).max(1) as f64;
        let over = |what: &str, most: Option<f64>, count: u64, of: u64| {
            let most = most.filter(|most| count as f64 / seen > *most)?;
            Some(format!("{what} {count} of {of}, where {:.4} of them were allowed", most))
        };
        let failed = over("failed", error_rate, self.failed, self.predicted)
            .or_else(|| {
                over("disagreed with the stable version on", disagreement, self.disagreed, self.compared)
            })
            .or_else(|| {
                difference.filter(|most| self.difference > *most).map(|most| {
                    format!(
                        "differed from the stable version by {:.6}, where {most} was allowed",
                        self.difference
                    )
                })
            });
        if let Some(reason) = failed {
            return Verdict::Failed(reason);
        }
        let drifted = drift.map_or(Verdict::Passed, |most| self.drifted(most));
        if matches!(drifted, Verdict::Failed(_)) {
            return drifted;
        }
        if self.predicted < wanted {
            return Verdict::Wait;
        }
        match p99_ratio.map_or(Verdict::Passed, |most| self.slower(most)) {
            Verdict::Passed => drifted,
            slower => slower,
        }
    }

    /// Whether the candidate took too long. Where there is too little to say, more will come.
    fn slower(&self, most: f64) -> Verdict {
        let (Some(stable), Some(candidate)) = (self.stable.p99(), self.candidate.p99()) else {
            return Verdict::Wait;
        };
        if candidate <= most * stable {
            return Verdict::Passed;
        }
        let ratio = candidate / stable;
        Verdict::Failed(format!(
            "took {ratio:.2} times as long as the stable version (99th percentile), where {most} times were allowed"
        ))
    }

    /// Whether the candidate's scores are distributed otherwise.
    fn drifted(&self, most: f64) -> Verdict {
        match self.scores.drift(most) {
            Found::TooFew => Verdict::Wait,
            Found::None => Verdict::Failed("answers without score or class, so no drift can be seen".into()),
            Found::Drift(drift) if drift.drifted => {
                Verdict::Failed(format!("{}, where {most} was allowed", describe(&drift)))
            }
            Found::Drift(_) => Verdict::Passed,
        }
    }

    /// In a few words, for whoever asks how far it is.
    pub(super) fn summary(&self, thresholds: &Thresholds) -> String {
        let mut text = format!("{} predicted, {} failed", self.predicted, self.failed);
        if self.compared > 0 {
            text += &format!(
                ", {} of {} disagreed, largest difference {:.6}",
                self.disagreed, self.compared, self.difference
            );
        }
        if let (Some(stable), Some(candidate)) = (self.stable.p99(), self.candidate.p99()) {
            text += &format!(", 99th percentile {:.2} times the stable version's", candidate / stable);
        }
        if let Some(most) = thresholds.drift {
            text += &format!(", {}", self.scores.summary(most));
        }
        text
    }
}

/// How far `candidate` is from `stable`.
pub(super) fn apart(stable: &[Tensor], candidate: &[Tensor]) -> Apart {
    let mut apart = Apart { agree: stable.len() == candidate.len(), difference: 0.0 };
    for (one, other) in stable.iter().zip(candidate) {
        if (one.datatype, &one.shape) != (other.datatype, &other.shape) {
            apart.agree = false;
        } else if one.datatype.is_float() {
            let differences = floats(one).into_iter().zip(floats(other)).map(|(one, other)| {
                // Not a number on both sides is the same.
                if one.is_nan() && other.is_nan() || one == other { 0.0 } else { (one - other).abs() }
            });
            // What is no difference, as from infinity to a number, is larger than any.
            let largest =
                differences.map(|by| if by.is_nan() { f64::INFINITY } else { by }).fold(0.0, f64::max);
            apart.difference = apart.difference.max(largest);
        } else if one.data != other.data {
            apart.agree = false;
        }
    }
    apart
}

fn floats(tensor: &Tensor) -> Vec<f64> {
    let Data::Raw(bytes) = &tensor.data else { return vec![] };
    match tensor.datatype {
        Datatype::Fp64 => bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
        Datatype::Fp32 => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect(),
        _ => bytes.as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use edgewit_statistics::drift::Value;

    use super::*;

    fn tensor(values: &[f32], label: i64) -> Vec<Tensor> {
        let raw = Data::Raw(values.iter().flat_map(|value| value.to_le_bytes()).collect());
        let label = Data::Raw(label.to_le_bytes().to_vec());
        vec![
            Tensor::new("p", Datatype::Fp32, vec![values.len() as u64], raw).unwrap(),
            Tensor::new("l", Datatype::Int64, vec![1], label).unwrap(),
        ]
    }

    #[test]
    fn labels_agree_or_not_and_floats_differ_by_so_much() {
        let of = |one: &[f32], label, other: &[f32], other_label| {
            apart(&tensor(one, label), &tensor(other, other_label))
        };
        assert_eq!(of(&[0.5, 1.0], 1, &[0.5, 0.75], 1), Apart { agree: true, difference: 0.25 });
        assert_eq!(of(&[0.5], 1, &[0.5], 2), Apart { agree: false, difference: 0.0 });
        assert!(!of(&[0.5], 1, &[0.5, 0.5], 1).agree);
        assert_eq!(of(&[f32::NAN, f32::INFINITY], 1, &[f32::NAN, f32::INFINITY], 1).difference, 0.0);
        assert_eq!(of(&[f32::NAN], 1, &[1.0], 1).difference, f64::INFINITY);
    }

    #[test]
    fn a_threshold_that_cannot_be_kept_any_more_is_not_waited_for() {
        let thresholds = Thresholds { disagreement: Some(0.1), ..Thresholds::default() };
        let plan = Plan { shadow_requests: 100, thresholds, ..Plan::default() };
        let mut evidence = Evidence::default();
        let mut see = |agree: bool| {
            evidence.candidate(None, false);
            evidence.compared(Apart { agree, difference: 0.0 });
            evidence.verdict(Stage::Shadow, &plan)
        };
        for _ in 0..10 {
            assert_eq!(see(false), Verdict::Wait);
        }
        assert!(matches!(see(false), Verdict::Failed(reason) if reason.contains("11 of 11")));
        let mut evidence = Evidence::default();
        for _ in 0..99 {
            evidence.candidate(None, false);
            assert_eq!(evidence.verdict(Stage::Shadow, &plan), Verdict::Wait);
        }
        evidence.candidate(None, false);
        assert_eq!(evidence.verdict(Stage::Shadow, &plan), Verdict::Passed);
    }

    #[test]
    fn a_version_whose_scores_drift_fails_before_its_stage_is_over() {
        let thresholds = Thresholds { drift: Some(0.25), ..Thresholds::default() };
        let plan = Plan { shadow_requests: 1000, thresholds, ..Plan::default() };
        let verdict = |shift: f64, rows: usize| {
            let mut evidence = Evidence::default();
            for row in 0..rows {
                let score = (row % 100) as f64;
                evidence.candidate(None, false);
                evidence.scores.stable.add(vec![Value::Number(score)]);
                evidence.scores.candidate.add(vec![Value::Number(score + shift)]);
            }
            evidence.verdict(Stage::Shadow, &plan)
        };
        assert_eq!([verdict(50.0, 499), verdict(0.0, 999)], [Verdict::Wait, Verdict::Wait]);
        let Verdict::Failed(reason) = verdict(50.0, 500) else { panic!("it goes on") };
        assert!(reason.starts_with("score drift") && reason.ends_with("where 0.25 was allowed"), "{reason}");
        assert_eq!(verdict(0.0, 1000), Verdict::Passed);
    }

    #[test]
    fn a_slower_version_fails_once_there_is_enough_to_say_so() {
        let thresholds = Thresholds { p99_ratio: Some(1.5), ..Thresholds::default() };
        let plan = Plan { shadow_requests: 10, thresholds, ..Plan::default() };
        let mut evidence = Evidence::default();
        for count in 1..=ENOUGH {
            evidence.stable(Some(Duration::from_millis(10)));
            evidence.candidate(Some(Duration::from_millis(20)), false);
            let verdict = evidence.verdict(Stage::Shadow, &plan);
            assert_eq!(matches!(verdict, Verdict::Failed(_)), count == ENOUGH, "{verdict:?}");
        }
        let relaxed =
            Plan { thresholds: Thresholds { p99_ratio: Some(3.0), ..Thresholds::default() }, ..plan };
        assert_eq!(evidence.verdict(Stage::Shadow, &relaxed), Verdict::Passed);
    }
}
