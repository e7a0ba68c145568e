//! Python environments for what only Python has: the `onnx` package's tests, the exporters, the
//! benchmarks' peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{components::root, turn};

/// Newest first; what the pinned packages need is 3.11.
const INTERPRETERS: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python"];

/// An environment with what `requirements` pins, made once for each content of that file, below
/// target/. None, with a message, where there is no Python; CI must have it, and so must whoever
/// says `required`.
///
/// # Errors
/// When the packages cannot be installed.
pub fn environment(requirements: &Path, required: bool) -> Result<Option<Python>> {
    let text = fs::read(requirements).with_context(|| requirements.display().to_string())?;
    let digest = Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    let folder = root().join("target/python").join(digest);
    let python = Python(folder.join("bin/python"));
    if folder.join("complete").is_file() {
        return Ok(Some(python));
    }
    let Some(interpreter) = INTERPRETERS.into_iter().find(|name| is_new_enough(name)) else {
        let message = "needs Python 3.11 or newer, with its venv module";
        if required || std::env::var_os("CI").is_some() {
            bail!(message);
        }
        eprintln!("skipped: {message}");
        return Ok(None);
    };
    let _turn = turn::take(&folder)?;
    if folder.join("complete").is_file() {
        return Ok(Some(python));
    }
    eprintln!("installing {} into {}", requirements.display(), folder.display());
    run(Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(&python.0).args(pip).arg(requirements))?;
    fs::write(folder.join("complete"), "")?;
    Ok(Some(python))
}

/// A Python with its packages.
pub struct Python(PathBuf);

impl Python {
    /// The interpreter, to be given a script or a module.
    pub fn command(&self) -> Command {
        Command::new(&self.0)
    }

    /// Runs a script; what it prints goes to standard error.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, script: &Path, arguments: &[&Path]) -> Result<()> {
        run(self.command().arg(script).args(arguments))
    }
}

fn is_new_enough(interpreter: &str) -> bool {
    let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    Command::new(interpreter).args(["-c", check]).output().is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    // A test's standard output is its result.
    let status =
        command.stdout(std::io::stderr()).status().with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}
