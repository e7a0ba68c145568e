//! The node tests of the `onnx` package, in the sandbox.
//!
//! `materialise.py` writes the cases, `edgewit verify` runs them. Every case that does not pass is in
//! known-failures.txt with the reason; one that passes and is listed, or fails and is not, fails this
//! test, and so does a docs/operators.md that is not what the code and the results say.
//!
//! EDGEWIT_UPDATE=1 writes both files anew, for a person to read and to commit.

mod document;
mod known;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use edgewit_tests::{full, root, verify};
use xtask::python;

fn main() -> Result<ExitCode> {
    // `cargo test <filter>` and `-- --list` are for the tests with a harness.
    if std::env::args().skip(1).any(|argument| !"conformance".contains(&argument)) {
        return Ok(ExitCode::SUCCESS);
    }
    let here = root().join("tests/conformance");
    let Some(cases) = materialised(&here)? else { return Ok(ExitCode::SUCCESS) };
    let listing = document::Listing::read(&cases.join("operators.json"))?;
    eprintln!("conformance: {} node tests", listing.cases.len());
    let folders = verify::cases(&cases)?;
    let outcomes = verify::verify(&folders, &[])?;
    let baseline = verify::verify(&folders, &["--simd", "baseline"])?;

    let passed = outcomes.values().filter(|failed| failed.is_none()).count();
    eprintln!("conformance: {passed} of {} passed", outcomes.len());
    let known = here.join("known-failures.txt");
    let document = root().join("docs/operators.md");
    let text = document::write(&listing, &outcomes);
    if std::env::var_os("EDGEWIT_UPDATE").is_some() {
        known::update(&known, &outcomes)?;
        fs::write(&document, text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut problems = known::compare(&known, &outcomes)?;
    problems
        .extend(known::compare(&known, &baseline)?.iter().map(|problem| format!("baseline SIMD: {problem}")));
    if fs::read_to_string(&document).unwrap_or_default() != text {
        problems.push("docs/operators.md is not what the code and the results say".into());
    }
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    bail!(
        "{} differences; if they are meant: EDGEWIT_UPDATE=1 cargo test --release --test conformance",
        problems.len()
    )
}

/// The folder of the cases, made once for each version of the package and of the script.
fn materialised(here: &Path) -> Result<Option<PathBuf>> {
    let (requirements, script) = (here.join("requirements.txt"), here.join("materialise.py"));
    let Some(python) = python::environment(&requirements, full())? else { return Ok(None) };
    let made_from = [fs::read(&requirements)?, fs::read(&script)?].concat();
    let folder = root().join("target/conformance").join(&edgewit::digest::sha256(&made_from)[..16]);
    if !folder.is_dir() {
        let partial = folder.with_extension("partial");
        if partial.is_dir() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        python.run(&script, &[&partial])?;
        fs::rename(&partial, &folder).context("the cases are complete")?;
    }
    Ok(Some(folder))
}
