//! The `edgewit` command, as a user runs it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The command with the tests' cache. It was built before the tests, beside them.
pub fn edgewit() -> Command {
    let mut command = Command::new(binary());
    command.env("EDGEWIT_CACHE", crate::cache()).stdin(Stdio::null());
    command
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `edgewit` with `arguments`.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let output: Output = edgewit().args(arguments).output().expect("edgewit starts");
    Run {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Where it is.
pub fn binary() -> PathBuf {
    // target/<profile>/deps/integration-<hash>
    let test = std::env::current_exe().expect("the test knows its path");
    let profile = test.parent().and_then(std::path::Path::parent).expect("tests lie in <profile>/deps");
    let binary = profile.join(format!("edgewit{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is missing; run `cargo xtask test`, or `cargo build` first",
        binary.display()
    );
    binary
}
