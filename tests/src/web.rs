//! Folders for browsers, made by `edgewit web` and kept between runs, and the host's answers to compare with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use edgewit::digest::sha256;
use edgewit::pack::simd::without_relaxed;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Limits, Program};
use edgewit::serving::answer;
use edgewit_core::RowSchema;
use serde_json::Value;

use crate::command::{binary, run};
use crate::model;

/// A packed model of this repository and the folder for browsers that is made of it.
pub struct Site {
    /// The packed component.
    pub packed: PathBuf,
    /// The folder.
    pub folder: PathBuf,
}

/// The folder of churn or digits, made once for each build of the command and each state of the model.
pub fn site(name: &'static str) -> &'static Site {
    static CHURN: OnceLock<Site> = OnceLock::new();
    static DIGITS: OnceLock<Site> = OnceLock::new();
    let site = if name == "churn" { &CHURN } else { &DIGITS };
    site.get_or_init(|| {
        let made_from = [binary(), model(name).join("1/model.onnx"), model(name).join("1/model.toml")];
        let digests = made_from.map(|file| sha256(&fs::read(file).expect("a file"))).join(" ");
        let sites = crate::cache().join("web").join(name);
        let kept = sites.join(&sha256(digests.as_bytes())[..16]);
        let site = Site { packed: kept.join("packed.wasm"), folder: kept.join("dist") };
        if !kept.is_dir() {
            // What earlier builds made is of no use any more.
            let _ = fs::remove_dir_all(&sites);
            fs::create_dir_all(&sites).expect("a folder");
            let new = tempfile::tempdir_in(&sites).expect("a folder");
            make(&model(name), new.path());
            fs::rename(new.keep(), &kept).expect("renamed");
        }
        site
    })
}

/// Packs a model into `packed.wasm` and makes its folder `dist`.
fn make(model: &Path, folder: &Path) {
    let (packed, dist) = (folder.join("packed.wasm"), folder.join("dist"));
    let pack = run(["pack".into(), model.as_os_str().to_owned(), "-o".into(), packed.clone().into()]);
    assert_eq!(pack.code, Some(0), "{pack:?}");
    let web = run(["web".into(), packed.into_os_string(), "-o".into(), dist.into()]);
    assert_eq!(web.code, Some(0), "{web:?}");
}

/// The rows of a model's golden cases.
pub fn golden_rows(name: &str) -> Vec<Value> {
    let file = std::fs::read(model(name).join("1/golden/cases.json")).expect("cases");
    let file: Value = serde_json::from_slice(&file).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    cases.iter().map(|case| case["row"].clone()).collect()
}

/// The host's answers, of each row alone and of all together, from the packed component with plain SIMD, which is the
/// baseline build of a page.
pub fn baseline_answers(packed: &Path, rows: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let component = without_relaxed(&std::fs::read(packed).expect("packed")).expect("a component");
    let engine = Engine::new(&EngineConfig::default()).expect("an engine");
    let compiled = CompileCache::open(&crate::cache().join("compiled")).expect("a cache");
    let program = Program::new(&engine, &compiled, &component).expect("a program");
    let mut instance = program.instantiate(&Limits::packing()).expect("an instance");
    let schema = RowSchema::new(&instance.metadata().expect("metadata")).expect("rows");
    let mut ask = |rows: &[Value]| {
        let rows = rows.iter().map(|row| row.as_object().expect("an object").clone()).collect();
        answer(&mut instance, &schema, rows).expect("answers")
    };
    (rows.iter().flat_map(|row| ask(std::slice::from_ref(row))).collect(), ask(rows))
}

/// Asserts that two answers have the same prediction, label and probabilities, to the last bit of each number.
pub fn assert_same(came: &Value, expected: &Value, what: &str) {
    for field in ["prediction", "label", "probability", "confidence"] {
        assert!(
            same(&came[field], &expected[field]),
            "{what}, {field}: {} is not {}",
            came[field],
            expected[field]
        );
    }
}

/// JavaScript writes 1.0 as 1. A decimal text is that of one number only.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}
