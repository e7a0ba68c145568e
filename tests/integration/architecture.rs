//! The direction of use: `main -> command -> {http, pack} -> serving -> runtime -> core`, and
//! `wasmtime` only in `runtime`. Read from the `use` lines.

use std::fs;
use std::path::{Path, PathBuf};

use edgewit_tests::root;

/// Modules of the host from the bottom up; one may use those below it.
const STOREYS: [(&str, u8); 20] = [
    ("digest", 0),
    ("telemetry", 0),
    ("auth", 1),
    ("progress", 0),
    ("table", 0),
    ("runtime", 1),
    ("serving", 2),
    ("records", 3),
    ("monitor", 4),
    ("pack", 3),
    ("report", 5),
    ("golden", 4),
    ("store", 4),
    ("oci", 4),
    ("web", 4),
    ("release", 5),
    ("backup", 6),
    ("http", 6),
    ("config", 7),
    ("command", 8),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn storey(module: &str) -> Option<u8> {
    STOREYS.iter().find(|(name, _)| *name == module).map(|(_, storey)| *storey)
}

#[test]
fn no_module_of_the_host_uses_one_above_it() {
    let host = root().join("host/src");
    for path in sources(&host) {
        let relative = path.strip_prefix(&host).expect("below host/src");
        let module = relative.components().next().expect("a file").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs");
        let Some(own) = storey(module) else {
            assert!(matches!(module, "main" | "lib"), "{module} has no storey; give it one");
            continue;
        };
        let text = fs::read_to_string(&path).expect("the file is text");
        for used in text.split("crate::").skip(1) {
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let Some(other) = storey(used) else { continue };
            assert!(
                used == module || other < own,
                "{} uses crate::{used}, which is not below it",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_runtime_names_wasmtime() {
    for path in sources(&root().join("host/src")) {
        let text = fs::read_to_string(&path).expect("the file is text");
        let names =
            text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains("wasmtime::"));
        assert!(!names || path.components().any(|part| part.as_os_str() == "runtime"), "{}", path.display());
    }
}

#[test]
fn the_page_makes_no_markup_and_no_code_of_text() {
    for path in sources(&root().join("components/browser/page")) {
        let text = fs::read_to_string(&path).expect("the file is text");
        for forbidden in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!text.contains(forbidden), "{} names {forbidden}", path.display());
        }
    }
}

#[test]
fn core_has_no_clock_no_thread_and_no_files() {
    for path in sources(&root().join("core/src")) {
        let text = fs::read_to_string(&path).expect("the file is text");
        for forbidden in ["std::fs", "std::net", "std::thread", "SystemTime::now", "Instant::now", "tokio"] {
            assert!(!text.contains(forbidden), "{} names {forbidden}", path.display());
        }
    }
}
