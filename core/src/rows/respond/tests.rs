//! Output tensors into the answers of each task.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{Data, Datatype, ModelMetadata, rows::parse_batch};

const COMMON: &str = r#""model":"m","model_version":"3","timestamp":"1970-01-01T00:00:01.500Z""#;

fn schema(manifest: Value, outputs: Value) -> RowSchema {
    let outputs: Vec<Value> = outputs
        .as_array()
        .unwrap()
        .iter()
        .map(|output| json!({"name": output[0], "datatype": output[1], "shape": output[2]}))
        .collect();
    let model = json!({
        "name": "m", "version": "3", "digest": "", "manifest": manifest, "outputs": outputs,
        "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}]
    });
    RowSchema::new(&serde_json::from_value::<ModelMetadata>(model).unwrap()).unwrap()
}

fn floats(name: &str, shape: &[u64], values: &[f32]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(name, Datatype::Fp32, shape.to_vec(), Data::Raw(bytes)).unwrap()
}

fn whole(name: &str, shape: &[u64], values: &[i64]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(name, Datatype::Int64, shape.to_vec(), Data::Raw(bytes)).unwrap()
}

fn text(name: &str, values: &[&str]) -> Tensor {
    let strings = values.iter().map(ToString::to_string).collect();
    Tensor::new(name, Datatype::Bytes, vec![values.len() as u64], Data::Strings(strings)).unwrap()
}

fn rows(schema: &RowSchema, count: usize, batched: bool) -> Rows {
    let row = serde_json::from_str(r#"{"a": 1}"#).unwrap();
    Rows { batched, ..Rows::from_values(schema, vec![row; count]).unwrap() }
}

/// Answers one row and expects the fields before those that every answer has.
fn check(schema: &RowSchema, outputs: &[Tensor], expect: &str) {
    let rows = rows(schema, 1, false);
    let time = UNIX_EPOCH + Duration::from_millis(1500);
    let response = respond(schema, &rows, outputs, time).unwrap();
    assert_eq!(serde_json::to_string(&response).unwrap(), format!("{{{expect},{COMMON}}}"));
    let answer = response.answer(0).unwrap();
    assert_eq!(serde_json::to_string(&answer).unwrap(), format!("{{{expect}}}"));
}

fn check_error(schema: &RowSchema, count: usize, outputs: &[Tensor], expect: &str) {
    let rows = rows(schema, count, true);
    assert_eq!(respond(schema, &rows, outputs, UNIX_EPOCH).unwrap_err().to_string(), expect);
}

fn binary(labels: Value) -> RowSchema {
    schema(json!({ "labels": labels }), json!([["label", "INT64", [-1]], ["probabilities", "FP32", [-1, 2]]]))
}

#[test]
fn a_class_is_answered_with_label_and_probabilities() {
    check(
        &binary(json!(["No", "Yes"])),
        &[floats("probabilities", &[1, 2], &[0.2, 0.8]), whole("label", &[1], &[1])],
        r#""prediction":1,"label":"Yes","probability":[0.2,0.8],"confidence":0.8"#,
    );
}

#[test]
fn the_models_own_label_goes_before_the_largest_probability() {
    check(
        &binary(json!(["No", "Yes"])),
        &[whole("label", &[1, 1], &[1]), floats("probabilities", &[1, 2], &[0.6, 0.4])],
        r#""prediction":1,"label":"Yes","probability":[0.6,0.4],"confidence":0.6"#,
    );
}

#[test]
fn a_whole_number_among_the_labels_is_that_label() {
    check(
        &binary(json!(["2", "1"])),
        &[whole("label", &[1], &[1]), floats("probabilities", &[1, 2], &[0.25, 0.75])],
        r#""prediction":1,"label":"1","probability":[0.25,0.75],"confidence":0.75"#,
    );
    check(
        &binary(json!(["No", "Yes"])),
        &[whole("label", &[1], &[7]), floats("probabilities", &[1, 2], &[0.25, 0.75])],
        r#""prediction":7,"label":"7","probability":[0.25,0.75],"confidence":0.75"#,
    );
}

#[test]
fn without_labels_a_class_is_what_the_model_calls_it() {
    check(
        &binary(json!([])),
        &[whole("label", &[1], &[1]), floats("probabilities", &[1, 2], &[0.25, 0.75])],
        r#""prediction":1,"label":"1","probability":[0.25,0.75],"confidence":0.75"#,
    );
    let outputs = json!([["output_label", "BYTES", [-1]], ["p", "FP32", [-1, 2]]]);
    check(
        &schema(json!({}), outputs),
        &[text("output_label", &["Yes"]), floats("p", &[1, 2], &[0.25, 0.75])],
        r#""prediction":1,"label":"Yes","probability":[0.25,0.75],"confidence":0.75"#,
    );
}

#[test]
fn a_label_of_text_is_found_among_the_labels() {
    let schema = schema(json!({"labels": ["No", "Yes"]}), json!([["label", "BYTES", [-1]]]));
    check(&schema, &[text("label", &["Yes"])], r#""prediction":1,"label":"Yes""#);
    check(&schema, &[text("label", &["Maybe"])], r#""prediction":"Maybe","label":"Maybe""#);
}

#[test]
fn probabilities_alone_are_enough() {
    let named = json!({"labels": ["a", "b", "c"], "outputs": {"probability": "p"}});
    let three = schema(named, json!([["p", "FP32", [-1, 3]]]));
    assert_eq!(three.requested_outputs(), Some(["p".to_owned()].as_slice()));
    check(
        &three,
        &[floats("p", &[1, 3], &[0.1, 0.7, 0.2])],
        r#""prediction":1,"label":"b","probability":[0.1,0.7,0.2],"confidence":0.7"#,
    );
    let unnamed = schema(json!({"task": "classification"}), json!([["p", "FP32", [-1, 2]]]));
    check(
        &unnamed,
        &[floats("p", &[1, 2], &[0.5, 0.5])],
        r#""prediction":0,"probability":[0.5,0.5],"confidence":0.5"#,
    );
}

#[test]
fn a_single_probability_is_that_of_the_second_class() {
    for (declared, shape) in [(json!([-1]), vec![1]), (json!([-1, 1]), vec![1, 1])] {
        let manifest = json!({"labels": ["No", "Yes"], "outputs": {"probability": "p"}});
        check(
            &schema(manifest, json!([["p", "FP32", declared]])),
            &[floats("p", &shape, &[0.75])],
            r#""prediction":1,"label":"Yes","probability":[0.25,0.75],"confidence":0.75"#,
        );
    }
}

#[test]
fn a_probability_that_is_nan_is_null() {
    let schema = schema(json!({"labels": ["No", "Yes"]}), json!([["p", "FP32", [-1, 2]]]));
    check(
        &schema,
        &[floats("p", &[1, 2], &[f32::NAN, 0.5])],
        r#""prediction":1,"label":"Yes","probability":[null,0.5],"confidence":0.5"#,
    );
    check(
        &schema,
        &[floats("p", &[1, 2], &[f32::NAN, f32::NAN])],
        r#""prediction":null,"probability":[null,null],"confidence":null"#,
    );
}

#[test]
fn a_regression_answers_a_number_or_several() {
    let one = schema(json!({}), json!([["y", "FP32", [-1, 1]]]));
    check(&one, &[floats("y", &[1, 1], &[0.1])], r#""prediction":0.1"#);
    let several = schema(json!({"task": "regression"}), json!([["y", "FP32", [-1, 2]]]));
    check(&several, &[floats("y", &[1, 2], &[0.1, 2.0])], r#""prediction":[0.1,2.0]"#);
}

#[test]
fn other_outputs_are_answered_by_name() {
    let schema = schema(json!({}), json!([["a", "FP32", [-1, 2, 2]], ["b", "INT64", [-1]]]));
    assert_eq!(schema.requested_outputs(), None);
    check(
        &schema,
        &[floats("a", &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]), whole("b", &[1], &[5])],
        r#""prediction":{"a":[[1.0,2.0],[3.0,4.0]],"b":5}"#,
    );
    let rows = rows(&schema, 2, true);
    let outputs = [floats("a", &[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]), whole("b", &[2], &[5, 6])];
    let response = serde_json::to_value(respond(&schema, &rows, &outputs, UNIX_EPOCH).unwrap()).unwrap();
    assert_eq!(response["predictions"][1], json!({"prediction": {"a": [[3.0, 4.0]], "b": 6}}));
}

#[test]
fn a_batch_is_answered_row_by_row_with_what_passes_through() {
    let manifest = json!({"labels": ["No", "Yes"], "passthrough": ["id"], "outputs": {"label": "label"}});
    let schema = schema(manifest, json!([["label", "INT64", [-1]], ["p", "FP32", [-1, 2]]]));
    let rows = parse_batch(br#"[{"a": 1, "id": "x"}, {"id": 7, "a": 2}]"#, &schema, 2).unwrap();
    let outputs = [whole("label", &[2], &[0, 1]), floats("p", &[2, 2], &[0.9, 0.1, 0.3, 0.7])];
    let time = UNIX_EPOCH + Duration::from_millis(1500);
    let response = respond(&schema, &rows, &outputs, time).unwrap();
    let first = r#"{"id":"x","prediction":0,"label":"No","probability":[0.9,0.1],"confidence":0.9}"#;
    let second = r#"{"id":7,"prediction":1,"label":"Yes","probability":[0.3,0.7],"confidence":0.7}"#;
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        format!(r#"{{"predictions":[{first},{second}],"count":2,{COMMON}}}"#)
    );
    assert!(response.answer(2).is_none());
}

#[test]
fn outputs_that_are_not_the_schemas_are_refused() {
    let schema = binary(json!(["No", "Yes"]));
    let label = || whole("label", &[2], &[0, 1]);
    check_error(&schema, 2, &[label()], r#"the model gave no output "probabilities""#);
    check_error(
        &schema,
        2,
        &[whole("label", &[1], &[0])],
        r#"output "label" has the shape [1] for 2 row(s)"#,
    );
    check_error(
        &schema,
        2,
        &[whole("label", &[2, 2], &[0; 4])],
        r#"output "label" has the shape [2, 2] for 2 row(s)"#,
    );
    check_error(
        &schema,
        2,
        &[label(), floats("probabilities", &[2, 3], &[0.0; 6])],
        r#"output "probabilities" has 3 probabilities for 2 labels"#,
    );
    check_error(
        &schema,
        2,
        &[label(), floats("probabilities", &[2, 0], &[])],
        r#"output "probabilities" has the shape [2, 0] for 2 row(s)"#,
    );
    let broken = Tensor { shape: vec![3], ..label() };
    let error = r#"output "label": INT64 elements of shape [3] take 24 bytes, the data has 16"#;
    check_error(&schema, 2, &[broken], error);
}

#[test]
fn a_clock_before_the_epoch_is_no_panic() {
    let schema = schema(json!({}), json!([["y", "FP32", [-1]]]));
    let rows = rows(&schema, 1, false);
    let outputs = [floats("y", &[1], &[1.0])];
    let response = respond(&schema, &rows, &outputs, UNIX_EPOCH - Duration::from_secs(1)).unwrap();
    assert_eq!(serde_json::to_value(&response).unwrap()["timestamp"], "1970-01-01T00:00:00.000Z");
}

#[test]
fn the_models_own_labels_serve_where_the_manifest_has_none() {
    let model = |manifest: Value| {
        let outputs = json!([
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2], "labels": ["lo", "hi"]}
        ]);
        let model = json!({
            "name": "m", "version": "3", "digest": "", "manifest": manifest, "outputs": outputs,
            "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}]
        });
        RowSchema::new(&serde_json::from_value::<ModelMetadata>(model).unwrap()).unwrap()
    };
    let outputs = [floats("probabilities", &[1, 2], &[0.4, 0.6]), text("label", &["lo"])];
    check(
        &model(json!({})),
        &outputs,
        r#""prediction":0,"label":"lo","probability":[0.4,0.6],"confidence":0.6"#,
    );
    assert_eq!(model(json!({"labels": ["a", "b"]})).labels(), ["a", "b"]);
}
