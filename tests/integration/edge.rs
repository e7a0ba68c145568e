//! The Spin component: composed with packed models, it answers as the host does, and keeps nothing.

use std::sync::OnceLock;

use edgewit_tests::command::run;
use edgewit_tests::edge::{EdgeApplication, EdgeHost, compose};
use edgewit_tests::http::Client;
use edgewit_tests::model;
use edgewit_tests::server::shared;
use serde_json::{Value, json};

use crate::oip::binary_request;
use crate::{customer, customer_with};

/// The composed component of a model under a `wasi:http` host of its own.
fn edge(name: &'static str) -> EdgeHost {
    static CHURN: OnceLock<EdgeApplication> = OnceLock::new();
    static DIGITS: OnceLock<EdgeApplication> = OnceLock::new();
    let application = if name == "churn" { &CHURN } else { &DIGITS };
    let application = application.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("packed.wasm");
        let pack = run(["pack".into(), model(name), "-o".into(), output.clone()]);
        assert_eq!(pack.code, Some(0), "{pack:?}");
        let composed = compose(&std::fs::read(output).expect("packed")).expect("the components fit");
        EdgeApplication::compile(&composed).expect("the component runs")
    });
    EdgeHost::start(application).expect("the host listens")
}

/// An answer without what differs by nature.
fn comparable(mut json: Value) -> Value {
    if let Some(object) = json.as_object_mut() {
        object.remove("timestamp");
        object.remove("request_id");
        object.values_mut().for_each(|value| *value = comparable(value.take()));
    }
    if let Some(list) = json.as_array_mut() {
        list.iter_mut().for_each(|value| *value = comparable(value.take()));
    }
    json
}

#[test]
fn every_route_answers_as_the_host_does() {
    let (edge, server) = (edge("churn"), shared());
    let post = [
        ("/predict", customer_with("customer_id", json!("a"))),
        ("/models/churn/predict", customer_with("TotalCharges", json!(null))),
        ("/predict/batch", json!([customer(), customer_with("tenure", json!(60))])),
        ("/models/churn/predict/batch", json!({ "instances": [customer()] })),
        ("/predict", json!({ "tenure": 1 })),
        ("/predict", customer_with("Contract", json!("Weekly"))),
        ("/predict/batch", json!([customer(), 1])),
        ("/predict/batch", json!([])),
        ("/models/nothing/predict", customer()),
        ("/v2/models/churn/infer", json!({ "inputs": [] })),
        ("/health", json!({})),
        ("/nowhere", json!({})),
    ];
    for (path, body) in post {
        let (edge, host) = (edge.client.post_json(path, &body), server.client.post_json(path, &body));
        assert_eq!(
            (edge.status, comparable(edge.json())),
            (host.status, comparable(host.json())),
            "{path} {body}"
        );
        assert!(edge.header("x-request-id").is_some(), "{path}");
    }
    for path in [
        "/health/live",
        "/health/ready",
        "/v2/models/churn",
        "/v2/models/churn/versions/1",
        "/v2/models/x",
        "/predict",
    ] {
        let (edge, host) = (edge.client.get(path), server.client.get(path));
        assert_eq!((edge.status, comparable(edge.json())), (host.status, comparable(host.json())), "{path}");
    }
    // A header that is longer than the body, and then the JSON alone.
    let (json, binary) = binary_request();
    let body = [json.as_bytes(), &binary].concat();
    for length in [body.len() + 1, json.len()] {
        let headers = [("inference-header-content-length", &*length.to_string())];
        let ask = |client: &Client| client.post_with("/v2/models/churn/infer", &headers, &body);
        let (edge, host) = (ask(&edge.client), ask(&server.client));
        assert_eq!((edge.status, host.status), if length == json.len() { (200, 200) } else { (400, 400) });
        for header in ["content-type", "inference-header-content-length"] {
            assert_eq!(edge.header(header), host.header(header), "{header}");
        }
        if length == json.len() {
            assert_eq!(edge.bytes, host.bytes);
        } else {
            assert_eq!(comparable(edge.json()), comparable(host.json()));
        }
    }
    let extensions = |client: &Client| client.get("/v2").json()["extensions"].as_array().cloned();
    let host = extensions(&server.client).expect("a list");
    assert!(extensions(&edge.client).expect("a list").iter().all(|extension| host.contains(extension)));
    let health = edge.client.get("/health").json();
    assert_eq!(health["models"][0], json!({ "name": "churn", "version": "1", "state": "ready" }));
}

#[test]
fn every_golden_case_is_answered_as_the_host_does() {
    let server = shared();
    for name in ["churn", "digits"] {
        let edge = edge(name);
        let file = std::fs::read(model(name).join("1/golden/cases.json")).expect("cases");
        let file: Value = serde_json::from_slice(&file).expect("JSON");
        let rows = file["cases"]
            .as_array()
            .expect("cases")
            .iter()
            .map(|case| case["row"].clone())
            .collect::<Vec<_>>();
        let path = format!("/models/{name}/predict/batch");
        let (ours, theirs) =
            (edge.client.post_json(&path, &json!(rows)), server.client.post_json(&path, &json!(rows)));
        assert_eq!((ours.status, theirs.status), (200, 200), "{}", ours.text);
        assert_eq!(comparable(ours.json()), comparable(theirs.json()), "{name}");
        for row in rows.iter().take(20) {
            let path = format!("/models/{name}/predict");
            let (ours, theirs) = (edge.client.post_json(&path, row), server.client.post_json(&path, row));
            assert_eq!(comparable(ours.json()), comparable(theirs.json()), "{name} {row}");
        }
    }
}

#[test]
fn a_request_leaves_nothing_behind_for_the_next() {
    let edge = edge("churn");
    let first = comparable(edge.client.post_json("/predict", &customer()).json());
    for other in [
        customer_with("tenure", json!(72)),
        json!({ "tenure": "x" }),
        customer_with("customer_id", json!("secret")),
    ] {
        edge.client.post_json("/predict", &other);
        let again = edge.client.post_json("/predict", &customer());
        assert_eq!(comparable(again.json()), first);
        assert!(!again.text.contains("secret"));
    }
}
