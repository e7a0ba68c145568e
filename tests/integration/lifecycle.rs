//! Start and stop of a server.

use std::time::{Duration, Instant};

use edgewit_tests::command::run;
use edgewit_tests::model;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use serde_json::json;

use crate::customer;

#[test]
fn a_server_that_is_told_to_stop_finishes_what_is_in_flight_and_exits_with_0() {
    let folder = tempfile::tempdir().expect("a folder");
    slow(folder.path());
    let mut server = Server::ready(folder.path(), &["--deadline-ms", "60000"]);
    let client = server.client.clone();
    let body = json!({ "x": vec![1; 64 * 64] });
    let in_flight = std::thread::spawn(move || client.post_json("/predict/batch", &json!(vec![body; 200])));
    // The request is in flight once it is counted as taken from the queue.
    let taken = || {
        server
            .client
            .get("/metrics")
            .text
            .contains("queue_duration_seconds_count{model=\"slow\",version=\"1\"} 1")
    };
    let start = Instant::now();
    while !taken() {
        assert!(start.elapsed() < Duration::from_secs(60), "the request never started");
    }
    server.terminate();
    let answer = in_flight.join().expect("the client thread ends");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_full_queue_is_refused_at_once_and_what_waits_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    slow(folder.path());
    let server = Server::ready(folder.path(), &["--workers", "1", "--queue", "1", "--deadline-ms", "60000"]);
    let body = json!(vec![json!({ "x": vec![1; 64 * 64] }); 50]);
    let ask = || server.client.post_json("/predict/batch", &body);
    let answers = std::thread::scope(|scope| {
        let asked = (0..8).map(|_| scope.spawn(ask)).collect::<Vec<_>>();
        asked.into_iter().map(|thread| thread.join().expect("the client thread ends")).collect::<Vec<_>>()
    });
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!good.is_empty() && !refused.is_empty(), "{answers:?}");
    for answer in refused {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text);
        assert!(answer.error().contains("busy"));
    }
    assert!(server.client.get("/metrics").text.contains(r#"reason="busy""#));
    assert_eq!(ask().status, 200);
}

/// Products of 64 x 64 matrices, one after the other, for each row.
pub(crate) fn slow(folder: &std::path::Path) {
    let mut graph = Graph::new().input("x", 1, &[Dim::Unnamed, Dim::Fixed(64), Dim::Fixed(64)]);
    for ix in 0..200 {
        let from = if ix == 0 { "x".to_owned() } else { format!("y{ix}") };
        graph = graph.node("MatMul", &[&from, "x"], &format!("m{ix}")).node(
            "Sign",
            &[&format!("m{ix}")],
            &format!("y{}", ix + 1),
        );
    }
    graph.output("y200", 1).save(folder, "slow");
}

#[test]
fn health_is_503_until_every_model_is_loaded() {
    let cold = tempfile::tempdir().expect("a folder");
    let cache = cold.path().join("cache");
    let arguments = ["--cache", cache.to_str().expect("text")];
    let mut server = Server::start(model("churn").parent().expect("models"), &arguments);
    // Nothing is in the cache, so packing and compiling are still ahead.
    for path in ["/health", "/health/ready", "/v2/health/ready"] {
        assert_eq!(server.client.get(path).status, 503, "{path}");
    }
    assert_eq!(server.client.get("/health/live").status, 200);
    let early = server.client.post_json("/predict", &customer());
    assert_eq!((early.status, early.header("retry-after")), (503, Some("1")));
    server.wait_for("ready");
    let health = server.client.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
    let models = health.json()["models"].clone();
    assert_eq!(models[0], json!({ "name": "churn", "version": "1", "state": "ready" }));
    let line = server.wait_for("try: ");
    curl(&line);
}

/// Runs the line that the server prints, as a user pastes it.
fn curl(line: &str) {
    let command = line.strip_prefix("try: ").expect("the line to paste");
    let output = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    let json: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let yes = json["probability"][1].as_f64().expect("a probability");
    assert!((0.0..=1.0).contains(&yes), "{yes}");
}

#[test]
fn bad_settings_are_refused_with_the_flag_and_what_it_takes() {
    let check = |arguments: &[&str], words: &[&str]| {
        let refused = run(["serve"].iter().chain(arguments));
        assert_ne!(refused.code, Some(0), "{refused:?}");
        words
            .iter()
            .for_each(|word| assert!(refused.err.contains(word), "`{word}` is not in {}", refused.err));
    };
    check(&["--models", "nowhere"], &["models.folder (--models)", "nowhere"]);
    check(&["--listen", "here"], &["--listen"]);
    let models = model("churn");
    let models = models.parent().and_then(|path| path.to_str()).expect("text");
    check(&["--models", models, "--memory-mb", "1"], &["--memory-mb", "16"]);
    check(&["--models", models, "--default-model", "nothing"], &["--default-model", "no model nothing"]);
    let empty = tempfile::tempdir().expect("a folder");
    check(
        &["--models", empty.path().to_str().expect("text")],
        &["no model here", "<name>/<version>/model.onnx"],
    );
}
