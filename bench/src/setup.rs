//! What the run needs beside this crate: the models, and the peers, each installed below target/.
//!
//! A peer that cannot be had is no fault of the run: its figures are absent, and the report says why.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xtask::components::root;
use xtask::node;
use xtask::python::{self, Python};

use crate::effort::Effort;
use crate::sides::Peer;

/// Something that may be missing, with the reason.
pub(crate) type Maybe<T> = std::result::Result<T, String>;

/// What the sections share.
pub(crate) struct Setup {
    /// target/bench.
    pub(crate) folder: PathBuf,
    /// Packed components and machine code; kept between runs.
    pub(crate) cache: PathBuf,
    /// The `edgewit` command, built beside this one.
    pub(crate) edgewit: PathBuf,
    /// How long to measure.
    pub(crate) effort: Effort,
    pub(crate) python: Maybe<Python>,
    /// The folder that onnxruntime-web is installed in.
    pub(crate) node: Maybe<PathBuf>,
    pub(crate) wrk: Maybe<PathBuf>,
}

/// A file beside this crate's sources.
pub(crate) fn peer(name: &str) -> PathBuf {
    root().join("bench/peers").join(name)
}

/// Tells how far the run is.
pub(crate) fn step(text: impl std::fmt::Display) {
    eprintln!("==> {text}");
}

impl Setup {
    pub(crate) fn new(effort: Effort) -> Result<Setup> {
        let folder = root().join("target/bench");
        std::fs::create_dir_all(&folder)?;
        let setup = Setup {
            cache: folder.join("cache"),
            edgewit: beside("edgewit")?,
            effort,
            python: why_not("Python", python::environment(&root().join("bench/requirements.txt"), false))
                .and_then(|python| {
                    python.ok_or("there is no Python 3.11 or newer with its venv module".into())
                }),
            node: why_not("onnxruntime-web", node::environment(&root().join("bench/peers"), false))
                .and_then(|folder| folder.ok_or("there is no Node.js with npm".into())),
            wrk: why_not("wrk", find_wrk(&folder)),
            folder,
        };
        setup.build_models()?;
        Ok(setup)
    }

    /// A model of bench/models.py.
    pub(crate) fn model(&self, name: &str) -> Maybe<PathBuf> {
        let path = self.folder.join("models").join(format!("{name}.onnx"));
        match &self.python {
            _ if path.is_file() => Ok(path),
            Ok(_) => Err(format!("bench/models.py made no {name}")),
            Err(reason) => Err(format!("models are built by Python: {reason}")),
        }
    }

    /// Runs bench/models.py; what exists of the same script is kept.
    fn build_models(&self) -> Result<()> {
        let Ok(python) = &self.python else { return Ok(()) };
        let script = root().join("bench/models.py");
        let folder = self.folder.join("models");
        let made_by = folder.join("made-by");
        let digest = edgewit::digest::sha256(&std::fs::read(&script)?);
        if std::fs::read_to_string(&made_by).is_ok_and(|made_by| made_by == digest) {
            return Ok(());
        }
        step("building the models");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        python.run(&script, &[&folder])?;
        Ok(std::fs::write(made_by, digest)?)
    }

    pub(crate) fn onnxruntime(&self) -> Maybe<Peer> {
        let python = self.python.as_ref().map_err(Clone::clone)?;
        why_not("onnxruntime", Peer::start(python.command().arg(peer("onnxruntime_native.py"))))
    }

    pub(crate) fn onnxruntime_web(&self) -> Maybe<Peer> {
        let node = self.node.as_ref().map_err(Clone::clone)?;
        why_not(
            "onnxruntime-web",
            Peer::start(Command::new("node").arg(peer("onnxruntime_web.mjs")).arg(node)),
        )
    }
}

/// The program `name` in the folder of this one.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let path = me.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    ensure!(path.is_file(), "{} is missing; run `cargo xtask bench`, which builds it", path.display());
    Ok(path)
}

fn why_not<T>(what: &str, made: Result<T>) -> Maybe<T> {
    made.map_err(|error| {
        let reason = format!("{error:#}");
        eprintln!("{what} is left out: {reason}");
        reason
    })
}

/// wrk as it is installed; else Debian's package, unpacked below `folder`.
fn find_wrk(folder: &Path) -> Result<PathBuf> {
    let unpacked = folder.join("wrk/usr/bin/wrk");
    // It has no command that does nothing: --version prints the usage and fails.
    let starts = |path: &Path| Command::new(path).arg("--version").output().is_ok();
    if let Some(path) = [PathBuf::from("wrk"), unpacked.clone()].into_iter().find(|path| starts(path)) {
        return Ok(path);
    }
    step("fetching wrk");
    let into = folder.join("wrk");
    std::fs::create_dir_all(&into)?;
    let fetch = || -> Result<()> {
        quietly(Command::new("apt-get").args(["download", "wrk"]).current_dir(&into))?;
        let packages = std::fs::read_dir(&into)?.filter_map(|entry| Some(entry.ok()?.path()));
        let package = packages.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
        let package = package.context("apt-get left no package")?;
        quietly(Command::new("dpkg-deb").arg("-x").arg(package).arg(&into))
    };
    fetch().context("wrk is not installed, nor can its Debian package be had")?;
    Ok(unpacked)
}

fn quietly(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
