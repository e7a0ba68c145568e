//! PostgreSQL as the store of several hosts.

use std::time::{Duration, Instant};

use edgewit_tests::bucket::Bucket;
use edgewit_tests::postgres::Postgres;
use edgewit_tests::releases::{Registry, of_a_number, status};
use edgewit_tests::server::Server;
use edgewit_tests::{copy_model, full};
use serde_json::json;

use crate::customer;
use crate::metrics::value;
use crate::records::{recording, stored};
use crate::registry::until;

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
fn hosts_of_one_postgresql_and_one_bucket_agree_within_a_second() {
    let (Some(postgres), Some(bucket)) = (Postgres::start(), Bucket::start()) else { return };
    let sources = Registry::at(&bucket.url);
    for (version, operator) in [("1.0.0", "Abs"), ("1.1.0", "Neg")] {
        bucket.push(&sources.source(version, &of_a_number(operator, &["x"])), version);
    }
    bucket.run(&["deploy", "adder", "1.0.0"]);
    let hosts = [0, 1].map(|_| bucket.host(&["--records-store", &postgres.url, "--records-confirm"]));
    let answer = |host: &Server, id: &str| {
        let answer = host.client.post_json_as(id, "/models/adder/predict", &json!({ "x": 1.0 }));
        assert_eq!(
            (answer.status, answer.header("x-edgewit-record")),
            (200, Some("stored")),
            "{}",
            answer.text
        );
        answer.json()["model_version"].as_str().expect("a version").to_owned()
    };
    until("1.0.0", || hosts.iter().all(|host| status(&host.client)["serving"] == "1.0.0"));

    let (mut times, mut apart) = (vec![], vec![]);
    for (change, version) in [
        (&["deploy", "adder", "1.1.0"][..], "1.1.0"),
        (&["rollback", "adder"], "1.0.0"),
        (&["rollback", "adder"], "1.1.0"),
    ] {
        bucket.run(change);
        let start = Instant::now();
        until("the first host", || hosts.iter().any(|host| answer(host, "polling") == version));
        let first = start.elapsed();
        until("both hosts", || hosts.iter().all(|host| answer(host, "polling") == version));
        times.push(start.elapsed());
        apart.push(start.elapsed() - first);
    }
    eprintln!(
        "two hosts of one PostgreSQL and one bucket agree after {times:.0?}, {apart:.0?} after the first"
    );

    // What each has answered, the other learns the truth about.
    for (ix, host) in (0..20).zip(hosts.iter().cycle()) {
        assert_eq!(answer(host, &format!("id-{ix}")), "1.1.0");
    }
    for (ix, host) in (0..20).zip(hosts.iter().rev().cycle()) {
        let label =
            host.client.post_json("/feedback", &json!({ "request_id": format!("id-{ix}"), "label": 0.5 }));
        assert_eq!(label.status, 200, "{}", label.text);
    }
    let start = Instant::now();
    let [one, other] = hosts.each_ref().map(|host| host.client.get("/models/adder/performance").json());
    let told = start.elapsed();
    let version = one["versions"].as_array().expect("a list").iter().find(|one| one["version"] == "1.1.0");
    let version = version.expect("1.1.0");
    assert_eq!((&version["labelled"], &version["mae"]), (&json!(20), &json!(1.5)), "{version}");
    assert_eq!(one, other);
    if full() {
        let slowest = times.iter().chain([&told]).max();
        assert!(slowest < Some(&Duration::from_secs(1)), "{times:?} {told:?}");
    }
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
    let start = Instant::now();
    let mut more = 1;
    while !predict() {
        more += 1;
        assert!(start.elapsed() < Duration::from_secs(60), "records are not stored again");
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
