//! The packed component: sealed, described, deterministic.

use std::ffi::OsString;
use std::fs;

use edgewit::pack::description::{Description, Outline};
use edgewit_tests::command::run;
use edgewit_tests::model;
use edgewit_tests::onnx::{Dim, Graph};
use wasmparser::WasmFeatures;

/// Packs churn into a folder and returns the bytes.
fn packed(folder: &std::path::Path, name: &str) -> Vec<u8> {
    let output = folder.join(name);
    let pack = run(["pack".into(), model("churn/1"), "-o".into(), output.clone()]);
    assert_eq!(pack.code, Some(0), "{pack:?}");
    assert!(pack.out.contains("churn 1"), "{pack:?}");
    fs::read(output).expect("the component was written")
}

#[test]
fn packing_twice_gives_the_same_bytes_and_imports_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (packed(folder.path(), "a.wasm"), packed(folder.path(), "b.wasm"));
    assert!(first == second, "the two components differ");
    wasmparser::Validator::new().validate_all(&first).expect("a valid component");
    let outline = Outline::read(&first).expect("an outline");
    assert!(outline.imports.is_empty(), "{:?}", outline.imports);
    assert_eq!(outline.exports, ["edgewit:inference/types@0.1.0", "edgewit:inference/predict@0.1.0"]);
    let description = Description::read(&first).expect("a description");
    assert_eq!(description.model.name, "churn");
    assert_eq!(description.model.inputs.len(), 19);
}

#[test]
fn several_models_are_packed_at_once_and_one_that_fails_leaves_the_others_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.onnx");
    fs::write(&bad, "no model").expect("a file");
    let output = folder.path().join("packed");
    let models = [model("churn/1"), bad, model("digits/1"), model("churn")];
    let arguments = ["pack".into(), "-o".into(), output.clone()].into_iter().chain(models);
    let pack = run(arguments);
    assert_eq!(pack.code, Some(1), "{pack:?}");
    assert!(pack.err.contains("2 of 4 models could not be packed"), "{pack:?}");
    assert!(pack.out.contains("bad.onnx: ") && pack.out.contains("is another model's"), "{pack:?}");
    let alone = packed(folder.path(), "alone.wasm");
    assert!(fs::read(output.join("churn-1.wasm")).expect("churn") == alone, "the two components differ");
    assert_eq!(fs::read_dir(&output).expect("the folder").count(), 2);

    let file = folder.path().join("alone.wasm");
    let refused = run(["pack".into(), model("churn"), model("digits"), "-o".into(), file]);
    assert!(refused.err.contains("expected a folder"), "{refused:?}");
}

#[test]
fn models_have_their_machine_code_in_common_and_less_of_it_than_the_predictor() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    for model in ["churn/1", "digits/1"].map(model) {
        let name = format!("{}.wasm", model.parent().expect("a model").display()).replace('/', "_");
        let packed = folder.path().join(name);
        let pack: [OsString; 6] = [
            "pack".into(),
            model.into(),
            "-o".into(),
            packed.clone().into(),
            "--cache".into(),
            cache.clone().into(),
        ];
        assert_eq!(run(pack).code, Some(0));
        let metadata: [OsString; 4] =
            ["predict".into(), packed.into(), "--cache".into(), cache.clone().into()];
        let refused = run(metadata.into_iter().chain(["--row".into(), "{}".into()]));
        assert!(refused.err.contains("is missing"), "the sandbox answers: {refused:?}");
    }
    let sizes = fs::read_dir(cache.join("compiled"))
        .expect("the cache")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("an entry").len());
    let (mut code, images): (Vec<u64>, Vec<u64>) = sizes.partition(|size| *size > 8 << 20);
    code.sort_unstable();
    let [of_models, of_predictor] = *code else {
        panic!("expected one file of machine code for two models and one for the predictor: {code:?}")
    };
    assert!(of_models * 4 < of_predictor * 3, "{code:?}");
    assert!(images.iter().all(|size| *size < 4 << 20), "{images:?}");
}

#[test]
fn inspect_shows_name_digest_tensors_operators_and_no_imports() {
    let folder = tempfile::tempdir().expect("a folder");
    packed(folder.path(), "churn.wasm");
    let path = folder.path().join("churn.wasm");
    let onnx = fs::read(model("churn/1/model.onnx")).expect("the model");
    let digest = edgewit::digest::sha256(&onnx);

    let text = run(["inspect".as_ref(), path.as_os_str()]);
    assert_eq!(text.code, Some(0), "{text:?}");
    let expected =
        ["churn 1", &*digest, "tenure FP32 [N, 1]", "label BYTES [N]", "probabilities FP32 [N, 2]"];
    for expected in expected.into_iter().chain(["ai.onnx.ml.OneHotEncoder x15", "imports    none"]) {
        assert!(text.out.contains(expected), "`{expected}` is not in\n{}", text.out);
    }

    let json = run(["inspect".as_ref(), path.as_os_str(), "--json".as_ref()]);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["digest"], digest);
    assert_eq!(json["imports"], serde_json::json!([]));
    assert_eq!(json["inputs"][0]["datatype"], "BYTES");
}

#[test]
fn a_model_packed_for_baseline_simd_is_another_file_without_a_relaxed_instruction() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("churn.wasm");
    let pack =
        ["pack".into(), model("churn/1"), "--simd".into(), "baseline".into(), "-o".into(), path.clone()];
    assert_eq!(run(pack).code, Some(0));
    let component = fs::read(&path).expect("the component was written");
    wasmparser::Validator::new_with_features(WasmFeatures::all() - WasmFeatures::RELAXED_SIMD)
        .validate_all(&component)
        .expect("valid without relaxed SIMD");
    packed(folder.path(), "relaxed.wasm");
    let relaxed = folder.path().join("relaxed.wasm");
    for (path, simd) in [(path, "baseline"), (relaxed, "relaxed")] {
        let text = run(["inspect".as_ref(), path.as_os_str()]).out;
        assert!(text.contains(&format!("simd       {simd}\n")), "{text}");
    }
}

#[test]
fn a_file_that_is_not_a_packed_model_is_refused_by_inspect() {
    let refused = run(["inspect".into(), model("churn/1/model.onnx")]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("not a WebAssembly component"), "{}", refused.err);
}

#[test]
fn a_packed_component_predicts_as_its_model_does() {
    let folder = tempfile::tempdir().expect("a folder");
    packed(folder.path(), "churn.wasm");
    let row = crate::customer().to_string();
    let answer = |model: std::ffi::OsString| {
        let run = run(["predict".into(), model, "--row".into(), row.clone().into()]);
        let json: serde_json::Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
        json["probability"].clone()
    };
    let from_wasm = answer(folder.path().join("churn.wasm").into());
    assert_eq!(from_wasm, answer(model("churn").into()));
    assert!(from_wasm.is_array());
}

/// Packs a graph of float inputs and returns the bytes.
fn packed_graph(name: &str, graph: Graph) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    graph.save(folder.path(), name);
    let output = folder.path().join("packed.wasm");
    let pack = run(["pack".into(), folder.path().join(name), "-o".into(), output.clone()]);
    assert_eq!(pack.code, Some(0), "{pack:?}");
    fs::read(output).expect("the component was written")
}

#[test]
fn a_packed_model_holds_its_weights_once_and_nothing_of_the_file_that_they_came_from() {
    const FLOAT: i32 = 1;
    let image = |component: &[u8]| Outline::read(component).expect("an outline").data_bytes;
    let dims = |rest: &[i64]| {
        let rest = rest.iter().map(|length| Dim::Fixed(*length));
        std::iter::once(Dim::Unnamed).chain(rest).collect::<Vec<_>>()
    };
    let empty = Graph::new().input("x", FLOAT, &dims(&[4])).node("Identity", &["x"], "y").output("y", FLOAT);
    let empty = image(&packed_graph("empty", empty));
    for (operator, input, weights) in
        [("MatMul", [1024].as_slice(), [1024, 1024].as_slice()), ("Conv", &[256, 14, 14], &[448, 256, 3, 3])]
    {
        let graph = Graph::new()
            .documented("this is for readers of the graph")
            .input("x", FLOAT, &dims(input))
            .weights("w", weights)
            .node(operator, &["x", "w"], "y")
            .output("y", FLOAT);
        let component = packed_graph("layer", graph);
        let bytes = weights.iter().product::<i64>() as usize * size_of::<f32>();
        let beyond = image(&component) - empty;
        assert!(beyond <= bytes + bytes * 15 / 100, "{operator}: {beyond} bytes for weights of {bytes}");
        let text = b"this is for readers of the graph";
        assert!(
            !component.windows(text.len()).any(|window| window == text),
            "{operator}: the file is still there"
        );
    }
}
