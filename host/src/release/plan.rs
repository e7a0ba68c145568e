//! What a candidate has to pass before it answers all requests.

use serde::{Deserialize, Serialize};

use super::{Refused, Stage};

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
    /// The population stability index of its scores against the stable version's.
    pub drift: Option<f64>,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            error_rate: Some(0.01),
            p99_ratio: None,
            disagreement: None,
            difference: None,
            drift: None,
        }
    }
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
        let Thresholds { error_rate, p99_ratio, disagreement, difference, drift } = self.thresholds;
        for (field, value) in
            [("thresholds.error_rate", error_rate), ("thresholds.disagreement", disagreement)]
        {
            value.map_or(Ok(()), |value| part(field, value))?;
        }
        let unbounded = [
            ("thresholds.p99_ratio", p99_ratio),
            ("thresholds.difference", difference),
            ("thresholds.drift", drift),
        ];
        for (field, value) in unbounded {
            value.map_or(Ok(()), |value| positive(field, value))?;
        }
        let compares = disagreement.is_some() || difference.is_some();
        if compares && self.shadow_requests == 0 {
            let expected = "some, as it is in the shadow that versions are compared";
            return Err(Refused::Plan { field: "shadow_requests", expected, got: "0".into() });
        }
        if drift.is_some() && self.after(Stage::Verify).is_none() {
            let expected = "some, or a canary, as it is of live requests that scores are compared";
            return Err(Refused::Plan { field: "shadow_requests", expected, got: "0".into() });
        }
        if self.canary_requests > 0 && self.canary_weight == 0.0 {
            let expected = "a weight, as canary_requests are waited for";
            return Err(Refused::Plan { field: "canary_weight", expected, got: "0".into() });
        }
        Ok(())
    }

    /// The stage after `stage`; none when all are passed.
    pub(super) fn after(&self, stage: Stage) -> Option<Stage> {
        let shadow = self.shadow_requests > 0;
        let canary = self.canary_weight > 0.0 || self.canary_header.is_some() || !self.automatic;
        match stage {
            Stage::Verify if shadow => Some(Stage::Shadow),
            Stage::Verify | Stage::Shadow if canary => Some(Stage::Canary),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let thresholds = Thresholds { drift: Some(0.1), ..Thresholds::default() };
        let plan = Plan { thresholds: thresholds.clone(), ..Plan::default() };
        assert!(refused(plan).starts_with("shadow_requests: expected some, or a canary"));
        assert_eq!(Plan { thresholds, canary_weight: 0.1, ..Plan::default() }.check(), Ok(()));
        let thresholds = Thresholds { p99_ratio: Some(0.0), ..Thresholds::default() };
        let plan = Plan { thresholds, ..Plan::default() };
        assert_eq!(refused(plan), "thresholds.p99_ratio: expected a number above 0, got 0");
    }
}
