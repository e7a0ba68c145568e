//! Versions that come into service and leave it: verified, in the shadow, as a canary, for all, and back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use edgewit_tests::full;
use edgewit_tests::http::Client;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::releases::{Registry, ask, ask_with, status};
use serde_json::{Value, json};

/// Longer than any change takes that is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the host about the model until it says what is waited for.
fn until(client: &Client, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let status = status(client);
        if holds(&status) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "{what} never came: {status:#}");
    }
}

fn change(client: &Client, what: &str, body: &Value) -> Value {
    let answer = client.post_json(&format!("/models/adder/release/{what}"), body);
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    answer.json()
}

/// A registry with version 1.0.0 in service, which adds 1.
fn serving() -> Registry {
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

/// What a client saw: from when to when, and the version.
type Seen = (Instant, Instant, String);

#[test]
fn no_request_fails_or_is_answered_by_a_version_that_was_not_allowed() {
    let registry = serving();
    registry.push("1.1.0", 2, 2);
    let host = registry.host(&[]);
    until(&host.client, "1.0.0", |status| status["serving"] == "1.0.0");
    let cycles = if full() { 200 } else { 8 };
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Vec::<Seen>::new()));
    // From when to when each version was allowed: from before it was asked for until after another was in its place.
    let mut allowed = vec![(Instant::now(), None, "1.0.0")];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut own = vec![];
                while !stop.load(Relaxed) {
                    let from = Instant::now();
                    let (version, adds) = ask(&host.client);
                    assert_eq!(adds, if version == "1.0.0" { 1 } else { 2 });
                    own.push((from, Instant::now(), version));
                }
                seen.lock().expect("nobody panicked").extend(own);
            });
        }
        for cycle in 0..cycles {
            // Up by a deployment, back by a rollback; every other time with a canary that is promoted by hand.
            let begin = Instant::now();
            if cycle % 2 == 0 {
                change(&host.client, "deploy", &json!({ "version": "1.1.0" }));
                until(&host.client, "1.1.0", |status| status["serving"] == "1.1.0");
            } else {
                let plan = json!({ "automatic": false });
                change(&host.client, "deploy", &json!({ "version": "1.1.0", "plan": plan }));
                until(&host.client, "the canary", |status| status["candidate"]["stage"] == "canary");
                change(&host.client, "promote", &json!({}));
            }
            let now = Instant::now();
            if let Some((_, until, _)) = allowed.last_mut() {
                *until = Some(now);
            }
            allowed.push((begin, None, "1.1.0"));
            let begin = Instant::now();
            change(&host.client, "rollback", &json!({}));
            if let Some((_, until, _)) = allowed.last_mut() {
                *until = Some(Instant::now());
            }
            allowed.push((begin, None, "1.0.0"));
        }
        stop.store(true, Relaxed);
    });
    let seen = seen.into_inner().expect("nobody panicked");
    for (from, to, version) in &seen {
        let fits = |(begin, end, allowed): &(Instant, Option<Instant>, &str)| {
            allowed == version && begin <= to && end.is_none_or(|end| *from <= end)
        };
        assert!(allowed.iter().any(fits), "{version} answered when it was not allowed to");
    }
    let new = seen.iter().filter(|(.., version)| version == "1.1.0").count();
    eprintln!("{cycles} cycles, {} requests, {new} by the new version, none failed", seen.len());
    assert!(new > 0 && new < seen.len());
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
    assert_eq!(refused("rollback", json!({})), (409, "there is no version before this one".into()));
    assert_eq!(refused("promote", json!({})).0, 409);
    assert_eq!(host.client.post_json("/models/nothing/release/promote", &json!({})).status, 404);
    assert_eq!(host.client.post_json("/v2/repository/models/adder/load", &json!({})).status, 501);
    let folder = edgewit_tests::server::shared();
    assert_eq!(folder.client.get("/models/churn/release").status, 501);
}
