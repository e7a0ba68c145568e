//! PostgreSQL as the store of several hosts.

use edgewit_tests::copy_model;
use edgewit_tests::postgres::Postgres;
use serde_json::json;

use crate::customer;
use crate::metrics::value;
use crate::records::{recording, stored};

#[test]
fn hosts_of_one_postgresql_know_the_same() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    let flags = ["--records-key", "customer_id", "--records-confirm"];
    let hosts = [0, 1].map(|_| recording(folder.path(), &postgres.url, &flags));
    for (ix, host) in (0..20).zip(hosts.iter().cycle()) {
        let mut row = customer();
        row["customer_id"] = ix.into();
        let answer = host.client.post_json("/predict", &row);
        assert_eq!(
            (answer.status, answer.header("x-edgewit-record")),
            (200, Some("stored")),
            "{}",
            answer.text
        );
    }
    // Each learns the truth about what the other predicted.
    for (ix, host) in (0..20).zip(hosts.iter().rev().cycle()) {
        let label = host.client.post_json("/feedback", &json!({ "key": ix, "label": "Yes" }));
        assert_eq!(label.status, 200, "{}", label.text);
    }
    let [one, other] =
        hosts.each_ref().map(|host| host.client.get("/models/churn/performance?segment=gender").json());
    assert_eq!(one["versions"][0]["labelled"], 20);
    assert_eq!(one, other);
    assert_eq!(stored(&postgres.url).len(), 20);
}

#[test]
fn predictions_go_on_while_postgresql_is_away_and_are_recorded_when_it_is_back() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    let server = recording(folder.path(), &postgres.url, &["--records-confirm"]);
    let predict = || {
        let answer = server.client.post_json("/predict", &customer());
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("x-edgewit-record").is_some()
    };
    assert!(predict());
    postgres.stop();
    assert!((0..10).all(|_| !predict()));
    assert_eq!(
        server.client.post_json("/feedback", &json!({ "request_id": "a", "label": "No" })).status,
        503
    );
    postgres.start_again();
    let start = std::time::Instant::now();
    let mut more = 1;
    while !predict() {
        more += 1;
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "records are not stored again");
    }
    // What was answered meanwhile had waited.
    assert_eq!(stored(&postgres.url).len(), 11 + more);
    let metrics = server.client.get("/metrics").text;
    assert_eq!(value(&metrics, "edgewit_records_stored_total"), (11 + more) as f64);
    for reason in ["queue", "store", "unreadable"] {
        let lost = format!(r#"edgewit_records_lost_total{{reason="{reason}"}}"#);
        assert_eq!(value(&metrics, &lost), 0.0, "{metrics}");
    }
}
