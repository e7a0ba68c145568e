//! Which versions of a model answer, and how that may change. Pure: no store, no clock.
//!
//! A [`Release`] is one revision of it; each change makes the next. A version that is deployed becomes the candidate, and
//! goes from stage to stage ([`Stage`]) until it is promoted to be the stable one, or rejected.

use serde::{Deserialize, Serialize};

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

/// What a candidate has to pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Requests that it predicts in the shadow of the stable version; 0 leaves the stage out.
    pub shadow_requests: u64,
    /// The part of requests that it answers as a canary, 0 to 1.
    pub canary_weight: f64,
    /// A header that says whether the candidate answers: `always` or `never`.
    pub canary_header: Option<String>,
    /// Requests that it answers as a canary before it is promoted.
    pub canary_requests: u64,
    /// Whether it is promoted when it has passed. Else it stays a canary until somebody does that.
    pub automatic: bool,
    /// What it may not exceed.
    pub thresholds: Thresholds,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            shadow_requests: 0,
            canary_weight: 0.0,
            canary_header: None,
            canary_requests: 0,
            automatic: true,
            thresholds: Thresholds::default(),
        }
    }
}

/// What a candidate may not exceed; what is not given is not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The part of its requests that failed.
    pub error_rate: Option<f64>,
    /// The 99th percentile of its predictions' time, over that of the stable version.
    pub p99_ratio: Option<f64>,
    /// The part of its predictions with another label, or another value that is no float, than the stable version's.
    pub disagreement: Option<f64>,
    /// The largest difference of a float from the stable version's.
    pub difference: Option<f64>,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds { error_rate: Some(0.01), p99_ratio: None, disagreement: None, difference: None }
    }
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

impl Plan {
    /// Says what is wrong with it.
    ///
    /// # Errors
    /// [`Refused::Plan`].
    pub fn check(&self) -> Result<(), Refused> {
        let part = |field, value: f64| {
            let refused = || Refused::Plan { field, expected: "0 to 1", got: value.to_string() };
            (0.0..=1.0).contains(&value).then_some(()).ok_or_else(refused)
        };
        let positive = |field, value: f64| {
            let refused = || Refused::Plan { field, expected: "a number above 0", got: value.to_string() };
            (value > 0.0).then_some(()).ok_or_else(refused)
        };
        part("canary_weight", self.canary_weight)?;
        self.thresholds.error_rate.map_or(Ok(()), |value| part("thresholds.error_rate", value))?;
        self.thresholds.disagreement.map_or(Ok(()), |value| part("thresholds.disagreement", value))?;
        self.thresholds.p99_ratio.map_or(Ok(()), |value| positive("thresholds.p99_ratio", value))?;
        self.thresholds.difference.map_or(Ok(()), |value| positive("thresholds.difference", value))?;
        let compares = self.thresholds.disagreement.is_some() || self.thresholds.difference.is_some();
        if compares && self.shadow_requests == 0 {
            let expected = "some, as it is in the shadow that versions are compared";
            return Err(Refused::Plan { field: "shadow_requests", expected, got: "0".into() });
        }
        if self.canary_requests > 0 && self.canary_weight == 0.0 {
            let expected = "a weight, as canary_requests are waited for";
            return Err(Refused::Plan { field: "canary_weight", expected, got: "0".into() });
        }
        Ok(())
    }

    /// The stage after `stage`; none when all are passed.
    fn after(&self, stage: Stage) -> Option<Stage> {
        let shadow = self.shadow_requests > 0;
        let canary = self.canary_weight > 0.0 || self.canary_header.is_some() || !self.automatic;
        match stage {
            Stage::Verify if shadow => Some(Stage::Shadow),
            Stage::Verify | Stage::Shadow if canary => Some(Stage::Canary),
            _ => None,
        }
    }
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

    #[test]
    fn a_plan_that_makes_no_sense_is_refused_by_its_field() {
        let refused = |plan: Plan| plan.check().unwrap_err().to_string();
        let thresholds = Thresholds { disagreement: Some(0.1), ..Thresholds::default() };
        let plan = Plan { thresholds, ..Plan::default() };
        assert!(refused(plan).starts_with("shadow_requests: expected some"));
        let plan = Plan { canary_weight: 1.5, ..Plan::default() };
        assert_eq!(refused(plan), "canary_weight: expected 0 to 1, got 1.5");
        let plan = Plan { canary_requests: 5, ..Plan::default() };
        assert!(refused(plan).starts_with("canary_weight: expected a weight"));
        let thresholds = Thresholds { p99_ratio: Some(0.0), ..Thresholds::default() };
        let plan = Plan { thresholds, ..Plan::default() };
        assert_eq!(refused(plan), "thresholds.p99_ratio: expected a number above 0, got 0");
    }
}
