//! docs/operators.md: every operator of ONNX, who runs it, and the node tests passed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use edgewit_operators::{Provider, provider};
use serde::Deserialize;

/// What materialise.py tells of the package.
#[derive(Deserialize)]
pub(crate) struct Listing {
    operators: Vec<Operator>,
    /// The operators that each case tests.
    pub(crate) cases: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Operator {
    domain: String,
    name: String,
    versions: Vec<i64>,
}

impl Listing {
    pub(crate) fn read(path: &Path) -> Result<Listing> {
        let text = fs::read(path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }
}

const HEAD: &str = "\
# Operators

Every operator of ONNX, and whether a model that uses it runs. Made by the conformance test from the
code and from its results; do not edit.

- **by**: `tract`, `edgewit` (components/operators, in a plan), `interpreter` (components/operators, node by
  node: the whole graph is interpreted then), `rewritten` (before the graph is read), or `-`: it does not
  run, and `edgewit check` names the node.
- **from**: the oldest opset of the operator's domain that is meant to run. What tract runs is tested from opset 9
  of ai.onnx on; an operator that is younger runs from where it came.
- **changed in**: the opsets that brought or changed it.
- **tests**: node tests of the onnx package passed in the sandbox, of those that use it. Why the others do
  not is in tests/conformance/known-failures.txt.

A model function runs if its body does. Operators of com.microsoft that run: {microsoft}.
";

/// The page.
pub(crate) fn write(listing: &Listing, outcomes: &BTreeMap<String, Option<String>>) -> String {
    let microsoft = edgewit_operators::MICROSOFT_OPERATORS.map(|name| format!("`{name}`")).join(", ");
    let mut text = HEAD.replace("{microsoft}", &microsoft);
    let passed = outcomes.values().filter(|failed| failed.is_none()).count();
    let _ = write!(text, "\n**{passed} of {} node tests pass.**\n", outcomes.len());
    for (domain, title) in [("", "ai.onnx"), ("ai.onnx.ml", "ai.onnx.ml")] {
        let _ = write!(
            text,
            "\n## {title}\n\n| operator | by | from | changed in | tests |\n|---|---|---|---|---|\n"
        );
        for operator in listing.operators.iter().filter(|operator| operator.domain == domain) {
            let _ = writeln!(text, "{}", row(operator, listing, outcomes));
        }
    }
    text
}

fn row(operator: &Operator, listing: &Listing, outcomes: &BTreeMap<String, Option<String>>) -> String {
    let by = match provider(&operator.domain, &operator.name) {
        Some(Provider::Tract) => "tract",
        Some(Provider::Kernel) => "edgewit",
        Some(Provider::Interpreter) => "interpreter",
        Some(Provider::Rewrite) => "rewritten",
        None => "-",
    };
    let first = operator.versions.first().copied().unwrap_or(1);
    let oldest = if operator.domain.is_empty() { edgewit_operators::OLDEST_OPSET } else { 1 };
    let from = if by == "-" { "-".into() } else { first.max(oldest).to_string() };
    let uses = |names: &Vec<String>| names.contains(&operator.name);
    let cases =
        listing.cases.iter().filter(|(_, names)| uses(names)).map(|(case, _)| case).collect::<Vec<_>>();
    let passed = cases.iter().filter(|case| outcomes.get(**case).is_some_and(Option::is_none)).count();
    let tests = if cases.is_empty() { "-".into() } else { format!("{passed} / {}", cases.len()) };
    let changed = operator.versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("| {} | {by} | {from} | {changed} | {tests} |", operator.name)
}
