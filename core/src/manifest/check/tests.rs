//! Each way in which a manifest can contradict its model.

use serde_json::json;

use crate::{Manifest, TensorMetadata};

/// Checks a manifest against a model of x [-1, 2], s [-1, 1] and three outputs.
fn check(manifest: serde_json::Value, expect: Result<(), &str>) {
    check_with(json!([["x", "FP32", [-1, 2]], ["s", "BYTES", [-1, 1]]]), manifest, expect);
}

fn check_with(inputs: serde_json::Value, manifest: serde_json::Value, expect: Result<(), &str>) {
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let outputs = json!([["label", "INT64", [-1]], ["probs", "FP32", [-1, 3]], ["raw", "FP32", [-1, 3]]]);
    let came = manifest.check(&tensors(inputs), &tensors(outputs)).map_err(|error| error.to_string());
    assert_eq!(came, expect.map_err(Into::into));
}

fn tensors(list: serde_json::Value) -> Vec<TensorMetadata> {
    let list: Vec<(String, crate::Datatype, Vec<i64>)> = serde_json::from_value(list).unwrap();
    list.into_iter()
        .map(|(name, datatype, shape)| TensorMetadata { name, datatype, shape, labels: vec![] })
        .collect()
}

/// A manifest whose features are `changes` over two that fill x and one that is s.
fn features(changes: [serde_json::Value; 3]) -> serde_json::Value {
    let mut features = [
        json!({"name": "a", "input": "x", "index": 0}),
        json!({"name": "b", "input": "x", "index": 1}),
        json!({"name": "s"}),
    ];
    for (feature, changes) in features.iter_mut().zip(changes) {
        for (key, value) in changes.as_object().unwrap() {
            feature[key] = value.clone();
        }
    }
    json!({ "features": features })
}

#[test]
fn a_manifest_that_fits_passes() {
    check(json!({}), Ok(()));
    check(features([json!({}), json!({}), json!({})]), Ok(()));
    check(json!({"labels": ["a", "b", "c"], "outputs": {"probability": "probs", "label": "label"}}), Ok(()));
    check(json!({"task": "other", "passthrough": ["id"]}), Ok(()));
    check(json!({"features": [{"name": "x"}, {"name": "s"}]}), Ok(()));
}

#[test]
fn a_batch_holds_two_rows_or_more() {
    check(json!({"batching": {}}), Ok(()));
    check(json!({"batching": {"max_size": 2, "max_delay_us": 0}}), Ok(()));
    check(json!({"batching": {"max_size": 1}}), Err("batching.max_size is 1; it must be at least 2"));
}

#[test]
fn a_feature_needs_an_input_and_a_column() {
    let none = json!({});
    check(
        features([json!({}), json!({}), json!({"name": "t"})]),
        Err(r#"feature "t": the model has no input "t"; its inputs are ["x", "s"]"#),
    );
    check(
        features([none.clone(), json!({"index": 2}), none.clone()]),
        Err(r#"feature "b": index 2 is beyond the 2 columns of input "x""#),
    );
    check(
        features([none.clone(), json!({"index": 0}), none.clone()]),
        Err(r#"feature "b": another feature fills column 0 of input "x""#),
    );
    check(
        features([none.clone(), json!({"index": null}), none.clone()]),
        Err(r#"feature "b": an index is needed for the shared columns of input "x""#),
    );
    check_with(
        json!([["x", "FP32", [-1, 2, 2]], ["s", "BYTES", [-1, 1]]]),
        features([none.clone(), none.clone(), none]),
        Err(r#"feature "a": only one feature, without an index, can fill the shape [-1, 2, 2] of input "x""#),
    );
}

#[test]
fn every_input_and_column_is_filled() {
    check(json!({"features": [{"name": "s"}]}), Err(r#"no feature fills input "x""#));
    check(
        json!({"features": [{"name": "s"}, {"name": "b", "input": "x", "index": 1}]}),
        Err(r#"no feature fills column 0 of input "x""#),
    );
}

#[test]
fn columns_that_vary_are_as_many_as_the_features() {
    let inputs = json!([["x", "FP32", [-1, -1]], ["s", "BYTES", [-1]]]);
    check_with(inputs.clone(), features([json!({}), json!({}), json!({})]), Ok(()));
    check_with(
        inputs,
        features([json!({}), json!({"index": 2}), json!({})]),
        Err(r#"feature "b": index 2 is beyond the 2 columns of input "x""#),
    );
}

#[test]
fn names_are_given_once() {
    check(features([json!({}), json!({"name": "a"}), json!({})]), Err(r#"features has "a" twice"#));
    check(json!({"labels": ["a", "a"]}), Err(r#"labels has "a" twice"#));
    check(json!({"passthrough": ["a", "a"]}), Err(r#"passthrough has "a" twice"#));
    check(json!({"passthrough": ["label"]}), Err(r#"passthrough "label" is a field of the answer itself"#));
}

#[test]
fn a_feature_does_not_contradict_itself() {
    let one = |changes| features([changes, json!({}), json!({})]);
    let text = |changes| features([json!({}), json!({}), changes]);
    check(one(json!({"min": 1.0, "max": 1.0, "nullable": true})), Ok(()));
    check(one(json!({"min": 2.0, "max": 1.0})), Err(r#"feature "a": min 2 is above max 1"#));
    check(one(json!({"categories": ["a"]})), Err(r#"feature "a": category "a" does not fit FP32"#));
    check(text(json!({"categories": [1]})), Err(r#"feature "s": category 1 does not fit BYTES"#));
    check(text(json!({"categories": ["a", "a"]})), Err(r#"feature "s": category "a" is listed twice"#));
    check_with(
        json!([["n", "INT64", [-1]]]),
        json!({"features": [{"name": "n", "nullable": true}]}),
        Err(r#"feature "n": INT64 has no missing value, so it cannot be nullable"#),
    );
}

#[test]
fn a_default_is_a_value_that_can_be_asked() {
    let text = |changes| features([json!({}), json!({}), changes]);
    check(text(json!({"categories": ["a"], "default": "a"})), Ok(()));
    check(
        text(json!({"categories": ["a"], "default": "b"})),
        Err(r#"feature "s": default: expected one of "a"; came "b""#),
    );
    check(text(json!({"default": 1})), Err(r#"feature "s": default: expected a string, came a number"#));
}

#[test]
fn outputs_exist_and_can_mean_what_they_should() {
    check(
        json!({"outputs": {"label": "y"}}),
        Err(r#"outputs.label: the model has no output "y"; its outputs are ["label", "probs", "raw"]"#),
    );
    check(
        json!({"outputs": {"probability": "label"}}),
        Err(r#"outputs.probability: output "label" is INT64, and not floats"#),
    );
    check(json!({"task": "regression"}), Err("no output is told to be the value; name outputs.prediction"));
}

#[test]
fn labels_are_as_many_as_the_probabilities() {
    check(
        json!({"labels": ["No", "Yes"]}),
        Err(r#"there are 2 labels, and output "probs" has 3 probabilities"#),
    );
}

#[test]
fn a_model_that_rows_cannot_ask_has_no_features() {
    let inputs = json!([["x", "FP32", []]]);
    check_with(inputs.clone(), json!({"task": "other"}), Ok(()));
    check_with(
        inputs,
        json!({"features": [{"name": "x"}]}),
        Err(r#"this model cannot be asked by rows, use the v2 route: input "x" is a single value"#),
    );
}

#[test]
fn a_metric_is_finite() {
    let metrics = [("auc".to_owned(), f64::NAN)].into();
    let error = Manifest { metrics, ..Manifest::default() }.check(&[], &[]).unwrap_err();
    assert_eq!(error.to_string(), r#"metric "auc" is not a finite number"#);
}

#[test]
fn only_what_is_there_is_translated() {
    let translated = |words: serde_json::Value| {
        let mut manifest = features([json!({}), json!({}), json!({"categories": ["One year"]})]);
        manifest["labels"] = json!(["a", "b", "c"]);
        manifest["translations"] = json!({ "de": words });
        manifest
    };
    let words = json!({"labels": {"a": "A"}, "features": {"s": {"name": "S", "categories": {"One year": "ein Jahr"}}}});
    check(translated(words), Ok(()));
    check(translated(json!({"labels": {"d": "D"}})), Err("translations.de: there is no label \"d\""));
    check(translated(json!({"features": {"t": {}}})), Err("translations.de: there is no feature \"t\""));
    let category = json!({"features": {"s": {"categories": {"1": "eins"}}}});
    check(translated(category), Err("translations.de: feature \"s\" has no category \"1\""));
}
