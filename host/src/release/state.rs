//! Which versions of a model answer, and how that may change. Pure: no store, no clock.
//!
//! A [`Release`] is one revision of it; each change makes the next. A version that is deployed becomes the candidate, and
//! goes from stage to stage ([`Stage`]) until it is promoted to be the stable one, or rejected.

use serde::{Deserialize, Serialize};

use super::Plan;

/// One revision: what is wanted, and the change that made it so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Counted from 1; 0 is before the first.
    pub revision: u64,
    /// When it was made (RFC 3339).
    pub at: String,
    /// By whom: a person, a caller of the API, or a host by itself.
    pub by: String,
    /// What was done.
    pub action: Action,
    /// Why, where a host did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    /// The one before it, which stays loaded: to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The version that may become the stable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// The last candidate that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
}

/// What a change did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing was done yet.
    #[default]
    None,
    /// A version became the candidate.
    Deploy,
    /// The candidate came to its next stage.
    Advance,
    /// The candidate became the stable version.
    Promote,
    /// The stable version gave way to the one before it, or the candidate was given up.
    Rollback,
    /// The candidate was found wanting.
    Reject,
}

/// A version on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The version.
    pub version: String,
    /// How far it is.
    pub stage: Stage,
    /// What it has to pass.
    pub plan: Plan,
}

/// How far a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Loaded beside the stable version, warmed, and held against its golden cases. Answers nobody.
    Verify,
    /// Predicts a copy of the stable version's requests; what it says is compared. Answers nobody.
    Shadow,
    /// Answers a part of the requests.
    Canary,
}

/// A candidate that did not make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The version.
    pub version: String,
    /// The stage at which it failed.
    pub stage: Stage,
    /// Why.
    pub reason: String,
}

/// Why a change is refused. The text is for whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The stable version cannot be a candidate.
    #[error("{0} answers already")]
    Stable(String),
    /// There is nothing to promote.
    #[error("there is no candidate; deploy a version first")]
    NoCandidate,
    /// A candidate that has not been held against its golden cases.
    #[error("{0} is still being verified")]
    NotVerified(String),
    /// There is nothing to go back to.
    #[error("there is no version before this one")]
    NoPrevious,
    /// The plan makes no sense.
    #[error("{field}: expected {expected}, got {got}")]
    Plan {
        /// The field of the plan.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// The candidate is not the one that was looked at any more.
    #[error("the candidate has changed meanwhile")]
    Changed,
}

impl Release {
    /// The next revision, without what makes each change its own.
    fn next(&self, action: Action) -> Release {
        Release {
            revision: self.revision + 1,
            action,
            reason: None,
            at: String::new(),
            by: String::new(),
            ..self.clone()
        }
    }

    /// `version` becomes the candidate, in place of what may be one.
    ///
    /// # Errors
    /// [`Refused::Stable`], [`Refused::Plan`].
    pub fn deploy(&self, version: &str, plan: Plan) -> Result<Release, Refused> {
        plan.check()?;
        if self.stable.as_deref() == Some(version) {
            return Err(Refused::Stable(version.into()));
        }
        let candidate = Some(Candidate { version: version.into(), stage: Stage::Verify, plan });
        Ok(Release { candidate, ..self.next(Action::Deploy) })
    }

    /// The candidate has passed its stage: it comes to the next, or is promoted.
    ///
    /// # Errors
    /// [`Refused::Changed`] where it is another by now.
    pub fn passed(&self, version: &str, stage: Stage) -> Result<Release, Refused> {
        let candidate = self.candidate_at(version, stage)?;
        // Where nothing answers there is nothing to be compared with, and nothing to spare.
        match candidate.plan.after(stage).filter(|_| self.stable.is_some()) {
            Some(stage) => {
                let candidate = Some(Candidate { stage, ..candidate.clone() });
                Ok(Release { candidate, ..self.next(Action::Advance) })
            }
            None => Ok(self.promoted(version)),
        }
    }

    /// The candidate has failed at its stage.
    ///
    /// # Errors
    /// [`Refused::Changed`] where it is another by now.
    pub fn reject(&self, version: &str, stage: Stage, reason: String) -> Result<Release, Refused> {
        self.candidate_at(version, stage)?;
        let rejected = Some(Rejected { version: version.into(), stage, reason: reason.clone() });
        Ok(Release { candidate: None, rejected, reason: Some(reason), ..self.next(Action::Reject) })
    }

    /// The candidate becomes the stable version now.
    ///
    /// # Errors
    /// [`Refused::NoCandidate`]; [`Refused::NotVerified`], for nobody's word replaces that.
    pub fn promote(&self) -> Result<Release, Refused> {
        let candidate = self.candidate.as_ref().ok_or(Refused::NoCandidate)?;
        if candidate.stage == Stage::Verify {
            return Err(Refused::NotVerified(candidate.version.clone()));
        }
        Ok(self.promoted(&candidate.version))
    }

    /// Gives up the candidate; without one, goes back to the version before.
    ///
    /// # Errors
    /// [`Refused::NoPrevious`].
    pub fn rollback(&self) -> Result<Release, Refused> {
        if let Some(candidate) = &self.candidate {
            let (version, stage) = (candidate.version.clone(), candidate.stage);
            let rejected = Some(Rejected { version, stage, reason: "it was rolled back".into() });
            return Ok(Release { candidate: None, rejected, ..self.next(Action::Rollback) });
        }
        let previous = self.previous.clone().ok_or(Refused::NoPrevious)?;
        Ok(Release { stable: Some(previous), previous: self.stable.clone(), ..self.next(Action::Rollback) })
    }

    fn promoted(&self, version: &str) -> Release {
        Release {
            stable: Some(version.into()),
            previous: self.stable.clone(),
            candidate: None,
            ..self.next(Action::Promote)
        }
    }

    fn candidate_at(&self, version: &str, stage: Stage) -> Result<&Candidate, Refused> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.version == version);
        candidate.filter(|candidate| candidate.stage == stage).ok_or(Refused::Changed)
    }

    /// The versions that a host should have loaded.
    pub fn versions(&self) -> Vec<&str> {
        let candidate = self.candidate.as_ref().map(|candidate| &candidate.version);
        self.stable.iter().chain(candidate).chain(&self.previous).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(version: &str) -> Release {
        Release { revision: 1, stable: Some(version.into()), ..Release::default() }
    }

    #[test]
    fn a_candidate_goes_from_stage_to_stage_and_becomes_the_stable_version() {
        let plan = Plan { shadow_requests: 10, canary_weight: 0.1, canary_requests: 5, ..Plan::default() };
        let release = serving("1").deploy("2", plan).unwrap();
        assert_eq!((release.revision, release.stable.as_deref()), (2, Some("1")));
        let release = release.passed("2", Stage::Verify).unwrap();
        assert_eq!(release.candidate.as_ref().unwrap().stage, Stage::Shadow);
        let release = release.passed("2", Stage::Shadow).unwrap();
        assert_eq!(release.candidate.as_ref().unwrap().stage, Stage::Canary);
        let release = release.passed("2", Stage::Canary).unwrap();
        assert_eq!((release.stable.as_deref(), release.previous.as_deref()), (Some("2"), Some("1")));
        assert_eq!((release.candidate, release.action, release.revision), (None, Action::Promote, 5));
    }

    #[test]
    fn the_first_version_of_a_model_has_only_to_be_verified() {
        let plan = Plan { shadow_requests: 10, canary_weight: 0.1, ..Plan::default() };
        let release = Release::default().deploy("1", plan).unwrap();
        let release = release.passed("1", Stage::Verify).unwrap();
        assert_eq!((release.stable.as_deref(), release.candidate), (Some("1"), None));
    }

    #[test]
    fn without_a_plan_a_verified_version_is_promoted_at_once_and_without_leave_it_waits() {
        let release = serving("1").deploy("2", Plan::default()).unwrap();
        assert_eq!(release.passed("2", Stage::Verify).unwrap().stable.as_deref(), Some("2"));
        let waiting = Plan { automatic: false, ..Plan::default() };
        let release = serving("1").deploy("2", waiting).unwrap();
        assert_eq!(release.promote(), Err(Refused::NotVerified("2".into())));
        let release = release.passed("2", Stage::Verify).unwrap();
        assert_eq!(release.stable.as_deref(), Some("1"));
        assert_eq!(release.promote().unwrap().stable.as_deref(), Some("2"));
    }

    #[test]
    fn a_rollback_gives_up_the_candidate_first_and_then_the_stable_version() {
        let release = serving("1").deploy("2", Plan::default()).unwrap();
        let back = release.rollback().unwrap();
        assert_eq!((back.candidate.as_ref(), back.stable.as_deref()), (None, Some("1")));
        assert_eq!(back.rollback(), Err(Refused::NoPrevious));
        let release = release.passed("2", Stage::Verify).unwrap();
        let back = release.rollback().unwrap();
        assert_eq!((back.stable.as_deref(), back.previous.as_deref()), (Some("1"), Some("2")));
    }

    #[test]
    fn what_was_seen_of_another_candidate_changes_nothing() {
        let release = serving("1").deploy("2", Plan::default()).unwrap();
        assert_eq!(release.passed("3", Stage::Verify), Err(Refused::Changed));
        assert_eq!(release.reject("2", Stage::Canary, String::new()), Err(Refused::Changed));
        let rejected = release.reject("2", Stage::Verify, "case 3".into()).unwrap();
        assert_eq!((rejected.candidate, rejected.rejected.unwrap().reason), (None, "case 3".to_owned()));
        assert_eq!(serving("1").deploy("1", Plan::default()), Err(Refused::Stable("1".into())));
    }
}
