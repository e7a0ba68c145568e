//! A candidate before it answers anybody: its golden cases, and its predictions in the shadow of the stable version.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::evidence::{Evidence, Verdict, apart};
use super::{Candidate, Stage};
use crate::golden::{self, Subject, Tolerance};
use crate::serving::{Deployment, Sample};
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
    evidence: Mutex<Evidence>,
}

impl Trial {
    pub(super) fn new(candidate: Candidate, deployment: Arc<Deployment>) -> Trial {
        Trial { candidate, deployment, evidence: Mutex::default() }
    }

    /// Whether inputs and outputs of the stable version are wanted.
    pub(super) fn copies(&self) -> bool {
        self.candidate.stage == Stage::Shadow
    }

    /// Takes in a prediction that was made; in the shadow, makes it again.
    pub(super) fn see(&self, sample: Sample) {
        let own = sample.version == self.candidate.version;
        if own {
            return self.evidence().candidate(sample.took, sample.failed);
        }
        self.evidence().stable(sample.took);
        let Some(made) = sample.made.filter(|_| self.copies()) else { return };
        let (start, mut stations) = (Instant::now(), Stations::default());
        let outputs = self.deployment.compute(made.inputs, made.requested.as_deref(), &mut stations);
        let took = sample.took.map(|_| start.elapsed());
        let mut evidence = self.evidence();
        evidence.candidate(took, outputs.is_err());
        if let Ok(outputs) = outputs {
            evidence.compared(apart(&made.outputs, &outputs));
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
        self.evidence().summary()
    }

    fn evidence(&self) -> std::sync::MutexGuard<'_, Evidence> {
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
