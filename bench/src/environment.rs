//! Where and with what the figures came about.

use std::process::Command;
use std::time::SystemTime;

use xtask::components::root;

use crate::setup::Setup;

/// Names and values for the head of the report; what cannot be found out is left out.
pub(crate) fn describe(setup: &Setup) -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = processor().map(|(name, simd)| format!("{name}, {cores} cores, {simd}"));
    let read = |path| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let python = setup.python.as_ref().ok();
    let python = python.and_then(|python| first_line(python.command().arg("--version")));
    let packages = python.as_ref().map(|python| {
        let pinned =
            pinned(&std::fs::read_to_string(root().join("bench/requirements.txt")).unwrap_or_default());
        format!("{python}, {pinned}")
    });
    let wrk = setup.wrk.as_ref().ok().and_then(|wrk| first_line(Command::new(wrk).arg("--version")));
    let wrk = wrk.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    let entries = [
        ("date", Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string())),
        ("commit", commit()),
        ("processor", processor),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("load average at the start", read("/proc/loadavg")),
        ("Edgewit", Some(format!("{}, {}", env!("CARGO_PKG_VERSION"), libraries()))),
        ("Python side", packages),
        ("load generator", wrk),
    ];
    entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The processor's name, and those of its vector extensions that runtimes choose kernels by.
fn processor() -> Option<(String, String)> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
    let simd = ["avx2", "fma", "avx512f", "avx512_vnni", "amx_int8", "asimd", "asimddp", "sve"];
    let has = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
    Some((field("model name")?, simd.into_iter().filter(has).collect::<Vec<_>>().join(" ")))
}

fn commit() -> Option<String> {
    let head = first_line(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root()))?;
    let status = Command::new("git").args(["status", "--porcelain"]).current_dir(root()).output().ok()?;
    Some(if status.stdout.is_empty() { head } else { format!("{head} and changes") })
}

/// The versions of the libraries that figures hang on, from the lock file.
fn libraries() -> String {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &&str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let found = lock.split_once(&entry)?.1.split('"').next()?;
        Some(format!("{name} {found}"))
    };
    ["wasmtime", "tract-onnx", "axum"].iter().filter_map(version).collect::<Vec<_>>().join(", ")
}

fn pinned(requirements: &str) -> String {
    let named = ["onnxruntime", "scikit-learn", "fastapi", "uvicorn"];
    let pins = requirements.lines().filter_map(|line| line.split_once("=="));
    let pins =
        pins.filter(|(name, _)| named.contains(name)).map(|(name, version)| format!("{name} {version}"));
    pins.collect::<Vec<_>>().join(", ")
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
