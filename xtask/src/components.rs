//! Builds the wasm components, each in one folder of its own beside the host's, so that host and
//! guest builds neither wait for each other's lock nor evict each other.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::setup;

/// A component of this workspace.
pub struct Package {
    /// The cargo package.
    pub name: &'static str,
    /// The target it is built for.
    pub target: &'static str,
    /// What it is made from, relative to the workspace.
    sources: &'static [&'static str],
}

/// A core module without imports; the host wraps it as a component.
pub const PREDICTOR: Package = Package {
    name: "predictor",
    target: "wasm32-unknown-unknown",
    sources: &[
        "components/predictor",
        "components/operators",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
    ],
};

/// The Spin HTTP component.
pub const EDGE: Package = Package {
    name: "edge",
    target: "wasm32-wasip2",
    sources: &["components/edge", "core", "wit", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"],
};

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Builds `package` and returns the path of its wasm file.
///
/// # Errors
/// When a target cannot be added or cargo fails; its messages went to standard error.
pub fn build(package: &Package) -> Result<PathBuf> {
    setup::add_target(package.target)?;
    let folder = root().join("target/components");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root())
        .args(["build", "--locked", "--profile", "component", "--package", package.name])
        .args(["--target", package.target])
        .arg("--target-dir")
        .arg(&folder);
    // A build script inherits settings that are meant for the host's build.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_")
            && text != "CARGO_HOME"
            && !text.starts_with("CARGO_NET")
            && !text.starts_with("CARGO_HTTP")
            || matches!(
                &*text,
                "RUSTFLAGS"
                    | "RUSTC"
                    | "RUSTC_WRAPPER"
                    | "RUSTC_WORKSPACE_WRAPPER"
                    | "TARGET"
                    | "HOST"
                    | "OUT_DIR"
                    | "PROFILE"
                    | "OPT_LEVEL"
                    | "DEBUG"
            )
        {
            cargo.env_remove(&name);
        }
    }
    let status = cargo.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("building the component `{}` failed", package.name);
    }
    Ok(folder.join(package.target).join("component").join(format!("{}.wasm", package.name)))
}

/// Tells cargo, from a build script, what `package` is made from.
pub fn rerun_if_changed(package: &Package) {
    for source in package.sources {
        println!("cargo::rerun-if-changed={}", root().join(source).display());
    }
}
