//! The description of the routes, and the page that shows it.

use std::collections::BTreeSet;
use std::fs;

use edgewit_tests::command::run;
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
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("records.db");
    let server = Server::ready(&root().join("models"), &["--records-store", store.to_str().expect("text")]);
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
fn the_document_says_where_a_key_is_asked_for_and_the_host_asks_for_it_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.toml");
    let keys = ["predict", "metrics", "admin"].map(|scope| run(["key", scope, "--scopes", scope]));
    fs::write(&file, keys.each_ref().map(|key| key.out.as_str()).concat()).expect("written");
    let arguments = ["--auth-keys", file.to_str().expect("text"), "--principal-rate", "100000"];
    let server = Server::ready(&root().join("models"), &arguments);
    let [predict, metrics, admin] = keys.each_ref().map(|key| key.err.trim());
    let status = |key: &str, path: &str| server.client.send_as(key, path, None).status;
    let document = server.client.send_as(predict, "/openapi.json", None).json();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["scheme"], &schemes["key"]["name"]),
        (&json!("bearer"), &json!("x-api-key"))
    );
    for (path, method, operation) in operations(&document) {
        let filled = path.replace("{model}", "churn").replace("{version}", "1");
        let answer = match method.as_str() {
            "get" => server.client.get(&filled),
            _ => server.client.post(&filled, "{}"),
        };
        assert_eq!(
            answer.status == 401,
            operation["security"].is_array(),
            "{method} {path}: {}",
            answer.text
        );
        assert_eq!(operation["responses"]["401"].is_object(), operation["security"].is_array(), "{path}");
        assert!(operation["responses"]["429"].is_object(), "{path}");
    }
    // The page is nobody's secret; what it shows is, and is asked for with the key that is put in there.
    for page in ["/docs", "/docs/page.css", "/docs/page.js"] {
        assert_eq!(server.client.get(page).status, 200, "{page}");
    }
    for (path, who) in [("/v2/models/churn", predict), ("/metrics", metrics), ("/v2/models/stats", admin)] {
        for key in [predict, metrics, admin] {
            assert_eq!(status(key, path), if key == who { 200 } else { 403 }, "{path}");
        }
    }
    let index = |key: &str| server.client.send_as(key, "/v2/repository/index", Some(&json!({}))).status;
    assert_eq!([predict, metrics, admin].map(index), [403, 403, 200]);
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
