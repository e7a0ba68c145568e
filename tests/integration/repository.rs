//! Models that are loaded and unloaded while the host runs, and what it says of their configuration.

use std::fs;
use std::path::Path;

use edgewit_tests::http::Client;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::{Server, shared};
use serde_json::{Value, json};

use crate::metrics::value;

/// Saves `m`, whose one operator is `operator`.
fn save(folder: &Path, operator: &str) {
    let graph = Graph::new().input("x", 1, &[Dim::Named("N")]);
    graph.node(operator, &["x"], "y").output("y", 1).save(folder, "m");
}

fn ask(client: &Client) -> (u16, Value) {
    let body = json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": [1], "data": [4] }] });
    let answer = client.post_json("/v2/models/m/infer", &body);
    (answer.status, answer.json()["outputs"][0]["data"][0].clone())
}

fn index(client: &Client, body: &str) -> Value {
    client.post("/v2/repository/index", body).json()
}

fn entry(version: &str, state: &str, reason: &str) -> Value {
    json!({ "name": "m", "version": version, "state": state, "reason": reason })
}

#[test]
fn a_model_leaves_service_and_comes_back_as_it_lies_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    save(folder.path(), "Neg");
    let server = Server::ready(folder.path(), &[]);
    let client = &server.client;
    assert_eq!(ask(client), (200, json!(-4.0)));
    assert_eq!(index(client, ""), json!([entry("1", "READY", "")]));

    assert_eq!(client.post("/v2/repository/models/m/unload", "").status, 200);
    assert_eq!(ask(client).0, 404);
    assert_eq!(client.get("/v2/models/m/versions/1/ready").status, 503);
    assert_eq!(index(client, "{}"), json!([entry("1", "UNAVAILABLE", "unloaded")]));
    assert_eq!(index(client, r#"{"ready": true}"#), json!([]));
    assert_eq!(client.get("/v2/health/ready").status, 200);
    assert_eq!(client.post("/v2/repository/models/m/unload", "").status, 404);

    save(folder.path(), "Sqrt");
    assert_eq!(client.post("/v2/repository/models/m/load", "{}").status, 200);
    assert_eq!(ask(client), (200, json!(2.0)));
}

#[test]
fn a_model_is_replaced_while_it_answers_and_one_that_cannot_be_loaded_leaves_it_be() {
    let folder = tempfile::tempdir().expect("a folder");
    save(folder.path(), "Neg");
    let server = Server::ready(folder.path(), &[]);
    let client = &server.client;
    edgewit_tests::onnx::save(folder.path(), "m", b"no model");
    let refused = client.post("/v2/repository/models/m/load", "");
    assert_eq!((refused.status, ask(client)), (400, (200, json!(-4.0))), "{}", refused.text);
    assert!(refused.error().contains("model `m` cannot be loaded: version 1: "), "{}", refused.error());

    save(folder.path(), "Sqrt");
    let statuses = std::thread::scope(|scope| {
        let load = scope.spawn(|| client.post("/v2/repository/models/m/load", "").status);
        let mut statuses = vec![];
        while !load.is_finished() {
            statuses.push(ask(client).0);
        }
        assert_eq!(load.join().expect("the client thread ends"), 200);
        statuses
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(ask(client), (200, json!(2.0)));

    // The second version is new, the first is gone.
    fs::rename(folder.path().join("m/1"), folder.path().join("m/2")).expect("moved");
    assert_eq!(client.post("/v2/repository/models/m/load", "").status, 200);
    let expect = [entry("1", "UNAVAILABLE", "unloaded"), entry("2", "READY", "")];
    assert_eq!(index(client, ""), json!(expect));
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    let client = &shared().client;
    let check = |path: &str, body: &str, status: u16, words: &str| {
        let answer = client.post(path, body);
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.error().contains(words), "`{words}` is not in: {}", answer.error());
    };
    check("/v2/repository/models/nothing/load", "", 404, "nothing");
    check("/v2/repository/models/..%2f..%2fetc/load", "", 404, "../../etc");
    check("/v2/repository/models/nothing/unload", "", 404, "nothing");
    check("/v2/repository/models/churn/load", r#"{"parameters": {"config": "{}"}}"#, 501, "config");
    check("/v2/repository/models/churn/load", r#"{"parameters": {"file:1/model.onnx": ""}}"#, 501, "file:");
    check("/v2/repository/models/churn/load", "[1]", 400, "the body");
    check("/v2/repository/models/churn/load", "[]", 400, "the body");
    check("/v2/repository/index", "{", 400, "the body");
}

#[test]
fn a_configuration_has_the_tensors_in_full_shape() {
    let client = &shared().client;
    for path in ["/v2/models/digits/config", "/v2/models/digits/versions/1/config"] {
        let config = client.get(path).json();
        let image = json!([{ "name": "image", "data_type": "TYPE_FP32", "dims": [-1, 1, 8, 8] }]);
        assert_eq!((&config["name"], &config["input"]), (&json!("digits"), &image));
        assert_eq!(config["max_batch_size"], 0);
    }
    let inputs = client.get("/v2/models/churn/config").json()["input"].clone();
    assert!(inputs.as_array().expect("a list").iter().any(|input| input["data_type"] == "TYPE_STRING"));
    assert_eq!(client.get("/v2/models/nothing/config").status, 404);
}

#[test]
fn statistics_are_those_of_the_metrics() {
    let folder = tempfile::tempdir().expect("a folder");
    save(folder.path(), "Neg");
    let server = Server::ready(folder.path(), &[]);
    assert_eq!([ask(&server.client).0, ask(&server.client).0], [200, 200]);
    assert_eq!(server.client.post("/v2/models/m/infer", "{}").status, 400);
    let metrics = server.client.get("/metrics").text;
    for path in ["/v2/models/stats", "/v2/models/m/stats", "/v2/models/m/versions/1/stats"] {
        let all = server.client.get(path).json();
        let model = &all["model_stats"][0];
        assert_eq!((&model["name"], &model["version"]), (&json!("m"), &json!("1")));
        assert_eq!((&model["inference_count"], &model["execution_count"]), (&json!(2), &json!(2)));
        let stats = &model["inference_stats"];
        let counts = ["success", "fail", "queue", "compute_infer"].map(|name| stats[name]["count"].as_u64());
        assert_eq!(counts, [Some(2), Some(1), Some(3), Some(2)]);
        let predicted = value(&metrics, r#"edgewit_predict_duration_seconds_sum{model="m",version="1"}"#);
        let ns = |name: &str| stats[name]["ns"].as_u64().expect("a duration");
        // The metric is a sum of rounded seconds.
        assert!((ns("compute_infer") as f64 - predicted * 1e9).abs() < 10.0, "{stats} {predicted}");
        assert!(ns("success") >= ns("compute_infer") && ns("fail") > 0, "{stats}");
    }
    assert_eq!(server.client.get("/v2/models/nothing/stats").status, 404);
}
