//! Cases as rows: `{"tolerance": 1e-5, "cases": [{"row": {..}, "expect": {..}}]}`.
//!
//! `expect` holds any of the fields that a row's answer has. Each case is asked alone and, with
//! all the others of its file, in one batch: the two go through different plans.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Subject, Tolerance, Verdict, compare, entries};
use crate::serving::answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_tolerance")]
    tolerance: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: Map<String, Value>,
    expect: Value,
}

fn default_tolerance() -> f64 {
    1e-5
}

pub(super) fn run(
    folder: &Path,
    model: &mut Subject<'_>,
    tolerance: Tolerance,
) -> Result<Vec<Verdict>, String> {
    let mut verdicts = vec![];
    for path in entries(&folder.join("golden"), |name| name.ends_with(".json"))? {
        let fault = |error: String| format!("{}: {error}", path.display());
        let text = std::fs::read(&path).map_err(|error| fault(error.to_string()))?;
        let file: File = serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))?;
        let tolerance = tolerance.or(file.tolerance, 0.0);
        let together = answers(model, file.cases.iter().map(|case| case.row.clone()).collect());
        for (ix, case) in file.cases.into_iter().enumerate() {
            let name = format!("{} case {ix}", path.display());
            let verdict = answers(model, vec![case.row]).and_then(|alone| {
                compare::json(&alone[0], &case.expect, tolerance, "")?;
                let together = together.as_ref().map_err(|error| format!("in a batch: {error}"))?;
                compare::json(&together[ix], &case.expect, tolerance, "")
                    .map_err(|at| format!("in a batch: {at}"))
            });
            verdicts.push((name, verdict));
        }
    }
    Ok(verdicts)
}

/// The answers to a batch, as clients see them.
fn answers(model: &mut Subject<'_>, rows: Vec<Map<String, Value>>) -> Result<Vec<Value>, String> {
    let schema = model.rows.as_ref().map_err(Clone::clone)?;
    answer(model.instance, schema, rows).map_err(|error| error.to_string())
}
