//! Requests that are put together into one prediction. An hour of delay stands for "until the batch
//! is full", so nothing here depends on how fast the machine is.

use std::fs;
use std::path::Path;

use edgewit_tests::http::Answer;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::{Server, shared};
use edgewit_tests::{copy_model, model};
use serde_json::{Value, json};

use crate::customer;
use crate::metrics::value;

const HOUR_US: u64 = 3_600_000_000;
const REUSE: [&str; 2] = ["--isolation", "reuse"];

fn manifest(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name).join("1/model.toml"), text).expect("written");
}

fn batching(max_size: u32, max_delay_us: u64) -> String {
    format!("[batching]\nmax_size = {max_size}\nmax_delay_us = {max_delay_us}")
}

/// Sends all bodies at the same time; the answers come in the bodies' order.
fn ask_together(server: &Server, path: &str, bodies: &[Value]) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let ask = |body| scope.spawn(move || server.client.post_json(path, body));
        let asked = bodies.iter().map(ask).collect::<Vec<_>>();
        asked.into_iter().map(|thread| thread.join().expect("the client thread ends")).collect()
    })
}

fn floats(name: &str, shape: &[usize], data: &[f32]) -> Value {
    json!({ "inputs": [{ "name": name, "datatype": "FP32", "shape": shape, "data": data }] })
}

/// Whether two answers are equal, numbers to within `tolerance`.
fn alike(a: &Value, b: &Value, tolerance: f64) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b, tolerance)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b, tolerance))
        }
        (Value::Number(x), Value::Number(y)) => {
            a == b || x.as_f64().zip(y.as_f64()).is_some_and(|(x, y)| (x - y).abs() <= tolerance)
        }
        _ => a == b,
    }
}

/// Trees are summed in the same order in any batch. A net's products are not: a row alone is multiplied by another
/// kernel than a batch, and the last bits may differ.
#[test]
fn requests_in_a_batch_are_answered_as_alone_and_those_of_trees_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["churn", "digits"] {
        copy_model(name, folder.path(), "", &batching(4, HOUR_US));
    }
    let server = Server::ready(folder.path(), &REUSE);
    let alone = shared();
    for (name, tolerance) in [("churn", 0.0), ("digits", 1e-6)] {
        let cases = fs::read_to_string(model(name).join("1/golden/cases.json")).expect("text");
        let cases: Value = serde_json::from_str(&cases).expect("JSON");
        let rows = cases["cases"].as_array().expect("a list").iter().map(|case| case["row"].clone());
        let rows = rows.take(16).collect::<Vec<_>>();
        assert_eq!(rows.len(), 16);
        let path = format!("/models/{name}/predict");
        for (row, mut came) in rows.iter().zip(ask_together(&server, &path, &rows).iter().map(Answer::json)) {
            let mut expected = alone.client.post_json(&path, row).json();
            for answer in [&mut came, &mut expected] {
                answer.as_object_mut().expect("an object").remove("timestamp");
            }
            assert!(alike(&came, &expected, tolerance), "{name}: {came} is not {expected}");
        }
        let metrics = server.client.get("/metrics").text;
        let labels = format!(r#"{{model="{name}",version="1"}}"#);
        assert_eq!(value(&metrics, &format!("edgewit_batch_size_count{labels}")), 4.0);
        assert_eq!(value(&metrics, &format!("edgewit_batch_size_sum{labels}")), 16.0);
        assert_eq!(value(&metrics, &format!("edgewit_rows_total{labels}")), 16.0);
        assert_eq!(value(&metrics, &format!("edgewit_predict_duration_seconds_count{labels}")), 4.0);
        assert_eq!(value(&metrics, &format!("edgewit_requests_total{labels}")), 16.0);
        assert_eq!(value(&metrics, &format!("edgewit_batch_failures_total{labels}")), 0.0);
    }
}

#[test]
fn only_requests_that_differ_in_nothing_but_their_rows_share_a_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().input("x", 1, &[Dim::Named("N"), Dim::Named("M")]);
    let graph = graph.node("Neg", &["x"], "minus").node("Mul", &["x", "x"], "square");
    graph.output("minus", 1).output("square", 1).save(folder.path(), "m");
    manifest(folder.path(), "m", &batching(3, HOUR_US));
    let server = Server::ready(folder.path(), &REUSE);
    let select = |mut body: Value, output: &str| {
        body["outputs"] = json!([{ "name": output }]);
        body
    };
    // Three rows of each kind: in width, and in what is asked for.
    let bodies = [
        floats("x", &[1, 2], &[1.0, 2.0]),
        floats("x", &[1, 3], &[1.0, 2.0, 3.0]),
        select(floats("x", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), "square"),
        floats("x", &[2, 2], &[3.0, 4.0, 5.0, 6.0]),
        floats("x", &[2, 3], &[4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
        select(floats("x", &[1, 2], &[5.0, 6.0]), "square"),
    ];
    let answers = ask_together(&server, "/v2/models/m/infer", &bodies);
    for (body, answer) in bodies.iter().zip(&answers) {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let outputs = answer.json()["outputs"].clone();
        let names: &[&str] = if body["outputs"].is_null() { &["minus", "square"] } else { &["square"] };
        assert_eq!(outputs.as_array().map(Vec::len), Some(names.len()));
        for (output, name) in outputs.as_array().expect("a list").iter().zip(names) {
            let x = body["inputs"][0]["data"].as_array().expect("a list").iter().map(|x| x.as_f64().unwrap());
            let expected = x.map(|x| if *name == "minus" { -x } else { x * x }).collect::<Vec<_>>();
            assert_eq!((&output["name"], &output["data"]), (&json!(name), &json!(expected)));
            assert_eq!(output["shape"], body["inputs"][0]["shape"]);
        }
    }
    let metrics = server.client.get("/metrics").text;
    assert_eq!(value(&metrics, r#"edgewit_batch_size_count{model="m",version="1"}"#), 3.0);
    assert_eq!(value(&metrics, r#"edgewit_batch_size_sum{model="m",version="1"}"#), 9.0);
}

#[test]
fn a_request_as_large_as_a_batch_goes_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().input("x", 1, &[Dim::Named("N")]);
    graph.node("Neg", &["x"], "y").output("y", 1).save(folder.path(), "m");
    manifest(folder.path(), "m", &batching(4, HOUR_US));
    let server = Server::ready(folder.path(), &REUSE);
    let ask =
        |rows: usize| server.client.post_json("/v2/models/m/infer", &floats("x", &[rows], &vec![1.0; rows]));
    assert_eq!(ask(5).json()["outputs"][0]["data"], json!([-1.0, -1.0, -1.0, -1.0, -1.0]));
    assert_eq!(ask(4).status, 200);
    let metrics = server.client.get("/metrics").text;
    assert_eq!(value(&metrics, r#"edgewit_batch_size_count{model="m",version="1"}"#), 0.0);
}

#[test]
fn a_request_that_fails_its_batch_does_not_fail_its_neighbours() {
    let folder = tempfile::tempdir().expect("a folder");
    // An index beyond the table fails the prediction, and with it every row of its batch.
    let graph = Graph::new().ints("table", &[10, 20, 30]).input("i", 7, &[Dim::Named("N"), Dim::Fixed(1)]);
    graph.node("Gather", &["table", "i"], "y").output("y", 7).save(folder.path(), "m");
    manifest(folder.path(), "m", &batching(4, HOUR_US));
    let server = Server::ready(folder.path(), &REUSE);
    let body = |index: i64| json!({ "inputs": [{ "name": "i", "datatype": "INT64", "shape": [1, 1], "data": [index] }] });
    let answers = ask_together(&server, "/v2/models/m/infer", &[body(0), body(1000), body(2), body(1)]);
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 500, 200, 200]);
    for (ix, expected) in [(0, 10), (2, 30), (3, 20)] {
        assert_eq!(answers[ix].json()["outputs"][0]["data"], json!([expected]));
    }
    let metrics = server.client.get("/metrics").text;
    assert_eq!(value(&metrics, r#"edgewit_batch_failures_total{model="m",version="1"}"#), 1.0);
    assert_eq!(value(&metrics, r#"edgewit_failures_total{model="m",version="1",reason="execution"}"#), 1.0);
}

#[test]
fn without_a_delay_what_waits_for_a_worker_is_put_together_and_a_lone_request_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut graph = Graph::new().input("x", 1, &[Dim::Unnamed, Dim::Fixed(64), Dim::Fixed(64)]);
    for ix in 0..200 {
        let from = if ix == 0 { "x".to_owned() } else { format!("y{ix}") };
        graph = graph.node("MatMul", &[&from, "x"], &format!("m{ix}")).node(
            "Sign",
            &[&format!("m{ix}")],
            &format!("y{}", ix + 1),
        );
    }
    graph.output("y200", 1).save(folder.path(), "slow");
    let graph = Graph::new().input("x", 1, &[Dim::Named("N")]);
    graph.node("Neg", &["x"], "y").output("y", 1).save(folder.path(), "m");
    manifest(folder.path(), "m", &batching(32, 0));
    let server =
        Server::ready(folder.path(), &[&REUSE[..], &["--workers", "1", "--deadline-ms", "60000"]].concat());
    let lone = server.client.post_json("/v2/models/m/infer", &floats("x", &[1], &[2.0]));
    assert_eq!(lone.json()["outputs"][0]["data"], json!([-2.0]));

    let pending = || value(&server.client.get("/metrics").text, r#"edgewit_pending_requests{model="m""#);
    let slow = json!(vec![json!({ "x": vec![1; 64 * 64] }); 100]);
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| server.client.post_json("/models/slow/predict/batch", &slow));
        let taken = r#"edgewit_queue_duration_seconds_count{model="slow",version="1"} 1"#;
        while !server.client.get("/metrics").text.contains(taken) {}
        let waiting = scope.spawn(|| {
            let bodies = (0..6).map(|ix| floats("x", &[1], &[ix as f32])).collect::<Vec<_>>();
            ask_together(&server, "/v2/models/m/infer", &bodies)
        });
        while pending() < 6.0 {
            assert!(!busy.is_finished(), "the only worker was free too soon");
        }
        for (ix, answer) in waiting.join().expect("the client threads end").iter().enumerate() {
            assert_eq!(answer.json()["outputs"][0]["data"], json!([-(ix as f32)]));
        }
        assert_eq!(busy.join().expect("the client thread ends").status, 200);
    });
    let metrics = server.client.get("/metrics").text;
    assert_eq!(value(&metrics, r#"edgewit_batch_size_count{model="m",version="1"}"#), 2.0);
    assert_eq!(value(&metrics, r#"edgewit_batch_size_sum{model="m",version="1"}"#), 7.0);
}

#[test]
fn nothing_is_put_together_unless_the_manifest_asks_and_sandboxes_may_be_shared() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", &batching(4, HOUR_US));
    // With an hour of delay, an answer at all says that there is no batch.
    let isolated = Server::ready(folder.path(), &[]);
    assert_eq!(isolated.client.post_json("/predict", &customer()).status, 200);
    assert!(!isolated.client.get("/metrics").text.contains("edgewit_batch_size_count"));

    let models = model("churn");
    let silent = Server::ready(models.parent().expect("models"), &REUSE);
    assert_eq!(silent.client.post_json("/predict", &customer()).status, 200);
    assert!(!silent.client.get("/metrics").text.contains("edgewit_batch_size_count"));
}

#[test]
fn a_model_whose_rows_are_not_independent_is_never_put_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().ints("axes", &[0]).input("x", 1, &[Dim::Named("N"), Dim::Fixed(2)]);
    let graph = graph.node("ReduceSum", &["x", "axes"], "sum").node("Sub", &["x", "sum"], "y");
    graph.output("y", 1).save(folder.path(), "across");
    let graph = Graph::new().input("x", 1, &[Dim::Named("N"), Dim::Fixed(2)]);
    graph.node("ReduceSum", &["x"], "y").output("y", 1).save(folder.path(), "one");
    for name in ["across", "one"] {
        manifest(folder.path(), name, &batching(4, HOUR_US));
    }
    let server = Server::ready(folder.path(), &REUSE);
    let body = floats("x", &[1, 2], &[1.0, 2.0]);
    let across = server.client.post_json("/v2/models/across/infer", &body).json();
    assert_eq!(across["outputs"][0]["data"], json!([0.0, 0.0]));
    let one = server.client.post_json("/v2/models/one/infer", &body).json();
    assert_eq!(one["outputs"][0]["data"], json!([3.0]));
}
