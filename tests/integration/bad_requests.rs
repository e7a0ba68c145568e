//! Bad input over HTTP: each a clear 4xx that names the fault, and the next request is served.

use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::{Server, shared};
use serde_json::{Value, json};

use crate::{customer, customer_with};

/// Posts `body`, expects `status` and every one of `words` in the error, then a good answer.
fn check(path: &str, body: impl AsRef<[u8]>, status: u16, words: &[&str]) {
    let server = shared();
    let answer = server.client.post(path, body);
    assert_eq!(answer.status, status, "{}", answer.text);
    let error = answer.error();
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
    assert!(answer.json()["request_id"].is_string());
    assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
}

fn row(field: &str, value: Value) -> String {
    customer_with(field, value).to_string()
}

#[test]
fn malformed_json_is_named_with_its_place() {
    check("/predict", "{\"tenure\": 1,", 400, &["JSON", "line 1"]);
    check("/predict", "", 400, &["empty"]);
    check("/predict", "\"text\"", 400, &["object"]);
    check("/predict/batch", "{\"rows\": []}", 400, &["instances"]);
    check("/predict", b"\xff\xfe\x00", 400, &["JSON"]);
}

#[test]
fn a_missing_feature_is_named() {
    let mut body = customer();
    body.as_object_mut().expect("an object").remove("tenure");
    check("/predict", body.to_string(), 400, &["tenure", "missing"]);
}

#[test]
fn an_unknown_field_is_named() {
    check("/predict", row("Tenure", json!(1)), 400, &["Tenure", "tenure"]);
}

#[test]
fn an_unknown_category_is_named_with_the_known_ones() {
    check(
        "/predict",
        row("Contract", json!("Weekly")),
        400,
        &["Contract", "Weekly", "Month-to-month", "Two year"],
    );
    check("/predict", row("SeniorCitizen", json!(2)), 400, &["SeniorCitizen", "2"]);
}

#[test]
fn nan_and_infinity_are_refused() {
    for literal in ["NaN", "Infinity", "-Infinity", "1e999"] {
        let body = row("tenure", json!(1)).replace("\"tenure\":1", &format!("\"tenure\":{literal}"));
        check("/predict", body, 400, &[]);
    }
    check("/predict", row("tenure", json!(1e39)), 400, &["tenure", "FP32"]);
    check("/predict", row("tenure", json!("NaN")), 400, &["tenure", "number"]);
}

#[test]
fn wrong_types_are_named() {
    check("/predict", row("tenure", json!("twelve")), 400, &["tenure", "number"]);
    check("/predict", row("tenure", json!([1])), 400, &["tenure", "number"]);
    check("/predict", row("tenure", json!(null)), 400, &["tenure", "null"]);
    check("/predict", row("Contract", json!(1)), 400, &["Contract"]);
    check("/predict", row("SeniorCitizen", json!(0.5)), 400, &["SeniorCitizen"]);
}

#[test]
fn an_error_in_a_batch_names_its_row() {
    let body = json!([customer(), customer_with("tenure", json!("x"))]);
    check("/predict/batch", body.to_string(), 400, &["row 1", "tenure"]);
    let server = shared();
    let json = server.client.post_json("/predict/batch", &body).json();
    assert_eq!(json["row"], 1);
    assert_eq!(json["feature"], "tenure");
    check("/predict/batch", "[]", 400, &["no row"]);
}

#[test]
fn a_body_of_100_megabytes_is_refused() {
    check("/predict", vec![b' '; 100 << 20], 413, &["limit"]);
}

#[test]
fn a_million_rows_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    Graph::new()
        .input("x", 1, &[Dim::Unnamed])
        .node("Neg", &["x"], "y")
        .output("y", 1)
        .save(folder.path(), "negate");
    let server = Server::ready(folder.path(), &[]);
    let row = "{\"x\":1}";
    let million =
        server.client.post("/predict/batch", format!("[{}{row}]", format!("{row},").repeat(999_999)));
    assert_eq!((million.status, million.error()), (413, "the batch has more than 10000 rows".into()));
    let most = server.client.post("/predict/batch", format!("[{}{row}]", format!("{row},").repeat(9_999)));
    assert_eq!((most.status, &most.json()["count"]), (200, &json!(10_000)));
    // Of many faults the first is named: the empty rows are wrong before they are too many.
    check("/predict/batch", format!("[{}{{}}]", "{},".repeat(999_999)), 400, &["row 0", "gender", "missing"]);
}

#[test]
fn an_image_of_the_wrong_shape_is_refused() {
    check("/models/digits/predict", json!({ "image": [[[1, 2], [3, 4]]] }).to_string(), 400, &["image"]);
}

#[test]
fn unknown_models_paths_and_methods_are_refused() {
    let server = shared();
    let unknown = server.client.post_json("/models/nothing/predict", &customer());
    assert_eq!((unknown.status, unknown.error()), (404, "there is no model `nothing`".into()));
    assert_eq!(server.client.get("/nowhere").status, 404);
    assert_eq!(server.client.get("/predict").status, 405);
    assert_eq!(server.client.get("/v2/models/churn/versions/7").status, 404);
    assert_eq!(server.client.get("/models/..%2f..%2fetc/predict").status, 405);
}

#[test]
fn an_inference_request_names_the_tensor_at_fault() {
    let infer = |inputs: Value| json!({ "inputs": inputs }).to_string();
    let path = "/v2/models/digits/infer";
    let image = |shape: Value, datatype: &str, data: Value| {
        infer(json!([{ "name": "image", "shape": shape, "datatype": datatype, "data": data }]))
    };
    check(path, image(json!([1, 1, 8, 8]), "FP32", json!([1, 2, 3])), 400, &["image", "64", "3"]);
    check(path, image(json!([1, 1, 8, 8]), "FP64", json!(vec![0; 64])), 400, &["image", "FP32", "FP64"]);
    check(
        path,
        image(json!([1, 8, 8]), "FP32", json!(vec![0; 64])),
        400,
        &["image", "[-1, 1, 8, 8]", "[1, 8, 8]"],
    );
    check(
        path,
        image(json!([1, 1, 4, 16]), "FP32", json!(vec![0; 64])),
        400,
        &["image", "[-1, 1, 8, 8]", "[1, 1, 4, 16]"],
    );
    check(path, image(json!([-1, 1, 8, 8]), "FP32", json!(vec![0; 64])), 400, &["image", "-1"]);
    check(path, image(json!([0, 1, 8, 8]), "FP32", json!([])), 400, &["image"]);
    check(path, image(json!([1, 1, 8, 8]), "FP33", json!(vec![0; 64])), 400, &["FP33"]);
    check(path, image(json!([1, 1, 8, 8]), "FP32", json!(vec!["a"; 64])), 400, &["image"]);
    check(path, infer(json!([])), 400, &["image", "missing"]);
    let other = json!([{ "name": "picture", "shape": [1], "datatype": "FP32", "data": [0] }]);
    check(path, infer(other), 400, &["picture"]);
    let one = json!({ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": vec![0; 64] });
    check(path, infer(json!([one, one])), 400, &["image", "twice"]);
    let selected = json!({ "inputs": [one], "outputs": [{ "name": "nothing" }] });
    check(path, selected.to_string(), 400, &["nothing"]);
    let huge = image(json!([4_000_000_000_u64, 4_000_000_000_u64, 4_000_000_000_u64, 8]), "FP32", json!([]));
    check(path, huge, 400, &["image"]);
}
