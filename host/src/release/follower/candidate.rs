//! A candidate's way: verified in a thread of its own, watched, judged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::{Event, Followed, Follower, Verified};
use crate::release::evidence::Verdict;
use crate::release::history::{self, ReleaseError};
use crate::release::trial::{self, Trial};
use crate::release::{Refused, Release, Stage};
use crate::serving::Watch;

/// Samples that may wait to be looked at; what comes then is not looked at.
const WAITING: usize = 256;

impl Follower {
    /// Sees to it that what the candidate's stage takes is under way.
    pub(super) fn begin_candidate(&self, model: &str, followed: &mut Followed) {
        let candidate = followed.release.candidate.clone();
        let same = |trial: &Arc<Trial>| candidate.as_ref() == Some(&trial.candidate);
        if followed.trial.as_ref().is_some_and(|trial| !same(trial)) {
            followed.trial = None;
            followed.deployments.values().for_each(|deployment| deployment.watch(None));
        }
        let Some(candidate) = candidate else { return };
        let loaded = followed.deployments.get(&candidate.version).cloned();
        // One that is loaded, as it answered before, is verified like any other.
        let Some(deployment) = loaded.filter(|_| candidate.stage != Stage::Verify) else {
            if followed.verifying.as_ref() != Some(&candidate.version) {
                followed.verifying = Some(candidate.version.clone());
                self.begin_verifying(model, &candidate.version);
            }
            return;
        };
        let stable = followed.release.stable.as_ref().and_then(|stable| followed.deployments.get(stable));
        let (Some(stable), None) = (stable, &followed.trial) else { return };
        let trial = Arc::new(Trial::new(candidate, deployment.clone(), stable.clone()));
        let (to, samples) = sync_channel(WAITING);
        let watching = trial.clone();
        // It ends when nobody is watched any more.
        let started = thread::Builder::new().name("trial".into()).spawn(move || {
            samples.iter().for_each(|sample| watching.see(sample));
        });
        if let Err(error) = started {
            return tracing::error!(model, "the candidate cannot be watched: {error}");
        }
        let copies = trial.copies();
        stable.watch(Some(Watch { to: to.clone(), copies }));
        if !trial.is_shadow() {
            deployment.watch(Some(Watch { to, copies }));
        }
        followed.trial = Some(trial);
    }

    /// Loads a candidate and holds it against its golden cases, in a thread of its own.
    fn begin_verifying(&self, model: &str, version: &str) {
        let (loader, events) = (self.loader.clone(), self.events.clone());
        let (model, version) = (model.to_owned(), version.to_owned());
        let (named, of) = (version.clone(), model.clone());
        let started = thread::Builder::new().name("verify".into()).spawn(move || {
            let verified = || {
                let (publication, deployment) =
                    loader.load(&model, &version).map_err(|error| format!("cannot load: {error}"))?;
                let folder = loader.golden(&model, &version).map_err(|error| error.to_string())?;
                let cases = trial::verify(&deployment, &folder)?;
                tracing::info!(model, version, cases, "verified");
                Ok(Box::new((publication, deployment)))
            };
            let outcome = catch_unwind(AssertUnwindSafe(verified));
            let outcome = outcome.unwrap_or_else(|_| Err("verifying it panicked".into()));
            // Without a follower there is nobody to tell.
            let _ = events.send(Event::Verified { model, version, outcome });
        });
        if let Err(error) = started {
            let event = Event::Verified { model: of, version: named, outcome: Err(error.to_string()) };
            let _ = self.events.send(event);
        }
    }

    /// Takes in what became of verifying a candidate.
    pub(super) fn verified(&mut self, model: &str, version: &str, outcome: Result<Verified, String>) {
        let Some(followed) = self.models.get_mut(model) else { return };
        if followed.verifying.as_deref() == Some(version) {
            followed.verifying = None;
        }
        let candidate = followed.release.candidate.as_ref().filter(|candidate| candidate.version == version);
        let Some(stage) = candidate.map(|candidate| candidate.stage) else { return };
        let release = match outcome {
            Ok(verified) => {
                let (publication, deployment) = *verified;
                followed.insert(version, publication, deployment);
                if stage != Stage::Verify {
                    // Another host was faster; this one can join in now.
                    let mut followed = self.models.remove(model).unwrap_or_default();
                    self.serve(model, &mut followed);
                    self.models.insert(model.into(), followed);
                    return self.tell(model);
                }
                self.change(model, |release| release.passed(version, stage))
            }
            Err(reason) => {
                tracing::error!(model, version, "the candidate is rejected: {reason}");
                self.change(model, |release| release.reject(version, stage, reason.clone()))
            }
        };
        if release {
            self.look_at(model);
        }
    }

    /// Sends the candidate on, or back, if what was seen of it says so.
    pub(super) fn judge(&mut self, model: &str) {
        let Some(trial) = self.models.get(model).and_then(|followed| followed.trial.clone()) else { return };
        let (version, stage) = (trial.candidate.version.as_str(), trial.candidate.stage);
        let changed = match trial.verdict() {
            Verdict::Wait => false,
            Verdict::Passed => self.change(model, |release| release.passed(version, stage)),
            Verdict::Failed(reason) => {
                tracing::error!(model, version, "the candidate is rejected: {reason}");
                self.change(model, |release| release.reject(version, stage, reason.clone()))
            }
        };
        if changed {
            self.look_at(model);
        } else {
            self.tell(model);
        }
    }

    /// Changes a release by what this host has seen. That another was faster is as good.
    fn change(&self, model: &str, change: impl Fn(&Release) -> Result<Release, Refused>) -> bool {
        match history::change(&self.store, model, &self.config.name, change) {
            Ok(_) => true,
            Err(ReleaseError::Refused(_)) => true,
            Err(ReleaseError::Store(error)) => {
                tracing::warn!(model, "the release cannot be changed: {error}");
                false
            }
        }
    }
}
