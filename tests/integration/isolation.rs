//! Sandboxes: one for each request, bounded in time and memory, dropped after a fault.

use edgewit::pack::PREDICTOR;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use serde_json::json;

/// A model whose time and memory grow with the length that it is asked for.
fn hungry(folder: &std::path::Path) {
    let graph = Graph::new().input("shape", 7, &[Dim::Fixed(1), Dim::Fixed(2)]).input("flat", 7, &[Dim::Fixed(1)]);
    let graph = graph.node("Squeeze", &["shape"], "dims").node("ConstantOfShape", &["dims"], "zeros");
    let graph = graph.node("Exp", &["zeros"], "ones").node("MatMul", &["ones", "ones"], "product");
    graph.node("ReduceSum", &["product"], "sum").node("Identity", &["flat"], "same").output("sum", 1).output("same", 7).save(folder, "hungry");
}

fn ask(server: &Server, size: u64) -> edgewit_tests::http::Answer {
    let body = json!({ "inputs": [
        { "name": "shape", "datatype": "INT64", "shape": [1, 2], "data": [size, size] },
        { "name": "flat", "datatype": "INT64", "shape": [1], "data": [7] },
    ]});
    server.client.post_json("/v2/models/hungry/infer", &body)
}

#[test]
fn a_prediction_that_takes_too_much_time_or_memory_is_stopped_and_the_next_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    hungry(folder.path());
    for isolation in ["request", "reuse"] {
        let arguments = ["--isolation", isolation, "--deadline-ms", "300", "--memory-mb", "128"];
        let server = Server::ready(folder.path(), &arguments);
        let fine = ask(&server, 4);
        assert_eq!(fine.status, 200, "{}", fine.text);
        assert_eq!(fine.json()["outputs"][0]["data"], json!([64.0]));

        // 3,500 squared is 49 MB a matrix, three of which are over the limit; 2,000 takes a second.
        let memory = ask(&server, 3500);
        assert_eq!((memory.status, memory.error().contains("memory")), (500, true), "{}", memory.text);
        let time = ask(&server, 2000);
        assert_eq!((time.status, time.error().contains("deadline")), (504, true), "{}", time.text);

        assert_eq!(ask(&server, 4).text.contains("64.0"), true);
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
