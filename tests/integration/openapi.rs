//! The description of the routes, and the page that shows it.

use std::collections::BTreeSet;

use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::root;
use edgewit_tests::server::{Server, shared};
use serde_json::{Value, json};

/// Every operation: path, method, description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").clone();
        methods.into_iter().map(|(method, operation)| (path.clone(), method, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[test]
fn every_route_is_described_once_and_its_example_is_answered() {
    // A server of its own: the last routes unload a model.
    let server = Server::ready(&root().join("models"), &[]);
    let document = server.client.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].to_string()), "{path}: {}", operation["operationId"]);
        let path = path.replace("{model}", "churn").replace("{version}", "1");
        let answer = match method.as_str() {
            "get" => server.client.get(&path),
            "post" => {
                let content = &operation["requestBody"]["content"]["application/json"];
                server.client.post_json(&path, &content["example"])
            }
            other => panic!("{other} {path}"),
        };
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        assert!(operation["responses"]["200"].is_object(), "{path}");
    }
}

#[test]
fn references_lead_to_schemas() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value {
                Value::String(path) if key == "$ref" => {
                    let pointer = path.strip_prefix('#').expect("within the document");
                    assert!(document.pointer(pointer).is_some(), "{path}");
                }
                value => check(value, document),
            }),
            Value::Array(list) => list.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    let document = shared().client.get("/openapi.json").json();
    check(&document, &document);
}

#[test]
fn a_row_has_the_features_of_its_model() {
    let document = shared().client.get("/openapi.json").json();
    let row = &document["components"]["schemas"]["churn.Row"];
    assert_eq!(row["properties"]["SeniorCitizen"]["enum"], json!([0, 1]));
    assert_eq!(row["properties"]["tenure"]["type"], "number");
    assert_eq!(row["additionalProperties"], false);
    let required = row["required"].as_array().expect("a list");
    assert!(required.contains(&json!("tenure")) && !required.contains(&json!("customer_id")), "{required:?}");
    let image = &document["components"]["schemas"]["digits.Row"]["properties"]["image"];
    assert_eq!(image["anyOf"][1]["maxItems"], 64);
    assert_eq!(
        document["paths"]["/predict"]["post"]["requestBody"]["content"],
        document["paths"]["/models/churn/predict"]["post"]["requestBody"]["content"]
    );
}

#[test]
fn a_model_without_rows_has_only_the_protocols_routes() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().input("x", 10, &[Dim::Named("N")]).input("s", 1, &[]);
    graph
        .node("Identity", &["x"], "y")
        .node("Neg", &["s"], "n")
        .output("y", 10)
        .output("n", 1)
        .save(folder.path(), "m");
    let server = Server::ready(folder.path(), &[]);
    let document = server.client.get("/openapi.json").json();
    let paths = document["paths"].as_object().expect("paths");
    assert!(
        paths.contains_key("/v2/models/m/infer") && !paths.contains_key("/predict"),
        "{:?}",
        paths.keys()
    );
    assert!(!paths.contains_key("/models/m/predict/batch"));
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let server = shared();
    let page = server.client.get("/docs");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").expect("a policy").starts_with("default-src 'none'"));
    for (path, kind) in [("/docs/page.css", "text/css"), ("/docs/page.js", "text/javascript")] {
        assert!(page.text.contains(path), "{path}");
        let file = server.client.get(path);
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, Some(&*format!("{kind}; charset=utf-8")))
        );
        assert!(!file.text.contains("://"), "{path}");
    }
    assert!(!page.text.contains("://") && !page.text.contains("<style"), "{}", page.text);
}
