//! The exporter matrix: what scikit-learn, XGBoost, LightGBM and CatBoost models export to ONNX, in
//! the sandbox, against the numbers of the libraries themselves.
//!
//! `export.py` trains, exports, and writes the cases with batches of 1, 7 and 1,000 rows. Labels and
//! strings are compared exactly, numbers within 1e-5 and relative 1e-4. Every case must pass.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use edgewit_tests::{full, root, verify};
use xtask::python;

fn main() -> Result<ExitCode> {
    // `cargo test <filter>` and `-- --list` are for the tests with a harness.
    if std::env::args().skip(1).any(|argument| !"exporters".contains(&argument)) {
        return Ok(ExitCode::SUCCESS);
    }
    let Some(cases) = exported()? else { return Ok(ExitCode::SUCCESS) };
    let folders = verify::cases(&cases)?;
    eprintln!("exporters: {} models", folders.len());
    if folders.is_empty() {
        bail!("nothing was exported");
    }
    let outcomes = verify::verify(&folders, &["--atol", "1e-5", "--rtol", "1e-4"])?;
    let failed =
        outcomes.iter().filter_map(|(case, reason)| Some((case, reason.as_ref()?))).collect::<Vec<_>>();
    for (case, reason) in &failed {
        eprintln!("{case}: {reason}");
    }
    eprintln!("exporters: {} of {} passed", outcomes.len() - failed.len(), outcomes.len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folder of the cases, made once for each version of the scripts and of what they need.
fn exported() -> Result<Option<PathBuf>> {
    let here = root().join("tests/exporters");
    let Some(python) = python::environment(&here.join("requirements.txt"), full())? else { return Ok(None) };
    let mut files = fs::read_dir(&here)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "py" || extension == "txt"));
    files.sort();
    let made_from = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?.concat();
    let folder = root().join("target/exporters").join(&edgewit::digest::sha256(&made_from)[..16]);
    if !folder.join("report.json").is_file() {
        python.run(&here.join("export.py"), &["--out".as_ref(), &folder])?;
    }
    Ok(Some(folder))
}
