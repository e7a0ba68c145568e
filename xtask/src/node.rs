//! JavaScript packages for what only Node has: the checks of pages, the benchmarks' peer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{components::root, turn};

/// A folder with the `node_modules` that the package.json in `package` names, made once for each content of that and of
/// its lock file, if it has one, below target/. None, with a message, where there is no Node; CI must have it, and so must
/// whoever says `required`.
///
/// # Errors
/// When the packages cannot be installed.
pub fn environment(package: &Path, required: bool) -> Result<Option<PathBuf>> {
    let files = ["package.json", "package-lock.json"].map(|file| package.join(file));
    let mut digest = Sha256::new();
    for file in files.iter().filter(|file| file.is_file()) {
        digest.update(fs::read(file).with_context(|| file.display().to_string())?);
    }
    let digest = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    let folder = root().join("target/node").join(digest);
    let done = folder.join("complete");
    if done.is_file() {
        return Ok(Some(folder));
    }
    if !["node", "npm"].into_iter().all(starts) {
        let message = "needs Node.js with npm";
        if required || std::env::var_os("CI").is_some() {
            bail!(message);
        }
        eprintln!("skipped: {message}");
        return Ok(None);
    }
    let _turn = turn::take(&folder)?;
    if done.is_file() {
        return Ok(Some(folder));
    }
    eprintln!("installing {} into {}", package.display(), folder.display());
    fs::create_dir_all(&folder)?;
    for file in files.iter().filter(|file| file.is_file()) {
        fs::copy(file, folder.join(file.file_name().unwrap_or_default()))?;
    }
    let how = if files[1].is_file() { ["ci"].as_slice() } else { &["install", "--no-package-lock"] };
    let npm = how.iter().chain(&["--ignore-scripts", "--no-audit", "--no-fund"]);
    let output = Command::new("npm").args(npm).current_dir(&folder).output().context("cannot start npm")?;
    if !output.status.success() {
        bail!("npm failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::write(done, "")?;
    Ok(Some(folder))
}

fn starts(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
