//! What a build needs beyond a Rust toolchain: two wasm targets.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// The targets of the components.
pub const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// Adds everything, saying what it does. Runs any number of times.
///
/// # Errors
/// When a target is neither there nor can be added; the text holds the command that helps.
pub fn setup() -> Result<()> {
    for target in TARGETS {
        if installed(target)? {
            println!("target {target}: installed");
        } else {
            println!("target {target}: adding it through rustup");
            add_target(target)?;
        }
    }
    Ok(())
}

/// Adds `target` to the toolchain in use, if it is missing.
///
/// # Errors
/// When it is neither there nor can be added; the text holds the command that helps.
pub fn add_target(target: &str) -> Result<()> {
    if installed(target)? {
        return Ok(());
    }
    let status = Command::new("rustup").args(["target", "add", target]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => {
            bail!("rustup could not add the target {target}; with a network, run: rustup target add {target}")
        }
        Err(_) => bail!(
            "this Rust toolchain has no {target} and there is no rustup to add it; install rustup (https://rustup.rs), \
             then run: rustup target add {target}"
        ),
    }
}

/// Whether the toolchain in use has the target's standard library.
fn installed(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && std::path::Path::new(folder.trim()).is_dir())
}
