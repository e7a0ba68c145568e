//! What the integration tests share: a real server process, a real command, a Spin-like host for
//! the edge component, small ONNX models with a fault in each, and mutants of real ones.

pub mod command;
pub mod edge;
pub mod http;
pub mod mutate;
pub mod onnx;
pub mod server;
pub mod verify;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A folder of this repository's models.
pub fn model(name: &str) -> PathBuf {
    root().join("models").join(name)
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
