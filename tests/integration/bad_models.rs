//! Models that cannot run: `pack` says why, and a host that finds one goes on with the others.

use std::fs;
use std::path::Path;

use edgewit_tests::command::run;
use edgewit_tests::onnx::{Dim, Graph, save};
use edgewit_tests::server::Server;
use edgewit_tests::{full, model};

/// Packs `bytes` as an ONNX file and expects every one of `words` in the error.
fn check(bytes: &[u8], words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.onnx");
    fs::write(&path, bytes).expect("written");
    let output = folder.path().join("bad.wasm");
    let pack = run(["pack".as_ref(), path.as_os_str(), "-o".as_ref(), output.as_os_str()]);
    assert_eq!(pack.code, Some(1), "{pack:?}");
    for word in words.iter().chain(&["bad.onnx"]) {
        assert!(pack.err.contains(word), "`{word}` is not in: {}", pack.err);
    }
    assert!(!output.exists());
}

fn churn() -> Vec<u8> {
    fs::read(model("churn/1/model.onnx")).expect("the model")
}

#[test]
fn an_empty_file_is_refused() {
    check(&[], &["empty"]);
}

#[test]
fn a_file_that_is_not_onnx_is_refused() {
    check(b"\x89PNG\r\n\x1a\n not a model at all", &["not ONNX"]);
    check("name: no protobuf here".repeat(50).as_bytes(), &["not ONNX"]);
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = churn();
    let parts = if full() { 200 } else { 6 };
    for part in 1..parts {
        check(&whole[..whole.len() * part / parts], &["bad.onnx: "]);
    }
}

#[test]
fn every_unsupported_node_is_named_at_once() {
    let graph = Graph::new().input("x", 1, &[Dim::Unnamed, Dim::Fixed(4)]);
    let graph = graph.node("Teleport", &["x"], "a").node("Relu", &["a"], "b");
    let graph = graph.node_of("com.example", "Conjure", &["b"], "c").node("Unheard", &["c"], "d");
    check(&graph.output("d", 1).bytes(), &["3 of", "Teleport_a", "com.example.Conjure", "Unheard_d"]);
}

#[test]
fn a_graph_that_does_not_hang_together_is_refused() {
    let x = || Graph::new().input("x", 1, &[Dim::Unnamed]);
    check(&x().node("Neg", &["x"], "y").output("z", 1).bytes(), &["`z` is made by no node"]);
    check(&x().node("Neg", &["w"], "y").output("y", 1).bytes(), &["w"]);
    check(&Graph::new().bytes(), &["no output"]);
}

#[test]
fn an_element_type_without_a_datatype_is_named_with_its_tensors() {
    for (element, name) in [(14, "COMPLEX64"), (16, "BFLOAT16"), (17, "FLOAT8E4M3FN"), (22, "INT4")] {
        let graph = Graph::new().input("x", element, &[Dim::Unnamed]).node("Identity", &["x"], "y");
        let bytes = graph.output("y", element).bytes();
        check(&bytes, &[&format!("input `x` is {name}"), &format!("output `y` is {name}")]);
    }
}

#[test]
fn a_manifest_that_does_not_fit_names_the_feature() {
    let folder = tempfile::tempdir().expect("a folder");
    save(folder.path(), "m", &churn());
    fs::write(folder.path().join("m/1/model.toml"), "[[features]]\nname = \"age\"\n").expect("written");
    let pack = run(["pack".into(), folder.path().join("m")]);
    assert_eq!(pack.code, Some(1));
    assert!(pack.err.contains("model.toml") && pack.err.contains("age"), "{}", pack.err);
    fs::write(folder.path().join("m/1/model.toml"), "[[feature]]\nname = \"age\"\n").expect("written");
    let pack = run(["pack".into(), folder.path().join("m")]);
    assert!(pack.err.contains("model.toml") && pack.err.contains("unknown field `feature`"), "{}", pack.err);
}

#[test]
fn a_host_with_a_bad_model_serves_the_others_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    save(folder.path(), "broken", &churn()[..1000]);
    good(folder.path());
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for("not every model");
    let health = server.client.get("/health");
    assert_eq!(health.status, 503);
    let models = &health.json()["models"];
    assert_eq!((&models[0]["name"], &models[0]["state"]), (&"broken".into(), &"failed".into()));
    assert!(models[0]["reason"].as_str().is_some_and(|reason| reason.contains("not ONNX")), "{models}");
    assert_eq!(models[1]["state"], "ready");
    assert_eq!(server.client.get("/health/live").status, 200);
    assert_eq!(server.client.post("/models/broken/predict", "{}").status, 503);
    assert_eq!(server.client.post("/models/good/predict", "{\"x\": 1}").status, 200);
}

/// A model that negates one number.
fn good(folder: &Path) {
    let graph = Graph::new().input("x", 1, &[Dim::Unnamed]).node("Neg", &["x"], "y").output("y", 1);
    graph.save(folder, "good");
}
