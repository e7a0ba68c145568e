//! Rows of named features over HTTP.

use edgewit_tests::server::shared;
use serde_json::json;

use crate::{customer, customer_with};

#[test]
fn a_row_is_answered_with_its_label_probability_and_model() {
    let server = shared();
    let answer = server.client.post_json("/predict", &customer());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    let probability = json["probability"].as_array().expect("a list");
    let (no, yes) = (probability[0].as_f64().unwrap(), probability[1].as_f64().unwrap());
    assert!((no + yes - 1.0).abs() < 1e-6);
    // A month-to-month customer in the first month is more likely than not to leave.
    assert!((0.4..0.9).contains(&yes), "{yes}");
    assert_eq!(json["label"], if yes > no { "Yes" } else { "No" });
    assert_eq!(json["prediction"], u8::from(yes > no));
    assert_eq!(json["confidence"].as_f64(), Some(yes.max(no)));
    assert_eq!(json["model"], "churn");
    assert_eq!(json["model_version"], "1");
    assert!(json["timestamp"].as_str().expect("text").ends_with('Z'));
    assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36));
}

#[test]
fn a_pass_through_field_is_echoed_and_the_clients_request_id_kept() {
    let server = shared();
    let row = customer_with("customer_id", json!("7590-VHVEG"));
    let answer = server.client.post_json_as("mine-1", "/models/churn/predict", &row);
    assert_eq!(answer.json()["customer_id"], "7590-VHVEG");
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let refused = server.client.post_json_as("mine-2", "/predict", &json!({}));
    assert_eq!(
        (&refused.json()["request_id"], refused.header("x-request-id")),
        (&json!("mine-2"), Some("mine-2"))
    );
}

#[test]
fn a_missing_total_is_imputed() {
    let server = shared();
    let answer = server.client.post_json("/predict", &customer_with("TotalCharges", json!(null)));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn a_batch_is_answered_row_by_row_in_order_as_a_list_or_as_instances() {
    let server = shared();
    let rows = json!([customer_with("tenure", json!(1)), customer_with("tenure", json!(60))]);
    let alone = [0, 1].map(|ix| server.client.post_json("/predict", &rows[ix]).json()["probability"].clone());
    for body in [rows.clone(), json!({ "instances": rows })] {
        let answer = server.client.post_json("/predict/batch", &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let predictions = answer.json()["predictions"].clone();
        assert_eq!(predictions.as_array().expect("a list").len(), 2);
        for ix in [0, 1] {
            assert_eq!(predictions[ix]["probability"], alone[ix], "row {ix}");
        }
    }
    assert_ne!(alone[0], alone[1]);
}

#[test]
fn an_image_model_takes_a_nested_list() {
    let server = shared();
    let image = json!([[
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0],
        [0, 5, 8, 0, 0, 9, 8, 0],
        [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0],
        [0, 0, 6, 13, 10, 0, 0, 0]
    ]]);
    let answer = server.client.post_json("/models/digits/predict", &json!({ "image": image }));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["label"], "0");
}
