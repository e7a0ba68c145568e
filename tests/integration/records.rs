//! Predictions and labels in the store of records, and what is known of a model from them.

use std::path::Path;

use edgewit::records::{Record, Selection, Store, StoreError};
use edgewit_tests::command::run;
use edgewit_tests::server::Server;
use edgewit_tests::{copy_model, root};
use serde_json::{Value, json};

use crate::metrics::value;
use crate::{customer, customer_with};

/// A folder with churn in it, which may hold a store, too.
fn churn() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    folder
}

/// A server that records in `store`.
pub(crate) fn recording(models: &Path, store: &str, more: &[&str]) -> Server {
    Server::ready(models, &[&["--records-store", store], more].concat())
}

/// Everything in a store, with its labels, the latest first.
pub(crate) fn stored(store: &str) -> Vec<(Record, Option<String>)> {
    let mut found = vec![];
    let select =
        Selection { model: None, version: None, since: 0, until: i64::MAX, labelled: false, most: i64::MAX };
    let read = async {
        let store = Store::new(store)?;
        store
            .each(&select, |record, label| {
                found.push((record, label));
                Ok::<_, StoreError>(())
            })
            .await?;
        store.close().await;
        Ok::<_, StoreError>(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(read).expect("the store is there");
    found
}

fn json_of(text: &Option<String>) -> Value {
    serde_json::from_str(text.as_deref().expect("recorded")).expect("JSON")
}

#[test]
fn a_prediction_is_recorded_and_labelled_by_its_request_or_its_key() {
    let folder = churn();
    let store = folder.path().join("records.db").to_str().expect("text").to_owned();
    let server = recording(folder.path(), &store, &["--records-key", "customer_id"]);
    let client = &server.client;
    let mut row = customer();
    row["customer_id"] = "7590-VHVEG".into();
    let answer = client.post_json_as("first", "/predict", &row).json();
    let batch = json!([customer(), customer_with("Contract", json!("Two year"))]);
    assert_eq!(client.post_json_as("second", "/predict/batch", &batch).status, 200);

    let label = |body: Value| client.post_json("/feedback", &body);
    assert_eq!(label(json!({ "key": "7590-VHVEG", "label": "No" })).json(), json!({ "stored": 1 }));
    let two = json!([
        { "request_id": "second", "row": 1, "label": 0 },
        { "key": "nobody", "label": "Yes" },
    ]);
    assert_eq!(label(two).json(), json!({ "stored": 1, "unknown": ["nobody"] }));
    assert_eq!(label(json!({ "key": "nobody", "label": "Yes" })).status, 404);

    let mut found = stored(&store);
    found.sort_by_key(|(record, _)| (record.request_id.clone(), record.row));
    let [(first, truth), (second, none), (third, zero)] = &*found else { panic!("{found:?}") };
    assert_eq!((truth.as_deref(), none, zero.as_deref()), (Some("No"), &None, Some("0")));
    assert_eq!((&*first.request_id, &*second.request_id, third.row), ("first", "second", 1));
    assert_eq!((&*first.model, &*first.version, &*first.task), ("churn", "1", "classification"));
    let mut features = json_of(&first.features);
    assert_eq!(features["MonthlyCharges"].take().as_f64(), Some(29.85));
    assert_eq!((&features["gender"], &features["tenure"]), (&json!("Female"), &json!(1.0)));
    assert_eq!(json_of(&first.passthrough), json!({ "customer_id": "7590-VHVEG" }));
    assert_eq!(first.prediction.as_deref(), answer["label"].as_str());
    // An answer has the digits that an f32 needs, a record those of the same number as an f64.
    let single = |value: &Value| value.as_f64().map(|value| value as f32);
    assert_eq!(single(&json_of(&first.probability)["Yes"]), single(&answer["probability"][1]));
    assert!(first.latency_us > Some(0));
}

#[test]
fn quality_is_told_by_version_and_segment_and_becomes_metrics() {
    let folder = churn();
    let store = folder.path().join("records.db").to_str().expect("text").to_owned();
    let server = recording(folder.path(), &store, &[]);
    let client = &server.client;
    let contracts = ["Month-to-month", "Two year"];
    let mut right = [0.0, 0.0];
    for (ix, contract) in (0..40).zip(contracts.into_iter().cycle()) {
        let row = customer_with("Contract", json!(contract));
        let id = format!("request-{ix}");
        let predicted = client.post_json_as(&id, "/predict", &row).json()["label"].clone();
        let truth = if ix % 5 == 0 { "Yes" } else { "No" };
        right[ix % 2] += f64::from(u8::from(predicted == truth));
        assert_eq!(client.post_json("/feedback", &json!({ "request_id": id, "label": truth })).status, 200);
    }
    let found = client.get("/models/churn/performance?segment=Contract").json();
    let version = &found["versions"][0];
    assert_eq!(
        (&version["version"], &version["predictions"], &version["labelled"]),
        (&json!("1"), &json!(40), &json!(40))
    );
    let accuracy = (right[0] + right[1]) / 40.0;
    assert_eq!(version["accuracy"], accuracy);
    assert_eq!(version["over_time"].as_array().map(Vec::len), Some(10));
    let segments = version["segments"].as_array().expect("a list").iter();
    let segments = segments.map(|one| (one["value"].as_str(), one["accuracy"].as_f64()));
    let expected = [0, 1].map(|ix| (Some(contracts[ix]), Some(right[ix] / 20.0)));
    assert!(
        segments.clone().all(|segment| expected.contains(&segment)) && segments.count() == 2,
        "{version}"
    );
    assert!(version["roc_auc"].as_f64().is_some_and(|area| (0.0..=1.0).contains(&area)), "{version}");
    assert!(version["calibration"]["bins"].as_array().is_some_and(|bins| !bins.is_empty()), "{version}");

    let metrics = client.get("/metrics").text;
    let churn = r#"{model="churn",version="1"}"#;
    assert_eq!(value(&metrics, &format!("ml_model_accuracy{churn}")), accuracy);
    assert_eq!(value(&metrics, &format!("ml_model_labelled_predictions{churn}")), 40.0);
    assert_eq!(value(&metrics, "edgewit_records_stored_total"), 40.0);
    assert_eq!(value(&metrics, "edgewit_labels_stored_total"), 40.0);
    assert_eq!(client.get("/models/churn/performance?sgment=x").status, 400);
}

#[test]
fn only_what_is_wanted_is_recorded_and_private_fields_are_digests() {
    let folder = churn();
    let store = folder.path().join("records.db").to_str().expect("text").to_owned();
    let key = folder.path().join("key");
    std::fs::write(&key, "a key of the tests, long enough").expect("written");
    let more = ["--records-columns", "features,passthrough", "--records-omit", "gender,tenure"];
    let hash = ["--records-hash", "customer_id", "--records-hash-key", key.to_str().expect("text")];
    let server =
        recording(folder.path(), &store, &[&more[..], &hash, &["--records-key", "customer_id"]].concat());
    let mut row = customer();
    row["customer_id"] = "7590-VHVEG".into();
    server.client.post_json("/predict", &row);
    let labelled = server.client.post_json("/feedback", &json!({ "key": "7590-VHVEG", "label": "No" }));
    assert_eq!(labelled.status, 200, "{}", labelled.text);
    let found = stored(&store);
    let [(record, Some(_))] = &*found else { panic!("{found:?}") };
    let features = json_of(&record.features);
    assert_eq!((features.get("gender"), features.get("tenure")), (None, None));
    assert_eq!(features["Contract"], "Month-to-month");
    let digest = json_of(&record.passthrough)["customer_id"].as_str().expect("text").to_owned();
    assert_eq!((digest.len(), record.business_key.as_deref()), (64, Some(&*digest)));
    assert_eq!((&record.prediction, &record.probability, record.latency_us), (&None, &None, None));
    let bytes = std::fs::read(&store).expect("the file");
    assert!(!bytes.windows(10).any(|part| part == b"7590-VHVEG"));
}

#[test]
fn a_store_that_is_not_there_fails_no_prediction_and_losses_are_counted() {
    let folder = churn();
    let store = folder.path().join("missing/records.db").to_str().expect("text").to_owned();
    let server = recording(folder.path(), &store, &["--records-queue", "4", "--records-confirm"]);
    for _ in 0..20 {
        let answer = server.client.post_json("/predict", &customer());
        assert_eq!((answer.status, answer.header("x-edgewit-record")), (200, None));
    }
    let refused = server.client.post_json("/feedback", &json!({ "request_id": "a", "label": "No" }));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(!refused.text.contains("missing/"), "{}", refused.text);
    let metrics = server.client.get("/metrics").text;
    // Four wait in the queue, and what the writer holds.
    assert!(value(&metrics, r#"edgewit_records_lost_total{reason="store"}"#) >= 10.0, "{metrics}");
    assert_eq!(value(&metrics, "edgewit_records_store_up"), 0.0);

    // The store comes back, and takes what waited.
    std::fs::create_dir(folder.path().join("missing")).expect("a folder");
    let confirmed = || server.client.post_json("/predict", &customer()).header("x-edgewit-record").is_some();
    let start = std::time::Instant::now();
    while !confirmed() {
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "records are not stored again");
    }
    assert!(stored(&store).len() > 2);
}

#[test]
fn what_is_no_feedback_is_refused_with_the_reason() {
    let folder = churn();
    let store = folder.path().join("records.db").to_str().expect("text").to_owned();
    let server = recording(folder.path(), &store, &[]);
    let check = |body: &str, words: &str| {
        let answer = server.client.post("/feedback", body);
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.error().contains(words), "`{words}` is not in: {}", answer.error());
    };
    check("{", "expected {\"request_id\"");
    check("[]", "the list is empty");
    check("7", "neither an object nor a list");
    check(r#"{"label": "No"}"#, "expected request_id or key, got neither");
    check(r#"{"request_id": "a", "key": "b", "label": "No"}"#, "got both");
    check(r#"{"request_id": "a", "label": ["No"]}"#, "label: expected a class or a number, got [\"No\"]");
    check(r#"{"request_id": "a", "lable": "No"}"#, "unknown field `lable`");
    check(r#"{"key": "b", "label": "No"}"#, "records.key names no field");
    let off = Server::ready(folder.path(), &[]);
    assert_eq!(off.client.post_json("/feedback", &json!({ "request_id": "a", "label": "No" })).status, 501);
    assert_eq!(off.client.get("/models/churn/performance").status, 501);
}

#[test]
fn labels_come_from_a_file_and_everything_goes_to_one() {
    let folder = churn();
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let store = path("records.db");
    let server = recording(folder.path(), &store, &["--records-key", "customer_id"]);
    for ix in 0..30 {
        let mut row = customer_with("tenure", json!(ix));
        row["customer_id"] = format!("customer-{ix}").into();
        assert_eq!(server.client.post_json("/predict", &row).status, 200);
    }
    assert_eq!(server.client.get("/models/churn/performance").status, 200);
    let lines = (0..32).map(|ix| format!("customer-{ix},No\n")).collect::<String>();
    std::fs::write(path("labels.csv"), format!("customer,Churn\n{lines}")).expect("written");
    std::fs::write(path("edgewit.toml"), format!("[records]\nstore = {store:?}\nkey = \"customer_id\"\n"))
        .expect("written");
    let (labels, config, parquet) = (path("labels.csv"), path("edgewit.toml"), path("records.parquet"));
    let columns = ["--label", "Churn", "--key", "customer", "--model", "churn", "--config", &config];
    let imported = run([&["feedback", &labels][..], &columns].concat());
    assert_eq!(imported.out, "30 labels stored\n2 keys that no prediction has\n", "{}", imported.err);
    let performance = server.client.get("/models/churn/performance").json();
    assert_eq!(performance["versions"][0]["labelled"], 30);

    let exported = run(["export", "--model", "churn", "--output", &parquet, "--config", &config]);
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    let requirements = root().join("tests/statistics/requirements.txt");
    let Some(python) = xtask::python::environment(&requirements, false).expect("the packages") else {
        return;
    };
    let script = "import json, sys; from pyarrow import parquet; print(json.dumps(parquet.read_table(sys.argv[1]).to_pylist(), default=str))";
    let output = python.command().args(["-c", script, &parquet]).output().expect("Python starts");
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 30);
    for (row, (record, label)) in rows.iter().zip(stored(&store)) {
        assert_eq!(row["request_id"], &*record.request_id);
        assert_eq!(
            (row["row_index"].as_i64(), row["latency_us"].as_i64()),
            (Some(record.row), record.latency_us)
        );
        assert_eq!(
            (row["features"].as_str(), row["label"].as_str()),
            (record.features.as_deref(), label.as_deref())
        );
        assert!(row["made_at"].as_str().is_some_and(|time| time.starts_with("20")), "{row}");
    }
}
