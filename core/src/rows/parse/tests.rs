//! Rows into tensors, and each way in which a row can be wrong.

use serde_json::{Value, json};

use super::*;
use crate::{ErrorBody, ModelMetadata};

/// A model with a shared input, one for text, one for whole numbers, one for a flag and a picture.
fn schema() -> RowSchema {
    schema_of(json!({
        "name": "m", "version": "1", "digest": "",
        "manifest": {
            "passthrough": ["customer_id"],
            "features": [
                {"name": "charges", "input": "x", "index": 1},
                {"name": "tenure", "input": "x", "index": 0, "nullable": true},
                {"name": "contract", "categories": ["One year", "Two year"]},
                {"name": "lines", "categories": [1, 2]},
                {"name": "senior"},
                {"name": "picture", "nullable": true}
            ]
        },
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "contract", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "lines", "datatype": "UINT8", "shape": [-1]},
            {"name": "senior", "datatype": "BOOL", "shape": [-1, 1]},
            {"name": "picture", "datatype": "FP32", "shape": [-1, 1, 2, 2]}
        ],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}]
    }))
}

fn schema_of(model: Value) -> RowSchema {
    RowSchema::new(&serde_json::from_value::<ModelMetadata>(model).unwrap()).unwrap()
}

/// A schema without a manifest, of inputs given as name, datatype and shape.
fn plain(inputs: &[(&str, &str, &[i64])]) -> RowSchema {
    let tensor = |(name, datatype, shape): &(&str, &str, &[i64])| json!({"name": name, "datatype": datatype, "shape": shape});
    let inputs: Vec<_> = inputs.iter().map(tensor).collect();
    schema_of(json!({"name": "m", "version": "1", "digest": "", "inputs": inputs, "outputs": []}))
}

/// A row that fits, with one field changed or, by null in `changes`, kept as null.
fn row(changes: &str) -> String {
    let mut row = json!({
        "tenure": 24, "charges": 70.35, "contract": "One year", "lines": 2, "senior": true,
        "picture": [[[1, 2], [3, 4]]]
    });
    let changes: Value = serde_json::from_str(changes).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        row[key] = value.clone();
    }
    row.to_string()
}

/// The tensors as JSON.
fn tensors(rows: &Rows) -> Value {
    for tensor in &rows.inputs {
        tensor.validate().unwrap();
    }
    // By way of text: a JSON tree keeps an FP32 with the digits of an FP64.
    let inputs: Vec<_> = rows.inputs.iter().map(|tensor| (&tensor.shape, tensor.elements())).collect();
    serde_json::from_str(&serde_json::to_string(&inputs).unwrap()).unwrap()
}

/// Parses one row and expects tensors, each as shape and data, or an error.
fn check(schema: &RowSchema, body: &str, expect: Result<Value, &str>) {
    let came =
        parse_row(body.as_bytes(), schema).map(|rows| tensors(&rows)).map_err(|error| error.to_string());
    assert_eq!(came, expect.map_err(Into::into), "{body}");
}

/// Parses a batch of at most three rows.
fn check_batch(schema: &RowSchema, body: &str, expect: Result<Value, &str>) {
    let came = parse_batch(body.as_bytes(), schema, 3).map(|rows| tensors(&rows));
    assert_eq!(came.map_err(|error| error.to_string()), expect.map_err(Into::into), "{body}");
}

#[test]
fn a_row_fills_every_input() {
    let expect = json!([
        [[1, 2], [24.0, 70.35]],
        [[1, 1], ["One year"]],
        [[1], [2]],
        [[1, 1], [true]],
        [[1, 1, 2, 2], [1.0, 2.0, 3.0, 4.0]]
    ]);
    let rows = parse_row(row("{}").as_bytes(), &schema()).unwrap();
    assert_eq!(tensors(&rows).to_string(), expect.to_string());
    assert_eq!(rows.len(), 1);
    assert!(!rows.batched);
}

#[test]
fn shared_columns_are_laid_out_by_index_in_any_order_of_fields() {
    let features: Vec<_> =
        (0..5).map(|i| json!({"name": format!("f{i}"), "input": "x", "index": 4 - i})).collect();
    let schema = schema_of(json!({
        "name": "m", "version": "1", "digest": "", "manifest": {"features": features},
        "inputs": [{"name": "x", "datatype": "INT32", "shape": [-1, 5]}], "outputs": []
    }));
    for shift in 0..5 {
        let fields = |row: usize| {
            let field = |i: usize| format!("\"f{i}\": {}", 10 * row + i);
            let fields: Vec<_> = (0..5).map(|i| field((i + shift) % 5)).collect();
            format!("{{{}}}", fields.join(","))
        };
        let body = format!("[{}, {}, {}]", fields(0), fields(1), fields(2));
        let data = json!([4, 3, 2, 1, 0, 14, 13, 12, 11, 10, 24, 23, 22, 21, 20]);
        check_batch(&schema, &body, Ok(json!([[[3, 5], data]])));
        let rows = parse_batch(body.as_bytes(), &schema, 3).unwrap();
        let value = |feature, row| schema.value(&rows.inputs, feature, row).and_then(|value| value.as_f64());
        assert_eq!((value(0, 0), value(3, 2), value(0, 3)), (Some(0.0), Some(23.0), None));
    }
}

#[test]
fn inputs_are_features_where_there_is_no_manifest() {
    let schema = plain(&[("a", "FP32", &[-1]), ("b", "INT64", &[-1, 1]), ("c", "FP32", &[-1, 3])]);
    check(
        &schema,
        r#"{"c": [1, 2, 3], "a": 0.5, "b": 7}"#,
        Ok(json!([[[1], [0.5]], [[1, 1], [7]], [[1, 3], [1.0, 2.0, 3.0]]])),
    );
}

#[test]
fn lists_come_nested_or_flat_and_rows_agree_where_an_axis_varies() {
    let schema = plain(&[("x", "INT8", &[-1, 2, -1])]);
    check(&schema, r#"{"x": [[1], [2]]}"#, Ok(json!([[[1, 2, 1], [1, 2]]])));
    check(&schema, r#"{"x": [1, 2, 3, 4]}"#, Ok(json!([[[1, 2, 2], [1, 2, 3, 4]]])));
    check_batch(
        &schema,
        r#"[{"x": [1, 2]}, {"x": [[1, 2], [3, 4]]}]"#,
        Err(r#"row 1: "x": expected a list of shape [2, 1], nested or flat, came [2, 2]"#),
    );
    let error = r#""x": expected a list of shape [2, -1], nested or flat, came "#;
    check(&schema, r#"{"x": [1, 2, 3]}"#, Err(&format!("{error}[3]")));
    check(&schema, r#"{"x": 1}"#, Err(&format!("{error}[]")));
}

#[test]
fn a_batch_is_a_list_or_instances() {
    let schema = plain(&[("a", "UINT8", &[-1])]);
    let expect = json!([[[2], [1, 2]]]);
    check_batch(&schema, r#"[{"a": 1}, {"a": 2}]"#, Ok(expect.clone()));
    check_batch(&schema, r#"{"instances": [{"a": 1}, {"a": 2}]}"#, Ok(expect));
    let form = r#"a list of rows, or {"instances": [...]} with one"#;
    check_batch(&schema, r#"{"a": 1}"#, Err(&format!("unexpected field \"a\"; expected {form}")));
    check_batch(&schema, "{}", Err(&format!("\"instances\" is missing; expected {form}")));
    check_batch(&schema, r#""a""#, Err(&format!("expected {form}, came a string")));
    let error = format!("invalid type: integer `1`, expected {form} at line 1 column 1");
    check_batch(&schema, "1", Err(&error));
}

#[test]
fn a_batch_has_a_row_at_least_and_not_more_than_the_limit() {
    let schema = plain(&[("a", "UINT8", &[-1])]);
    check_batch(&schema, "[]", Err("the batch has no rows"));
    check_batch(&schema, r#"{"instances": []}"#, Err("the batch has no rows"));
    check_batch(&schema, r#"[{"a":1},{"a":2},{"a":3}]"#, Ok(json!([[[3], [1, 2, 3]]])));
    // What follows is not even looked at: it is not JSON.
    let error = parse_batch(br#"[{"a":1},{"a":2},{"a":3}, {"a" no json"#, &schema, 3).unwrap_err();
    assert_eq!(error.reason, RowReason::TooManyRows { limit: 3 });
    assert!(error.is_too_many_rows());
}

#[test]
fn a_model_of_a_fixed_batch_takes_no_other() {
    let schema = plain(&[("a", "UINT8", &[1])]);
    assert_eq!(schema.fixed_rows(), Some(1));
    check_batch(&schema, r#"[{"a":1}]"#, Ok(json!([[[1], [1]]])));
    check_batch(&schema, r#"[{"a":1},{"a":2}]"#, Err("the model takes 1 row(s) at a time, came 2"));
}

#[test]
fn fields_are_known_and_there_once() {
    let schema = schema();
    check(
        &schema,
        &row(r#"{"tenur": 1}"#),
        Err(r#""tenur": there is no such feature; did you mean "tenure"?"#),
    );
    check(&schema, &row(r#"{"age": 1}"#), Err(r#""age": there is no such feature"#));
    check(&schema, r#"{"tenure": 1, "tenure": 2}"#, Err(r#""tenure" is given twice"#));
    check(&schema, r#"{"customer_id": 1, "customer_id": 2}"#, Err(r#""customer_id" is given twice"#));
    check(&schema, "{}", Err(r#""charges" is missing"#));
}

#[test]
fn a_missing_value_is_nan_where_that_is_allowed() {
    let x = |body: &str| {
        let rows = parse_row(body.as_bytes(), &schema()).unwrap();
        serde_json::to_string(&rows.inputs[0].elements()).unwrap()
    };
    assert_eq!(x(&row(r#"{"tenure": null}"#)), "[null,70.35]");
    assert_eq!(x(&row("{}").replace("\"tenure\":24,", "")), "[null,70.35]");
    check(&schema(), &row(r#"{"charges": null}"#), Err(r#""charges": expected a number, came null"#));
    assert!(parse_row(row(r#"{"picture": [null, 1, 2, 3]}"#).as_bytes(), &schema()).is_ok());
    let absent = row("{}").replace(r#","picture":[[[1,2],[3,4]]]"#, "");
    check(&schema(), &absent, Err(r#""picture" is missing"#));
}

#[test]
fn a_value_fits_its_feature() {
    for (changes, expect) in [
        (r#"{"tenure": "24"}"#, r#""tenure": expected a number, came a string"#),
        (r#"{"tenure": true}"#, r#""tenure": expected a number, came a boolean"#),
        (r#"{"tenure": [24]}"#, r#""tenure": expected a number, came a list"#),
        (r#"{"tenure": {"a": 1}}"#, r#""tenure": expected a number, came an object"#),
        (r#"{"tenure": 1e39}"#, r#""tenure": 1e39 is out of range for FP32"#),
        (r#"{"lines": 300}"#, r#""lines": 300 is out of range for UINT8"#),
        (r#"{"lines": 1.5}"#, r#""lines": expected a whole number, came 1.5"#),
        (r#"{"lines": 3}"#, r#""lines": expected one of 1, 2; came 3"#),
        (r#"{"senior": "yes"}"#, r#""senior": expected true or false, came a string"#),
        (r#"{"contract": 1}"#, r#""contract": expected a string, came a number"#),
        (r#"{"contract": "Weekly"}"#, r#""contract": expected one of "One year", "Two year"; came "Weekly""#),
        (r#"{"picture": [1, 2, 3, "4"]}"#, r#""picture": element 3: expected a number, came a string"#),
        (
            r#"{"picture": [[1, 2], [3]]}"#,
            r#""picture": element 3: the lists are not of equal length and depth"#,
        ),
        (
            r#"{"picture": [1, 2, 3]}"#,
            r#""picture": expected a list of shape [1, 2, 2], nested or flat, came [3]"#,
        ),
    ] {
        check(&schema(), &row(changes), Err(expect));
    }
}

#[test]
fn many_categories_are_not_all_listed() {
    let categories: Vec<_> = (0..30).map(|i| format!("c{i}")).collect();
    let schema = schema_of(json!({
        "name": "m", "version": "1", "digest": "",
        "manifest": {"features": [{"name": "s", "categories": categories}]},
        "inputs": [{"name": "s", "datatype": "BYTES", "shape": [-1]}], "outputs": []
    }));
    check(&schema, r#"{"s": "c29"}"#, Ok(json!([[[1], ["c29"]]])));
    let error = parse_row(br#"{"s": "d"}"#, &schema).unwrap_err().to_string();
    assert!(error.ends_with(r#""c19" and 10 more; came "d""#), "{error}");
}

#[test]
fn an_error_in_a_batch_names_the_row() {
    let good = row("{}");
    check_batch(
        &schema(),
        &format!("[{good}, {}]", row(r#"{"tenure": "x"}"#)),
        Err(r#"row 1: "tenure": expected a number, came a string"#),
    );
    check_batch(&schema(), &format!("[{good}, {{}}]"), Err(r#"row 1: "charges" is missing"#));
    let misfit = "row 1: expected a row, an object of named features, came ";
    for (value, kind) in [
        ("null", "null"),
        ("true", "a boolean"),
        ("-1", "a number"),
        ("\"a\"", "a string"),
        ("[1]", "a list"),
    ] {
        check_batch(&schema(), &format!("[{good}, {value}]"), Err(&format!("{misfit}{kind}")));
    }
    let error = parse_batch(format!("[{good}, {{\"tenure\": \"x\"}}]").as_bytes(), &schema(), 3).unwrap_err();
    let body = ErrorBody::from(&error);
    assert_eq!((body.row, body.feature.as_deref()), (Some(1), Some("tenure")));
}

#[test]
fn a_body_that_is_not_json_is_called_that() {
    let schema = schema();
    check(&schema, "", Err("the body is empty"));
    check(
        &schema,
        r#"{"tenure": NaN}"#,
        Err("NaN and Infinity are not JSON; leave a missing value null (line 1, column 12)"),
    );
    let extra = format!("{} x", row("{}"));
    let error = parse_row(extra.as_bytes(), &schema).unwrap_err().to_string();
    assert!(error.starts_with("the body is not valid JSON: trailing characters"), "{error}");
    let deep = format!(r#"{{"picture": {}1"#, "[".repeat(200));
    let error = parse_row(deep.as_bytes(), &schema).unwrap_err().to_string();
    assert!(error.starts_with("the body is not valid JSON: recursion limit exceeded"), "{error}");
    check(
        &schema,
        "{\"tenure\": 1e999}",
        Err("the body is not valid JSON: number out of range at line 1 column 16"),
    );
}

#[test]
fn fields_that_pass_through_are_kept_as_they_are() {
    let body = row(r#"{"customer_id": {"a": [1, null]}}"#);
    let rows = parse_row(body.as_bytes(), &schema()).unwrap();
    assert_eq!(Value::from(rows.passthrough[0].clone()), json!({"customer_id": {"a": [1, null]}}));
    let schema = schema_of(json!({
        "name": "m", "version": "1", "digest": "", "manifest": {"passthrough": ["a", "b"]},
        "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}], "outputs": []
    }));
    let rows = parse_row(br#"{"b": null, "a": 0.5}"#, &schema).unwrap();
    assert_eq!(Value::from(rows.passthrough[0].clone()), json!({"b": null, "a": 0.5}));
    assert_eq!(tensors(&rows), json!([[[1], [0.5]]]));
    let error = parse_row(br#"{"a": "x"}"#, &schema).unwrap_err().to_string();
    assert_eq!(error, r#""a": expected a number, came a string"#);
}

#[test]
fn rows_of_a_file_go_the_same_way() {
    let schema = schema();
    let sample = schema.sample_row();
    let rows = Rows::from_values(&schema, vec![sample.clone(), sample.clone()]).unwrap();
    assert_eq!((rows.len(), rows.batched), (2, true));
    let mut wrong = sample.clone();
    wrong.insert("lines".into(), json!(9));
    let error = Rows::from_values(&schema, vec![sample, wrong]).unwrap_err();
    assert_eq!(error.to_string(), r#"row 1: "lines": expected one of 1, 2; came 9"#);
}

#[test]
fn a_sample_row_is_made_of_what_the_manifest_says() {
    let expect = json!({
        "charges": 0.0, "tenure": 0.0, "contract": "One year", "lines": 1, "senior": false,
        "picture": [[[0.0, 0.0], [0.0, 0.0]]]
    });
    assert_eq!(Value::from(schema().sample_row()), expect);
    let schema = schema_of(json!({
        "name": "m", "version": "1", "digest": "",
        "manifest": {"features": [{"name": "a", "default": 24, "min": 1.0}, {"name": "b", "min": 0.5}]},
        "inputs": [
            {"name": "a", "datatype": "FP32", "shape": [-1]}, {"name": "b", "datatype": "INT8", "shape": [-1]}
        ],
        "outputs": []
    }));
    assert_eq!(Value::from(schema.sample_row()), json!({"a": 24, "b": 1}));
}

#[test]
fn text_from_a_file_becomes_what_its_feature_takes() {
    let schema = schema();
    let value = |name: &str, text: &str| {
        schema.features().iter().find(|feature| feature.name() == name).unwrap().value_from_text(text)
    };
    assert_eq!(value("tenure", "24"), json!(24));
    assert_eq!(value("tenure", ""), Value::Null);
    assert_eq!(value("tenure", "many"), json!("many"));
    assert_eq!(value("contract", "24"), json!("24"));
    assert_eq!(value("senior", "True"), json!(true));
    assert_eq!(value("picture", "[1, 2]"), json!([1, 2]));
    assert_eq!(schema.value_from_text("lines", "2"), Some(json!(2)));
    assert_eq!(schema.value_from_text("customer_id", "0042"), Some(json!("0042")));
    assert_eq!(schema.value_from_text("age", "42"), None);
}

#[test]
fn a_model_whose_inputs_share_no_axis_of_rows_is_refused() {
    let resolve = |inputs: Value| {
        let model = json!({"name": "m", "version": "1", "digest": "", "inputs": inputs, "outputs": []});
        RowSchema::new(&serde_json::from_value(model).unwrap()).unwrap_err().to_string()
    };
    let error = "this model cannot be asked by rows, use the v2 route: ";
    let input = |name: &str, shape: &[i64]| json!({"name": name, "datatype": "FP32", "shape": shape});
    assert_eq!(resolve(json!([input("a", &[])])), format!("{error}input \"a\" is a single value"));
    assert_eq!(
        resolve(json!([input("a", &[2]), input("b", &[-1]), input("c", &[3, 1])])),
        format!("{error}input \"c\" has the shape [3, 1]")
    );
    assert_eq!(resolve(json!([])), format!("{error}it has no inputs"));
}

#[test]
fn a_message_does_not_repeat_a_long_text() {
    let long = "x".repeat(100_000);
    for body in
        [format!(r#"{{"{long}": 1}}"#), row(&format!(r#"{{"contract": "{long}"}}"#)), format!("\"{long}\"")]
    {
        let error = ErrorBody::from(&parse_row(body.as_bytes(), &schema()).unwrap_err());
        assert!(serde_json::to_string(&error).unwrap().len() < 500, "{}", error.error);
    }
}
