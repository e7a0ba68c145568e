//! What `/metrics` counts.

use edgewit_tests::model;
use edgewit_tests::server::Server;
use serde_json::json;

use crate::customer;

/// The value of a sample, by the start of its line.
pub(crate) fn value(text: &str, start: &str) -> f64 {
    let line =
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

#[test]
fn requests_failures_durations_and_instances_are_counted_by_model_and_version() {
    let server = Server::ready(model("churn").parent().expect("models"), &[]);
    for _ in 0..3 {
        assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
    }
    server.client.post_json("/predict/batch", &json!([customer(), customer()]));
    server.client.post("/predict", "{");
    server.client.post("/models/nothing/predict", "{}");
    let answer = server.client.get("/metrics");
    assert!(answer.header("content-type").is_some_and(|header| header.contains("openmetrics-text")));
    let text = &answer.text;
    let churn = r#"{model="churn",version="1"}"#;
    assert_eq!(value(text, &format!("edgewit_requests_total{churn}")), 5.0);
    assert_eq!(value(text, r#"edgewit_requests_total{model="",version=""}"#), 1.0);
    assert_eq!(
        value(text, r#"edgewit_failures_total{model="churn",version="1",reason="invalid_input"}"#),
        1.0
    );
    assert_eq!(value(text, r#"edgewit_failures_total{model="",version="",reason="not_found"}"#), 1.0);
    assert_eq!(value(text, &format!("edgewit_rows_total{churn}")), 5.0);
    // A sandbox for each of the four predictions; the refused body never reached one.
    assert_eq!(value(text, &format!("edgewit_instances_started_total{churn}")), 4.0);
    assert_eq!(value(text, &format!("edgewit_request_duration_seconds_count{churn}")), 5.0);
    assert_eq!(value(text, &format!("edgewit_predict_duration_seconds_count{churn}")), 4.0);
    assert_eq!(value(text, &format!("edgewit_queue_duration_seconds_count{churn}")), 5.0);
    assert_eq!(value(text, "edgewit_models_loaded"), 2.0);
    assert!(text.ends_with("# EOF\n"));
}
