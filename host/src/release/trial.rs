//! A candidate before it answers anybody: its golden cases, and its predictions in the shadow of the stable version.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use edgewit_core::Tensor;
use edgewit_statistics::drift::Value;

use super::evidence::{Evidence, Verdict, apart};
use super::{Candidate, Stage};
use crate::golden::{self, Subject, Tolerance};
use crate::records::scores;
use crate::serving::{Deployment, Made, Sample};
use crate::telemetry::Stations;

/// Names of failed cases that a reason has; more say no more.
const NAMED: usize = 3;

/// Holds a deployment against the golden cases in `folder`. A model without any has nothing to be held against.
pub(super) fn verify(deployment: &Deployment, folder: &Path) -> Result<usize, String> {
    let mut instance = deployment.sandbox().map_err(|error| error.to_string())?;
    let rows = deployment.row_schema().map_err(|error| error.to_string());
    let mut subject = Subject { instance: &mut instance, metadata: &deployment.metadata, rows };
    let verdicts = golden::run(folder, &mut subject, Tolerance::default())?;
    let failed = verdicts.iter().filter_map(|(name, verdict)| Some((name, verdict.as_ref().err()?)));
    let failed = failed.collect::<Vec<_>>();
    if failed.is_empty() {
        return Ok(verdicts.len());
    }
    let short = |name: &str| name.strip_prefix(&format!("{}/", folder.display())).unwrap_or(name).to_owned();
    let named = failed.iter().take(NAMED).map(|(name, reason)| format!("{}: {reason}", short(name)));
    let named = named.collect::<Vec<_>>().join("; ");
    Err(format!("{} of {} golden cases failed: {named}", failed.len(), verdicts.len()))
}

/// What a candidate has shown so far, at the stage where it is.
pub(super) struct Trial {
    pub(super) candidate: Candidate,
    deployment: Arc<Deployment>,
    /// The version that answers meanwhile.
    stable: Arc<Deployment>,
    evidence: Mutex<Evidence>,
}

impl Trial {
    pub(super) fn new(candidate: Candidate, deployment: Arc<Deployment>, stable: Arc<Deployment>) -> Trial {
        Trial { candidate, deployment, stable, evidence: Mutex::default() }
    }

    /// Whether the candidate only predicts what the stable version has answered.
    pub(super) fn is_shadow(&self) -> bool {
        self.candidate.stage == Stage::Shadow
    }

    /// Whether inputs and outputs are wanted.
    pub(super) fn copies(&self) -> bool {
        self.is_shadow() || self.watches_scores()
    }

    fn watches_scores(&self) -> bool {
        self.candidate.plan.thresholds.drift.is_some()
    }

    /// Takes in a prediction that was made; in the shadow, makes it again.
    pub(super) fn see(&self, sample: Sample) {
        if self.is_shadow() {
            return self.compare(sample);
        }
        let own = sample.version == self.candidate.version;
        let of = if own { &self.deployment } else { &self.stable };
        let scores = sample.made.map(|made| self.scores(of, made.rows(), &made.outputs)).unwrap_or_default();
        let mut evidence = self.evidence();
        if own {
            evidence.candidate(sample.took, sample.failed);
            evidence.scores.candidate.add(scores);
        } else {
            evidence.stable(sample.took);
            evidence.scores.stable.add(scores);
        }
    }

    /// Lets the candidate predict what the stable version has.
    fn compare(&self, sample: Sample) {
        let Some(made) = sample.made else { return };
        let rows = made.rows();
        let Made { inputs, requested, outputs } = made;
        let predict = |deployment: &Deployment| {
            let mut stations = Stations::default();
            let predicted = deployment.compute(&inputs, requested.as_deref(), &mut stations);
            (predicted, stations.took())
        };
        // The candidate predicts alone. What the stable version took for a batch says nothing beside that.
        let alone = sample.shared && self.candidate.plan.thresholds.p99_ratio.is_some();
        let stable_took = if alone { predict(&self.stable).1 } else { sample.took };
        let (predicted, took) = predict(&self.deployment);
        let mut evidence = self.evidence();
        evidence.stable(stable_took);
        evidence.candidate(took, predicted.is_err());
        if let Ok(predicted) = predicted {
            evidence.compared(apart(&outputs, &predicted));
            evidence.scores.stable.add(self.scores(&self.stable, rows, &outputs));
            evidence.scores.candidate.add(self.scores(&self.deployment, rows, &predicted));
        }
    }

    /// The scores of an answer, where their drift is looked at.
    fn scores(&self, of: &Deployment, rows: usize, outputs: &[Tensor]) -> Vec<Value<'static>> {
        match of.row_schema() {
            Ok(schema) if self.watches_scores() => scores(schema, outputs, rows),
            Err(_) if self.watches_scores() => vec![Value::Missing; rows],
            _ => vec![],
        }
    }

    /// What follows from what was seen.
    pub(super) fn verdict(&self) -> Verdict {
        let verdict = self.evidence().verdict(self.candidate.stage, &self.candidate.plan);
        let waits = self.candidate.stage == Stage::Canary
            && !(self.candidate.plan.automatic && self.candidate.plan.canary_requests > 0);
        // Nobody said how much is enough: a person does.
        if waits && verdict == Verdict::Passed { Verdict::Wait } else { verdict }
    }

    /// In a few words.
    pub(super) fn summary(&self) -> String {
        self.evidence().summary(&self.candidate.plan.thresholds)
    }

    fn evidence(&self) -> std::sync::MutexGuard<'_, Evidence> {
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
