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
        "components/allocator",
        "components/fft",
        "components/kernels",
        "components/operators",
        "components/predictor",
        "components/session",
        "core",
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

/// The component for browsers, which `edgewit web` composes with a packed model: a core module without imports
/// of a system, too.
pub const BROWSER: Package = Package {
    name: "browser",
    target: "wasm32-unknown-unknown",
    sources: &[
        "components/browser/src",
        "components/browser/wit",
        "components/browser/Cargo.toml",
        "core",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
    ],
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
    let status = cargo(package, "build")?.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("building the component `{}` failed", package.name);
    }
    Ok(folder().join(package.target).join("component").join(format!("{}.wasm", package.name)))
}

/// A cargo command about `package`, with the settings that it is built with.
///
/// # Errors
/// When its target cannot be added.
pub fn cargo(package: &Package, command: &str) -> Result<Command> {
    setup::add_target(package.target)?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root())
        .args([command, "--locked", "--profile", "component", "--package", package.name])
        .args(["--target", package.target, "--config"])
        .arg(rustflags(package))
        .arg("--target-dir")
        .arg(folder());
    if package.name == PREDICTOR.name {
        // The host's build reads the names of its functions, and then leaves them out.
        cargo.args(["--config", "profile.component.strip=\"debuginfo\""]);
    }
    // A build script inherits settings that are meant for the host's build.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_the_host) {
            cargo.env_remove(name);
        }
    }
    Ok(cargo)
}

fn folder() -> PathBuf {
    root().join("target/components")
}

/// The flags that a component is built with beside those of .cargo/config.toml.
fn rustflags(package: &Package) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).unwrap_or_default();
    // The messages of panics hold the paths of source files. Without the folders of this machine they
    // are shorter, tell nothing about it, and are the same wherever the component is built.
    let mut flags = [home.join("registry/src"), root().to_owned()]
        .map(|folder| format!("'--remap-path-prefix={}/='", folder.display()))
        .to_vec();
    if package.target == PREDICTOR.target {
        // The linker leaves five bytes for every index of a function; this takes those that are not needed away again.
        flags.push("'-Clink-arg=--compress-relocations'".into());
    }
    format!("target.{}.rustflags=[{}]", package.target, flags.join(","))
}

fn is_of_the_host(variable: &str) -> bool {
    let kept = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_"];
    variable.starts_with("CARGO_") && !kept.iter().any(|kept| variable.starts_with(kept))
        || variable.starts_with("RUSTC")
        || matches!(variable, "RUSTFLAGS" | "TARGET" | "HOST" | "OUT_DIR" | "PROFILE" | "OPT_LEVEL" | "DEBUG")
}

/// Tells cargo, from a build script, what `package` is made from.
pub fn rerun_if_changed(package: &Package) {
    for source in package.sources {
        println!("cargo::rerun-if-changed={}", root().join(source).display());
    }
}
