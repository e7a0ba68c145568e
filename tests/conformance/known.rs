//! known-failures.txt: a line for each case that does not pass, `<case>: <why>`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// By case, why it failed.
type Outcomes = BTreeMap<String, Option<String>>;

const HEAD: &str = "\
# The node tests of ONNX that do not pass, and why. A case that passes and is here, or fails and is
# not, fails the conformance test.
";

/// What the list says differently than the run.
pub(crate) fn compare(path: &Path, outcomes: &Outcomes) -> Result<Vec<String>> {
    let listed = read(path)?;
    let mut problems = vec![];
    for (case, failed) in outcomes {
        match (failed, listed.contains_key(case)) {
            (Some(reason), false) => problems.push(format!("{case} fails and is not listed: {reason}")),
            (None, true) => problems.push(format!("{case} passes and is listed")),
            _ => {}
        }
    }
    let gone = listed.keys().filter(|case| !outcomes.contains_key(*case));
    problems.extend(gone.map(|case| format!("{case} is listed and does not exist")));
    Ok(problems)
}

/// Writes the list as the run was. A reason that a person wrote stays.
pub(crate) fn update(path: &Path, outcomes: &Outcomes) -> Result<()> {
    let listed = read(path)?;
    let lines = outcomes.iter().filter_map(|(case, failed)| {
        // Where the cases lie is of no interest, and differs.
        let failed = failed.as_ref()?;
        let failed = failed.split_once("/model.onnx: ").map_or(failed.as_str(), |(_, reason)| reason);
        let came = failed.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(format!("{case}: {}\n", listed.get(case).unwrap_or(&came)))
    });
    fs::write(path, std::iter::once(HEAD.to_owned()).chain(lines).collect::<String>())?;
    Ok(())
}

fn read(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = if path.is_file() { fs::read_to_string(path)? } else { String::new() };
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (case, reason) = line.split_once(": ").with_context(|| format!("no reason: {line}"))?;
            Ok((case.to_owned(), reason.to_owned()))
        })
        .collect()
}
