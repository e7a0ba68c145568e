//! Golden cases: inputs with the outputs that are known to be right.
//!
//! A model's folder may hold either kind, or both:
//! - `golden/*.json`: rows with expected answers ([`rows`]);
//! - `test_data_set_*/input_*.pb` and `output_*.pb`: ONNX's own layout ([`onnx`]).

mod compare;
mod onnx;
mod rows;

use std::path::Path;

pub use compare::Tolerance;

use edgewit_core::{ModelMetadata, RowSchema};

use crate::runtime::Instance;

/// How one case ended: its name, and what differed if it failed.
pub type Verdict = (String, Result<(), String>);

/// A model in a sandbox.
pub struct Subject<'a> {
    /// The sandbox.
    pub instance: &'a mut Instance,
    /// What the model says of itself.
    pub metadata: &'a ModelMetadata,
    /// How rows become its inputs; an error text for a model that cannot be asked by rows.
    pub rows: Result<&'a RowSchema, String>,
}

/// Runs every case in `folder` against a model.
///
/// # Errors
/// The text says which file of cases cannot be read.
pub fn run(folder: &Path, model: &mut Subject<'_>, tolerance: Tolerance) -> Result<Vec<Verdict>, String> {
    let mut verdicts = rows::run(folder, model, tolerance)?;
    verdicts.extend(onnx::run(folder, model, tolerance)?);
    Ok(verdicts)
}

/// The entries of a folder whose names satisfy `wanted`, in order; none if there is no folder.
fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<std::path::PathBuf>, String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(vec![]) };
    let mut paths = vec![];
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
        if entry.file_name().to_str().is_some_and(&wanted) {
            paths.push(entry.path());
        }
    }
    // `input_10.pb` comes after `input_2.pb`.
    paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(paths)
}
