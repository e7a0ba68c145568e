//! `edgewit web`: the folder, and the ES module in it under Node.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use edgewit_tests::command::run;
use edgewit_tests::root;
use edgewit_tests::server::shared;
use edgewit_tests::web::{assert_same, baseline_answers, golden_rows, site};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use xtask::node;

/// Bytes that a visitor's browser fetches before it predicts, as a server sends them that compresses nothing. Lower it
/// after a step forward; raise it only for what is worth it.
const VISIT: usize = 3_650_000;
/// Of those, what is not the model: the page and the module, after `gzip -9`.
const PAGE: usize = 70_000;

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            files.extend(
                self::files(&path).into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)),
            );
        } else {
            files.insert(
                path.file_name().expect("a name").to_string_lossy().into_owned(),
                fs::read(&path).expect("a file"),
            );
        }
    }
    files
}

fn compressed(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed").len()
}

#[test]
fn a_visit_keeps_to_its_budget() {
    let files = files(&site("churn").folder);
    for build in ["relaxed/", "baseline/"] {
        let visited = |path: &str| {
            !path.ends_with(".md")
                && !path.ends_with(".ts")
                && path != "package.json"
                && (!path.contains('/') || path.starts_with(build))
        };
        let visited = files.iter().filter(|(path, _)| visited(path)).collect::<Vec<_>>();
        let all = visited.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let page = visited
            .iter()
            .filter(|(path, _)| !path.ends_with(".bin"))
            .map(|(_, bytes)| compressed(bytes))
            .sum::<usize>();
        assert!(
            all <= VISIT && page <= PAGE,
            "{build}: a visit takes {all} bytes, the page {page} compressed; allowed are {VISIT} and {PAGE}"
        );
    }
}

#[test]
fn the_folder_is_a_function_of_the_packed_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site("churn");
    let web = run(["web".into(), site.packed.clone().into_os_string(), "-o".into(), folder.path().into()]);
    assert_eq!(web.code, Some(0), "{web:?}");
    assert!(files(folder.path()) == files(&site.folder), "another run gave other files");
    for (path, bytes) in files(&site.folder) {
        // Nothing that a page could load from elsewhere; documentation may name it.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!path.ends_with(".html") && !path.ends_with(".css") || !text.contains("://"), "{path}");
    }
    let package: Value =
        serde_json::from_slice(&fs::read(site.folder.join("package.json")).expect("a file")).expect("JSON");
    assert_eq!((&package["name"], &package["version"]), (&json!("churn"), &json!("1.0.0")));
}

#[test]
fn what_is_no_packed_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |bytes: &[u8], words: &str| {
        let file = folder.path().join("x.wasm");
        fs::write(&file, bytes).expect("written");
        let web = run(["web".into(), file.into_os_string(), "-o".into(), folder.path().join("dist").into()]);
        assert_eq!(web.code, Some(1), "{web:?}");
        assert!(web.err.contains(words), "`{words}` is not in: {}", web.err);
        assert!(!folder.path().join("dist").exists());
    };
    check(b"not wasm", "not a WebAssembly component");
    check(b"\0asm\x0d\0\x01\0", "not a packed model: the component has no section `edgewit:model`");
    let web = run([
        "web".into(),
        site("churn").packed.clone().into_os_string(),
        "-o".into(),
        folder.path().join("x.wasm").into(),
    ]);
    assert!(web.err.contains("expected a folder, got a file"), "{web:?}");
}

/// What tests/web/node.mjs prints; none where there is no Node.
fn in_node(name: &'static str, rows: &[Value], arguments: &[&str]) -> Option<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rows.json");
    fs::write(&file, json!(rows).to_string()).expect("written");
    node::environment(&root().join("tests/web"), false).expect("packages")?;
    let mut node = Command::new("node");
    node.arg(root().join("tests/web/node.mjs"))
        .args([&site(name).folder.clone().into_os_string(), &"baseline".into()]);
    let output = node.arg(file).args(arguments).output().expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn every_golden_case_has_the_hosts_bits_under_node() {
    for name in ["churn", "digits"] {
        let rows = golden_rows(name);
        let Some(came) = in_node(name, &rows, &[]) else { return };
        let (alone, together) = baseline_answers(&site(name).packed, &rows);
        for (field, expected) in [("alone", alone), ("together", together)] {
            let came = came[field].as_array().expect("a list");
            assert_eq!(came.len(), expected.len());
            for (ix, (came, expected)) in came.iter().zip(&expected).enumerate() {
                assert_same(came, expected, &format!("{name} {ix} {field}"));
            }
        }
    }
}

#[test]
fn the_module_answers_errors_as_the_host_does() {
    let rows = golden_rows("churn");
    let Some(came) = in_node("churn", &rows[..3], &["worker"]) else { return };
    assert_eq!(came["unloaded"]["name"], "ExecutionError");
    assert_eq!(came["loaded"], json!({ "build": "baseline" }));
    let host = |path: &str, body: Value| shared().client.post_json(path, &body).json();
    let mut wrong = rows[0].clone();
    wrong["gender"] = json!({});
    let mistakes = came["mistakes"].as_array().expect("a list");
    for (mistake, body) in [
        (&mistakes[0], host("/predict", wrong)),
        (&mistakes[1], host("/predict/batch", json!([rows[0], {}]))),
    ] {
        assert_eq!(mistake["name"], "InvalidInputError");
        for (field, of_host) in [("message", "error"), ("row", "row"), ("feature", "feature")] {
            assert_eq!(mistake[field], body[of_host], "{mistake} {body}");
        }
    }
    for (mistake, words) in mistakes[2..].iter().zip([
        "the model has no input \"nothing\"",
        "do not have the shape [3]",
        "gender",
    ]) {
        assert_eq!(mistake["name"], "InvalidInputError", "{mistake}");
        assert!(mistake["message"].as_str().is_some_and(|text| text.contains(words)), "{words}: {mistake}");
    }
    assert_same(&came["again"], &came["alone"][0], "after mistakes");
    let last = &came["alone"][2];
    assert_eq!(
        came["outputs"]["label"],
        json!({ "datatype": "BYTES", "shape": [1], "data": [last["label"]] })
    );
    assert_eq!(came["outputs"]["probabilities"]["shape"], json!([1, 2]));
    assert_eq!(came["selected"], json!(["probabilities"]));
}

#[test]
fn it_runs_in_deno_and_bun() {
    let Some(packages) = node::environment(&root().join("tests/web"), false).expect("packages") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("rows.json");
    fs::write(&rows, json!(golden_rows("digits")[..20]).to_string()).expect("written");
    let (alone, _) = baseline_answers(&site("digits").packed, &golden_rows("digits")[..20]);
    let modules = packages.join("node_modules");
    // The packages of both have a program for each kind of processor; a script that is not run here would choose.
    let program = |scope: &str, path: &str| {
        let kinds = fs::read_dir(modules.join(scope)).into_iter().flatten();
        let mut programs = kinds.map(|entry| entry.expect("an entry").path().join(path));
        programs.find(|path| {
            Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success())
        })
    };
    for (scope, path, arguments) in
        [("@deno", "deno", ["run", "--allow-read"].as_slice()), ("@oven", "bin/bun", &["run"])]
    {
        let Some(runtime) = program(scope, path) else {
            assert!(std::env::var_os("CI").is_none(), "none of {scope} starts");
            eprintln!("skipped: none of {scope} starts on this machine");
            continue;
        };
        let mut command = Command::new(&runtime);
        let runtime = runtime.display();
        command.args(arguments).arg(root().join("tests/web/node.mjs")).arg(&site("digits").folder);
        let output =
            command.arg("baseline").arg(&rows).env("DENO_NO_UPDATE_CHECK", "1").output().expect("it starts");
        assert!(output.status.success(), "{runtime}: {}", String::from_utf8_lossy(&output.stderr));
        let came: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for (ix, expected) in alone.iter().enumerate() {
            assert_same(&came["alone"][ix], expected, &format!("{runtime} {ix}"));
        }
    }
}

#[test]
fn the_types_say_what_a_row_is() {
    let Some(packages) = node::environment(&root().join("tests/web"), false).expect("packages") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("node_modules/churn");
    fs::create_dir_all(&module).expect("a folder");
    for file in ["package.json", "predictor.d.ts"] {
        fs::copy(site("churn").folder.join(file), module.join(file)).expect("a copy");
    }
    fs::copy(root().join("tests/web/types.ts"), folder.path().join("types.ts")).expect("a copy");
    fs::write(folder.path().join("package.json"), "{\"type\": \"module\"}").expect("written");
    let flags = [
        "--noEmit",
        "--strict",
        "--noUncheckedIndexedAccess",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "types.ts",
    ];
    let tsc = packages.join("node_modules/typescript/bin/tsc");
    let output =
        Command::new("node").arg(tsc).args(flags).current_dir(folder.path()).output().expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
