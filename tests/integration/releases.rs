//! Versions that come into service and leave it: verified, in the shadow, as a canary, for all, and back.

use std::time::{Duration, Instant};

use edgewit_tests::http::Client;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::releases::{Registry, ask, ask_with, of_a_number, status};
use serde_json::{Value, json};

/// Longer than any change takes that is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the host about the model until it says what is waited for.
pub(crate) fn until(client: &Client, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let status = status(client);
        if holds(&status) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "{what} never came: {status:#}");
    }
}

pub(crate) fn change(client: &Client, what: &str, body: &Value) -> Value {
    let answer = client.post_json(&format!("/models/adder/release/{what}"), body);
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    answer.json()
}

/// A registry with version 1.0.0 in service, which adds 1.
pub(crate) fn serving() -> Registry {
    let registry = Registry::new();
    registry.push("1.0.0", 1, 1);
    registry.done(&["deploy", "adder", "1.0.0"]);
    registry
}

#[test]
fn a_version_is_deployed_pinned_promoted_and_taken_back() {
    let registry = Registry::new();
    registry.push("1.0.0", 1, 1);
    registry.push("1.1.0", 2, 2);
    registry.done(&["deploy", "adder", "1.0.0"]);
    let host = registry.host(&[]);
    let client = &host.client;
    // The first version answers once it is verified, whatever the host said when it began.
    until(client, "1.0.0", |status| status["serving"] == "1.0.0");
    assert_eq!(ask(client), ("1.0.0".into(), 1));

    change(
        client,
        "deploy",
        &json!({ "version": "1.1.0", "plan": { "automatic": false, "canary_header": "x-canary" } }),
    );
    until(client, "the canary", |status| status["candidate"]["stage"] == "canary");
    assert_eq!(ask(client).0, "1.0.0");
    assert_eq!(ask_with(client, &[("x-canary", "always")]), ("1.1.0".into(), 2));
    let pinned = |version: &str| {
        let body = json!({ "inputs": [{ "name": "x", "datatype": "INT64", "shape": [1], "data": [0] }] });
        client.post_json(&format!("/v2/models/adder/versions/{version}/infer"), &body).status
    };
    assert_eq!(["1.0.0", "1.1.0", "2.0.0"].map(pinned), [200, 200, 404]);

    change(client, "promote", &json!({}));
    assert_eq!(ask(client), ("1.1.0".into(), 2));
    assert_eq!(client.post_json("/models/adder/release/promote", &json!({})).status, 409);
    change(client, "rollback", &json!({}));
    assert_eq!(ask(client), ("1.0.0".into(), 1));
    // What was taken back stays to be gone forward to.
    change(client, "rollback", &json!({}));
    assert_eq!(ask(client).0, "1.1.0");

    let history = status(client)["history"].as_array().expect("a list").clone();
    let actions =
        history.iter().rev().map(|change| change["action"].as_str().expect("text")).collect::<Vec<_>>();
    assert_eq!(actions, ["deploy", "promote", "deploy", "advance", "promote", "rollback", "rollback"]);
    assert!(history.iter().all(|change| change["at"].is_string() && change["by"].is_string()));
    let told = registry.done(&["status", "adder"]);
    assert!(told.contains("adder: 1.1.0 answers") && told.contains("before it 1.0.0"), "{told}");
}

#[test]
fn a_version_that_fails_its_golden_cases_never_answers_and_the_status_says_why() {
    let registry = serving();
    registry.push("1.1.0", 2, 5);
    let host = registry.host(&[]);
    until(&host.client, "1.0.0", |status| status["serving"] == "1.0.0");
    let deploy = registry.run(&["deploy", "adder", "1.1.0", "--wait", "60"]);
    assert_eq!(deploy.code, Some(1), "{}", deploy.out);
    for text in [deploy.err, registry.done(&["status", "adder"])] {
        assert!(text.contains("golden/cases.json case 0") && text.contains("1 of 1"), "{text}");
    }
    let status = until(&host.client, "the rejection", |status| status["rejected"]["version"] == "1.1.0");
    assert_eq!((&status["candidate"], &status["rejected"]["stage"]), (&Value::Null, &json!("verify")));
    assert_eq!(ask(&host.client).0, "1.0.0");
    let count = r#"edgewit_requests_total{model="adder",version="1.1.0"}"#;
    assert_eq!(crate::metrics::value(&host.client.get("/metrics").text, count), 0.0);
    let nowhere = registry.run(&["deploy", "adder", "9.0.0"]);
    assert!(nowhere.err.contains("there is no adder 9.0.0"), "{}", nowhere.err);
}

/// Deploys into the shadow and asks until that is decided; returns the status.
fn in_the_shadow(registry: &Registry, version: &str, thresholds: Value) -> Value {
    let host = registry.host(&[]);
    until(&host.client, "1.0.0", |status| status["serving"] == "1.0.0");
    let plan = json!({ "shadow_requests": 120, "thresholds": thresholds });
    change(&host.client, "deploy", &json!({ "version": version, "plan": plan }));
    let decided = until(&host.client, "a decision", |status| {
        // What the shadow predicts is what is asked of the other.
        assert_eq!(ask(&host.client).1, 1);
        status["candidate"].is_null()
    });
    let stable = decided["serving"].as_str().expect("a version").to_owned();
    let start = Instant::now();
    while ask(&host.client).0 != stable {
        assert!(start.elapsed() < PATIENCE, "{stable} does not answer");
    }
    decided
}

#[test]
fn a_version_that_disagrees_or_is_too_slow_is_found_out_in_the_shadow() {
    let registry = serving();
    registry.push("1.1.0", 2, 2);
    let status = in_the_shadow(&registry, "1.1.0", json!({ "disagreement": 0.05 }));
    assert_eq!((&status["serving"], &status["rejected"]["stage"]), (&json!("1.0.0"), &json!("shadow")));
    let reason = status["rejected"]["reason"].as_str().expect("text");
    assert!(reason.contains("disagreed with the stable version"), "{reason}");

    let source = registry.source("1.2.0", &busy());
    registry.done(&["push", source.to_str().expect("text"), "--version", "1.2.0"]);
    let status = in_the_shadow(&registry, "1.2.0", json!({ "p99_ratio": 5.0 }));
    assert_eq!((&status["serving"], &status["rejected"]["stage"]), (&json!("1.0.0"), &json!("shadow")));
    let reason = status["rejected"]["reason"].as_str().expect("text");
    assert!(reason.contains("times as long as the stable version"), "{reason}");
}

/// A model that adds 1, after much work that changes nothing for what is asked here, which is 0.
fn busy() -> Vec<u8> {
    let mut graph = Graph::new().input("x", 7, &[Dim::Named("N")]).ints("by", &[1]).ints("side", &[160, 160]);
    graph = graph.ints("zero", &[0]).node("Min", &["x", "zero"], "nothing").node(
        "Expand",
        &["nothing", "side"],
        "big",
    );
    graph = graph.node("MatMul", &["big", "big"], "square").node("MatMul", &["square", "square"], "more");
    graph = graph
        .node("ReduceMax", &["more"], "most")
        .node("Reshape", &["most", "one"], "flat")
        .ints("one", &[1]);
    graph.node("Add", &["x", "by"], "sum").node("Add", &["sum", "flat"], "y").output("y", 7).bytes()
}

#[test]
fn a_version_that_agrees_goes_from_the_shadow_to_the_canary_to_all() {
    let registry = serving();
    registry.push("1.1.0", 1, 1);
    let host = registry.host(&[]);
    let client = &host.client;
    until(client, "1.0.0", |status| status["serving"] == "1.0.0");
    let plan = json!({
        "shadow_requests": 50, "canary_weight": 0.5, "canary_requests": 50, "thresholds": { "disagreement": 0.0 },
    });
    change(client, "deploy", &json!({ "version": "1.1.0", "plan": plan }));
    let mut answered = std::collections::BTreeMap::<String, u32>::new();
    until(client, "the promotion", |status| {
        // Each stage has its share of requests to go by.
        ask(client);
        status["serving"] == "1.1.0"
    });
    for _ in 0..10 {
        *answered.entry(ask(client).0).or_default() += 1;
    }
    assert_eq!(answered.into_iter().collect::<Vec<_>>(), [("1.1.0".to_owned(), 10)]);
    let actions = status(client)["history"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| change["action"].clone())
        .collect::<Vec<_>>();
    assert_eq!(actions[..4], ["promote", "advance", "advance", "deploy"]);
}

#[test]
fn a_canary_that_fails_is_taken_back_by_itself() {
    let registry = serving();
    // An index out of range for every row but the first: what golden cases did not think of.
    let graph = Graph::new().input("x", 7, &[Dim::Named("N")]).ints("table", &[1]);
    let failing = graph.node("Gather", &["table", "x"], "y").output("y", 7).bytes();
    let source = registry.source("1.1.0", &failing);
    registry.done(&["push", source.to_str().expect("text"), "--version", "1.1.0"]);
    let host = registry.host(&[]);
    let client = &host.client;
    until(client, "1.0.0", |status| status["serving"] == "1.0.0");
    let plan = json!({ "canary_weight": 0.2, "canary_requests": 100 });
    change(client, "deploy", &json!({ "version": "1.1.0", "plan": plan }));
    let status = until(client, "the end of the canary", |status| {
        client.post_json("/models/adder/predict", &json!({ "x": 7 }));
        status["rejected"]["version"] == "1.1.0"
    });
    assert_eq!((&status["rejected"]["stage"], &status["serving"]), (&json!("canary"), &json!("1.0.0")));
    assert!(
        status["rejected"]["reason"].as_str().is_some_and(|reason| reason.contains("failed")),
        "{status}"
    );
    assert!((0..20).all(|_| ask(client).0 == "1.0.0"));
}

#[test]
fn a_slower_canary_is_found_out_in_batches_too() {
    let registry = Registry::new();
    let publish = |version: &str, steps: usize| {
        let source = registry.source(version, &tedious(steps));
        let batches = "[batching]\nmax_size = 2\nmax_delay_us = 20000\n";
        std::fs::write(source.join("model.toml"), batches).expect("written");
        registry.done(&["push", source.to_str().expect("text"), "--version", version]);
    };
    publish("1.0.0", 1);
    publish("1.1.0", 1000);
    registry.done(&["deploy", "adder", "1.0.0"]);
    let host = registry.host(&["--isolation", "reuse"]);
    let client = &host.client;
    until(client, "1.0.0", |status| status["serving"] == "1.0.0");
    for stage in ["shadow", "canary"] {
        let plan = match stage {
            "shadow" => json!({ "shadow_requests": 100, "thresholds": { "p99_ratio": 2.0 } }),
            _ => json!({ "canary_weight": 0.5, "canary_requests": 100, "thresholds": { "p99_ratio": 2.0 } }),
        };
        change(client, "deploy", &json!({ "version": "1.1.0", "plan": plan }));
        let status = until(client, "a decision", |status| {
            // Four of two versions that wait for one another.
            std::thread::scope(|scope| {
                (0..4).for_each(|_| drop(scope.spawn(|| assert_eq!(ask(client).1, 1))))
            });
            status["candidate"].is_null()
        });
        let rejected = &status["rejected"];
        let reason = rejected["reason"].as_str().expect("text");
        assert!(rejected["stage"] == stage && reason.contains("times as long"), "{status:#}");
    }
    let batches = r#"edgewit_batch_size_count{model="adder",version="1.0.0"}"#;
    let metrics = client.get("/metrics").text;
    assert!(crate::metrics::value(&metrics, batches) > 50.0, "{metrics}");
}

/// A model that adds 1, in so many steps there and back, for each of a thousand copies: a step takes some microseconds, so
/// that a thousand take longer than what another process may hold up the one.
fn tedious(steps: usize) -> Vec<u8> {
    let graph = Graph::new().input("x", 7, &[Dim::Named("N")]).ints("by", &[1]).ints("zero", &[0]);
    let mut graph = graph.ints("copies", &[1000, 1]).node("Expand", &["x", "copies"], "many");
    let mut last = "many".to_owned();
    for step in 0..2 * (steps / 2) {
        let next = format!("step{step}");
        graph = graph.node(if step % 2 == 0 { "Add" } else { "Sub" }, &[&last, "by"], &next);
        last = next;
    }
    let graph = graph.node("Gather", &[&last, "zero"], "first").node("Squeeze", &["first", "zero"], "one");
    graph.node("Add", &["one", "by"], "y").output("y", 7).bytes()
}

#[test]
fn a_version_whose_scores_drift_is_rejected_and_one_whose_scores_do_not_is_promoted() {
    let registry = Registry::new();
    for (version, operator, inputs) in
        [("1.0.0", "Abs", &["x"][..]), ("1.1.0", "Mul", &["x", "x"]), ("1.2.0", "Abs", &["x"])]
    {
        let source = registry.source(version, &of_a_number(operator, inputs));
        registry.done(&["push", source.to_str().expect("text"), "--version", version]);
    }
    registry.done(&["deploy", "adder", "1.0.0"]);
    let host = registry.host(&[]);
    let client = &host.client;
    until(client, "1.0.0", |status| status["serving"] == "1.0.0");
    let rows = json!((0..100).map(|ix| json!({ "x": f64::from(ix) / 100.0 })).collect::<Vec<_>>());
    let decided = |version: &str| {
        until(client, "a decision", |status| {
            assert_eq!(client.post_json("/models/adder/predict/batch", &rows).status, 200);
            status["candidate"].is_null()
                && (status["rejected"]["version"] == version || status["serving"] == version)
        })
    };
    registry.done(&["deploy", "adder", "1.1.0", "--shadow", "1000", "--max-drift", "0.25"]);
    let in_the_shadow = decided("1.1.0");
    let plan =
        |drift: f64| json!({ "canary_weight": 0.5, "canary_requests": 20, "thresholds": { "drift": drift } });
    change(client, "deploy", &json!({ "version": "1.1.0", "plan": plan(0.25) }));
    let as_canary = decided("1.1.0");
    for (stage, status) in [("shadow", in_the_shadow), ("canary", as_canary)] {
        assert_eq!((&status["rejected"]["stage"], &status["serving"]), (&json!(stage), &json!("1.0.0")));
        let reason = status["rejected"]["reason"].as_str().expect("text");
        assert!(reason.starts_with("score drift") && reason.ends_with("where 0.25 was allowed"), "{reason}");
    }
    let told = registry.done(&["status", "adder"]);
    assert!(told.contains("rejected 1.1.0 (canary): score drift"), "{told}");
    change(client, "deploy", &json!({ "version": "1.2.0", "plan": plan(0.01) }));
    assert_eq!(decided("1.2.0")["serving"], "1.2.0");
}

#[test]
fn what_makes_no_sense_is_refused_and_says_what_does() {
    let registry = serving();
    registry.push("1.1.0", 2, 2);
    let host = registry.host(&[]);
    until(&host.client, "1.0.0", |status| status["serving"] == "1.0.0");
    let refused = |what: &str, body: Value| {
        let answer = host.client.post_json(&format!("/models/adder/release/{what}"), &body);
        (answer.status, answer.error())
    };
    assert_eq!(refused("deploy", json!({ "version": "1.0.0" })), (409, "1.0.0 answers already".into()));
    assert_eq!(refused("deploy", json!({ "version": "7.0.0" })).0, 404);
    let (code, text) = refused("deploy", json!({ "version": "1.1.0", "plan": { "canary_weight": 2 } }));
    assert_eq!((code, text.as_str()), (400, "canary_weight: expected 0 to 1, got 2"));
    let (code, text) = refused("deploy", json!({ "version": "1.1.0", "plan": { "canary": 2 } }));
    assert!(code == 400 && text.contains("unknown field `canary`"), "{text}");
    let (code, text) =
        refused("deploy", json!({ "version": "1.1.0", "plan": { "thresholds": { "drift": 0.1 } } }));
    assert!(code == 400 && text.starts_with("shadow_requests: expected some, or a canary"), "{text}");
    assert_eq!(refused("rollback", json!({})), (409, "there is no version before this one".into()));
    assert_eq!(refused("promote", json!({})).0, 409);
    assert_eq!(host.client.post_json("/models/nothing/release/promote", &json!({})).status, 404);
    assert_eq!(host.client.post_json("/v2/repository/models/adder/load", &json!({})).status, 501);
    let folder = edgewit_tests::server::shared();
    assert_eq!(folder.client.get("/models/churn/release").status, 501);
}
