//! How long `edgewit pack` takes for churn: as the first model on a machine, and after another one.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use xtask::components::root;

use crate::report::{Cell, Comparison, Report, Unit, median};
use crate::setup::{Setup, step};

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let cache = tempfile::tempdir_in(&setup.folder)?;
    let mut seconds = Vec::new();
    step("packing with a cold cache");
    let cold = pack(setup, "churn", &cache.path().join("cold"))?;
    for number in 1..=setup.effort.starts {
        // Digits alone is known to this cache before churn, whatever a cache may keep of a model.
        step(format!("packing the second model, {number} of {}", setup.effort.starts));
        let warm = cache.path().join(format!("warm{number}"));
        if number == 1 {
            pack(setup, "digits", &cache.path().join("digits"))?;
        }
        copy(&cache.path().join("digits"), &warm)?;
        seconds.push(pack(setup, "churn", &warm)?);
        std::fs::remove_dir_all(&warm)?;
    }
    let warm = Cell::Figure(median(&seconds), Unit::Seconds);
    let what = "`edgewit pack` of churn, from the second model on";
    let cold = Cell::Figure(cold, Unit::Seconds);
    report.comparisons.push(Comparison::new(what, warm, "the same as the first model", cold));
    Ok(())
}

/// Packs a model in a process of its own and returns the seconds it took.
fn pack(setup: &Setup, model: &str, cache: &Path) -> Result<f64> {
    let output = tempfile::tempdir_in(&setup.folder)?;
    let mut command = Command::new(&setup.edgewit);
    command.arg("pack").arg(root().join("models").join(model)).arg("--cache").arg(cache);
    command.arg("--output").arg(output.path().join("packed.wasm"));
    let start = Instant::now();
    let run = command.output()?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(run.status.success(), "edgewit pack: {}", String::from_utf8_lossy(&run.stderr));
    Ok(seconds)
}

/// Copies a folder; its permissions, too, for machine code is read from private folders alone.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(status.success(), "cp: {status}");
    Ok(())
}
