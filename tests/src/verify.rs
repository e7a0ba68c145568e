//! `edgewit verify` over many folders of cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::edgewit;

/// The folders in `folder`, sorted.
///
/// # Errors
/// When it cannot be read.
pub fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut folders = paths.into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>();
    folders.sort();
    Ok(folders)
}

/// Verifies the model in each of `folders`; by the folder's name, why its first failing data set
/// failed. Progress is shown.
///
/// # Errors
/// When the command cannot run, or answers for another number of folders.
pub fn verify(folders: &[PathBuf], options: &[&str]) -> Result<BTreeMap<String, Option<String>>> {
    let output = edgewit()
        .args(["verify", "--json"])
        .args(options)
        .args(folders)
        .stderr(Stdio::inherit())
        .output()
        .context("edgewit starts")?;
    let report: Value = serde_json::from_slice(&output.stdout).context("the report of edgewit verify")?;
    let mut outcomes = BTreeMap::new();
    for case in report["cases"].as_array().into_iter().flatten() {
        let path = Path::new(case["case"].as_str().unwrap_or_default());
        let folder = folders.iter().find(|folder| path.starts_with(folder));
        let name = folder.and_then(|folder| folder.file_name()).context("a case of no folder")?;
        let outcome = outcomes.entry(name.to_string_lossy().into_owned()).or_insert(None);
        *outcome = outcome.take().or_else(|| case["failed"].as_str().map(Into::into));
    }
    anyhow::ensure!(
        outcomes.len() == folders.len(),
        "{} of {} cases came back",
        outcomes.len(),
        folders.len()
    );
    Ok(outcomes)
}
