//! The page about a model in use.

use std::path::Path;

use edgewit_tests::command::run;
use edgewit_tests::copy_model;
use serde_json::json;

use crate::customer_with;
use crate::records::recording;

#[test]
fn a_report_shows_drift_quality_and_latency_and_loads_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    copy_model("churn", &folder.path().join("models"), "", "");
    let row = |ix: u32| {
        let row = customer_with("tenure", json!(ix % 70));
        let row = row.as_object().expect("a row");
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        row.values().map(text).collect::<Vec<_>>().join(",")
    };
    let header = crate::customer().as_object().expect("a row").keys().cloned().collect::<Vec<_>>().join(",");
    let data = (0..300).map(row).collect::<Vec<_>>().join("\n");
    std::fs::write(path("data.csv"), format!("{header}\n{data}\n")).expect("written");
    let (data, model, models) = (path("data.csv"), path("models/churn/1"), path("models"));
    let made = run(["baseline", &data, "--model", &model]);
    assert_eq!(made.code, Some(0), "{}", made.err);

    let store = path("records.db");
    let server = recording(Path::new(&models), &store, &[]);
    for ix in 0..60 {
        let rows = (0..5).map(|row| customer_with("tenure", json!((ix * 5 + row) % 8))).collect::<Vec<_>>();
        let id = format!("request-{ix}");
        assert_eq!(server.client.post_json_as(&id, "/predict/batch", &json!(rows)).status, 200);
        let label = if ix % 2 == 0 { "Yes" } else { "No" };
        let label = json!({ "request_id": id, "row": 2, "label": label });
        assert_eq!(server.client.post_json("/feedback", &label).status, 200);
    }
    assert_eq!(server.client.get("/models/churn/performance").status, 200);
    let page = path("report.html");
    let made = run([
        "report",
        "--model",
        "churn",
        "--models",
        &models,
        "--output",
        &page,
        "--records-store",
        &store,
    ]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let page = std::fs::read_to_string(page).expect("a page");
    for words in [
        "Drift by feature",
        "1 of 19",
        "Distribution of the score",
        "Accuracy over time",
        "Calibration",
        "Latency",
        "kolmogorov-smirnov",
        "with known truth",
    ] {
        assert!(page.contains(words), "`{words}` is not in the page");
    }
    assert!(!page.contains("://") && !page.contains("<script") && !page.contains("NaN"), "{page}");
}
