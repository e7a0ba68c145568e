//! What the integration tests share: a real server process, a real command, a Spin-like host for
//! the edge component, a collector of traces, small ONNX models with a fault in each, mutants of real ones,
//! certificates, browsers, a server of files, a bucket, clients that forgive nothing, a registry with versions, what attackers
//! send (tokens of any kind, bytes that are no HTTP, components that mean harm), and other people's programs.

pub mod browser;
pub mod bucket;
pub mod collector;
pub mod command;
pub mod edge;
pub mod files;
pub mod firefox;
pub mod guests;
pub mod http;
pub mod jwt;
pub mod load;
pub mod mutate;
pub mod onnx;
pub mod postgres;
pub mod raw;
pub mod releases;
pub mod server;
pub mod tls;
pub mod tool;
pub mod verify;
pub mod web;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A folder of this repository's models.
pub fn model(name: &str) -> PathBuf {
    root().join("models").join(name)
}

/// A copy of this repository's model in `folder`, whose model.toml begins with `first` and ends
/// with `last`.
pub fn copy_model(name: &str, folder: &Path, first: &str, last: &str) {
    let (from, to) = (model(name).join("1"), folder.join(name).join("1"));
    fs::create_dir_all(&to).expect("a folder");
    fs::copy(from.join("model.onnx"), to.join("model.onnx")).expect("a copy");
    let manifest = fs::read_to_string(from.join("model.toml")).expect("text");
    fs::write(to.join("model.toml"), format!("{first}\n{manifest}\n{last}\n")).expect("written");
}

/// Where the tests keep packed and compiled components between runs; a digest of everything
/// they were made from is in their names.
pub fn cache() -> PathBuf {
    root().join("target/test-cache")
}

/// Whether the long suites run in full length: `cargo xtask test --full`.
pub fn full() -> bool {
    std::env::var_os("EDGEWIT_TEST_FULL").is_some()
}
