//! Outputs that are kept for the next request with the same inputs.

use std::fs;
use std::path::Path;

use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use edgewit_tests::{copy_model, model};
use serde_json::{Value, json};

use crate::metrics::value;
use crate::{customer, customer_with};

const ON: [&str; 2] = ["--response-cache-mb", "1"];

fn keep(folder: &Path, name: &str, version: &str) {
    fs::write(folder.join(name).join(version).join("model.toml"), "response_cache = true").expect("written");
}

/// Hits, misses and sandboxes started, of a model's first version.
fn counts(server: &Server, model: &str) -> [f64; 3] {
    let metrics = server.client.get("/metrics").text;
    let labels = format!(r#"_total{{model="{model}",version="1"}}"#);
    ["response_cache_hits", "response_cache_misses", "instances_started"]
        .map(|name| value(&metrics, &format!("edgewit_{name}{labels}")))
}

#[test]
fn the_same_inputs_are_answered_with_the_same_outputs_without_a_sandbox() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "response_cache = true", "");
    let server = Server::ready(folder.path(), &ON);
    let miss = server.client.post_json("/predict", &customer()).json();
    assert_eq!(counts(&server, "churn"), [0.0, 1.0, 1.0]);
    // What is passed through is not an input, and is the request's own.
    let hit = server.client.post_json("/predict", &customer_with("customer_id", json!("7590-VHVEG"))).json();
    assert_eq!(counts(&server, "churn"), [1.0, 1.0, 1.0]);
    for field in ["prediction", "label", "probability", "confidence", "model", "model_version"] {
        assert_eq!(hit[field], miss[field], "{field}");
    }
    assert_eq!((&hit["customer_id"], &miss["customer_id"]), (&json!("7590-VHVEG"), &Value::Null));

    // One bit of one input, another number of rows, other outputs: each is another question.
    let other = server.client.post_json("/predict", &customer_with("MonthlyCharges", json!(29.850002)));
    assert_eq!(other.status, 200);
    server.client.post_json("/predict/batch", &json!([customer(), customer()]));
    assert_eq!(counts(&server, "churn"), [1.0, 3.0, 3.0]);
}

#[test]
fn each_version_answers_from_its_own_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    for (version, operator) in [("1", "Neg"), ("2", "Abs")] {
        let graph = Graph::new().input("x", 1, &[Dim::Named("N")]);
        graph.node(operator, &["x"], "y").output("y", 1).save(folder.path(), "m");
        fs::rename(folder.path().join("m/1"), folder.path().join("m").join(format!("v{version}")))
            .expect("moved");
    }
    for version in ["1", "2"] {
        let (from, to) =
            (folder.path().join("m").join(format!("v{version}")), folder.path().join("m").join(version));
        fs::rename(from, to).expect("moved");
        keep(folder.path(), "m", version);
    }
    let server = Server::ready(folder.path(), &ON);
    let body = json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": [1], "data": [3.0] }] });
    for _ in 0..2 {
        for (version, expected) in [("1", -3.0), ("2", 3.0)] {
            let answer = server.client.post_json(&format!("/v2/models/m/versions/{version}/infer"), &body);
            assert_eq!(answer.json()["outputs"][0]["data"], json!([expected]), "{}", answer.text);
        }
    }
    assert_eq!(counts(&server, "m"), [1.0, 1.0, 1.0]);
}

#[test]
fn the_cache_stays_within_its_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().input("x", 1, &[Dim::Named("N")]);
    graph.node("Neg", &["x"], "y").output("y", 1).save(folder.path(), "m");
    keep(folder.path(), "m", "1");
    let server = Server::ready(folder.path(), &ON);
    let ask = |ix: usize| {
        let data = vec![ix; 50_000];
        let input = json!({ "name": "x", "datatype": "FP32", "shape": [data.len()], "data": data });
        let answer = server.client.post_json("/v2/models/m/infer", &json!({ "inputs": [input] })).json();
        assert_eq!(answer["outputs"][0]["data"][49_999].as_f64(), Some(-(ix as f64)));
    };
    let size = || value(&server.client.get("/metrics").text, "edgewit_response_cache_size_bytes ");
    ask(1);
    let one = size();
    assert!((200_000.0..210_000.0).contains(&one), "{one}");
    for ix in 2..12 {
        ask(ix);
        assert!(size() <= 1_048_576.0, "{}", size());
    }
    assert_eq!(size(), 5.0 * one);
    let metrics = server.client.get("/metrics").text;
    assert_eq!(value(&metrics, "edgewit_response_cache_evictions_total "), 6.0);
}

#[test]
fn failures_are_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().ints("table", &[10, 20, 30]).input("i", 7, &[Dim::Named("N")]);
    graph.node("Gather", &["table", "i"], "y").output("y", 7).save(folder.path(), "m");
    keep(folder.path(), "m", "1");
    let server = Server::ready(folder.path(), &ON);
    let body = json!({ "inputs": [{ "name": "i", "datatype": "INT64", "shape": [1], "data": [1000] }] });
    for _ in 0..2 {
        assert_eq!(server.client.post_json("/v2/models/m/infer", &body).status, 500);
    }
    assert_eq!(counts(&server, "m"), [0.0, 2.0, 2.0]);
}

#[test]
fn nothing_is_kept_unless_the_host_and_the_manifest_say_so() {
    let check = |folder: &Path, arguments: &[&str]| {
        let server = Server::ready(folder, arguments);
        for _ in 0..2 {
            assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
        }
        let metrics = server.client.get("/metrics").text;
        assert!(!metrics.contains("edgewit_response_cache_misses_total{"), "{metrics}");
        let predictions = r#"edgewit_predict_duration_seconds_count{model="churn",version="1"}"#;
        assert_eq!(value(&metrics, predictions), 2.0);
    };
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "response_cache = true", "");
    check(folder.path(), &[]);
    check(model("churn").parent().expect("models"), &ON);
}
