//! Sandboxes: one for each request, bounded in time and memory, dropped after a fault.

use edgewit::pack::PREDICTOR;
use edgewit::pack::cache::ModelCache;
use edgewit::pack::source::Source;
use edgewit::progress::Progress;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Limits};
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use edgewit_tests::{cache, model};
use serde_json::json;

/// The sum of the square of the outer product of two vectors: its memory grows with the square
/// of their length, its time with the cube.
fn hungry(folder: &std::path::Path) {
    let graph = Graph::new().input("a", 1, &[Dim::Named("N"), Dim::Fixed(1)]);
    let graph = graph.input("b", 1, &[Dim::Fixed(1), Dim::Named("N")]);
    let graph = graph.node("MatMul", &["a", "b"], "outer").node("MatMul", &["outer", "outer"], "square");
    graph.node("ReduceSum", &["square"], "sum").output("sum", 1).save(folder, "hungry");
}

fn ask(server: &Server, length: usize) -> edgewit_tests::http::Answer {
    let ones = vec![1; length];
    let body = json!({ "inputs": [
        { "name": "a", "datatype": "FP32", "shape": [length, 1], "data": ones },
        { "name": "b", "datatype": "FP32", "shape": [1, length], "data": ones },
    ]});
    server.client.post_json("/v2/models/hungry/infer", &body)
}

#[test]
fn a_pool_holds_as_many_sandboxes_as_it_was_made_for() {
    let engine = Engine::new(&EngineConfig { pool: 3, max_memory: 512 << 20 }).expect("an engine");
    let compiled = CompileCache::open(&cache().join("compiled")).expect("a cache");
    let source = Source::read(&model("churn")).expect("a model");
    let program = ModelCache::new(&engine, &compiled).program(&source, &Progress::silent());
    let program = program.expect("the model loads");
    let limits = Limits { memory: 512 << 20, ..Limits::default() };
    let mut held = (0..3).map(|_| program.instantiate(&limits).expect("a place")).collect::<Vec<_>>();
    assert!(program.instantiate(&limits).is_err());
    held.pop();
    program.instantiate(&limits).expect("the place that was given back");
}

#[test]
fn a_prediction_that_takes_too_much_time_or_memory_is_stopped_and_the_next_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    hungry(folder.path());
    for isolation in ["request", "reuse"] {
        let arguments = ["--isolation", isolation, "--deadline-ms", "2000", "--memory-mb", "512"];
        let server = Server::ready(folder.path(), &arguments);
        let fine = ask(&server, 4);
        assert_eq!(fine.status, 200, "{}", fine.text);
        assert_eq!(fine.json()["outputs"][0]["data"], json!([64.0]));

        // Matrices of 9,000 squared take 324 MB each; those of 4,000 squared fit, and take twice the
        // deadline or more.
        let memory = ask(&server, 9000);
        assert_eq!((memory.status, memory.error().contains("memory")), (500, true), "{}", memory.text);
        let time = ask(&server, 4000);
        assert_eq!((time.status, time.error().contains("deadline")), (504, true), "{}", time.text);

        assert_eq!(ask(&server, 4).status, 200);
        let metrics = server.client.get("/metrics").text;
        for reason in ["memory", "deadline"] {
            let line = format!(r#"edgewit_failures_total{{model="hungry",version="1",reason="{reason}"}} 1"#);
            assert!(metrics.contains(&line), "{line}\n{metrics}");
        }
        // Reused: the first sandbox is spent by the first fault, the second by the second.
        let started = if isolation == "request" { 4 } else { 3 };
        let line = format!(r#"edgewit_instances_started_total{{model="hungry",version="1"}} {started}"#);
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

#[test]
fn the_predictor_has_no_import_to_begin_with() {
    let outline = edgewit::pack::description::Outline::read(PREDICTOR).expect("an outline");
    assert!(outline.imports.is_empty(), "{:?}", outline.imports);
}

#[test]
fn a_trap_is_answered_without_what_happened_inside_and_the_log_says_it() {
    let folder = tempfile::tempdir().expect("a folder");
    // The index is data, so nothing but running it shows that it is out of range.
    let graph = Graph::new().input("x", 1, &[Dim::Named("N")]).input("i", 7, &[Dim::Fixed(1)]);
    graph.node("Gather", &["x", "i"], "y").output("y", 1).save(folder.path(), "gather");
    let server = Server::ready(folder.path(), &[]);
    let ask = |index: i64| {
        let body = json!({ "inputs": [
            { "name": "x", "datatype": "FP32", "shape": [3], "data": [1, 2, 3] },
            { "name": "i", "datatype": "INT64", "shape": [1], "data": [index] },
        ]});
        server.client.post_json("/v2/models/gather/infer", &body)
    };
    assert_eq!(ask(2).json()["outputs"][0]["data"], json!([3.0]));
    let beyond = ask(1000);
    assert_eq!((beyond.status, beyond.error()), (500, "the model failed on this request".into()));
    assert_eq!(ask(-1).json()["outputs"][0]["data"], json!([3.0]));
}
