//! How much and how fast a client may ask, and what browsers are told.

use std::time::{Duration, Instant};

use edgewit_tests::model;
use edgewit_tests::raw::Raw;
use edgewit_tests::server::{Server, shared};

use crate::customer;
use crate::metrics::value;

fn server(arguments: &[&str]) -> Server {
    Server::ready(model("churn").parent().expect("models"), arguments)
}

#[test]
fn an_address_that_asks_too_often_is_told_when_to_come_again() {
    let server = server(&["--address-rate", "1", "--address-burst", "3"]);
    let answers = [0; 5].map(|_| server.client.post_json("/predict", &customer()));
    let statuses = answers.each_ref().map(|answer| answer.status);
    assert_eq!(statuses[..3], [200; 3]);
    assert_eq!(statuses[4], 429, "{statuses:?}");
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"address\";q=3;w=3"));
    assert_eq!(answers[0].header("ratelimit"), Some("\"address\";r=2;t=1"));
    let refused = &answers[4];
    assert_eq!(
        (refused.header("ratelimit"), refused.header("retry-after")),
        (Some("\"address\";r=0;t=1"), Some("1"))
    );
    assert!(refused.error().contains("too many requests"));
    assert!(refused.json()["request_id"].is_string());
    // Whoever waits as told is let in.
    let start = Instant::now();
    while server.client.get("/health/live").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "the limit never ends");
    }
}

#[test]
fn each_caller_has_a_limit_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys =
        ["one", "two"].map(|name| edgewit_tests::command::run(["key", name, "--scopes", "predict,metrics"]));
    let file = folder.path().join("keys.toml");
    std::fs::write(&file, keys.each_ref().map(|key| key.out.as_str()).concat()).expect("written");
    let file = file.to_str().expect("text");
    let server = server(&["--auth-keys", file, "--principal-rate", "1", "--principal-burst", "2"]);
    let ask = |key: usize, path: &str| server.client.send_as(keys[key].err.trim(), path, None);
    let statuses = [0; 4].map(|_| ask(0, "/v2/models/churn").status);
    assert_eq!((statuses[0], statuses[3]), (200, 429), "{statuses:?}");
    let other = ask(1, "/metrics");
    assert_eq!((other.status, other.header("ratelimit-policy")), (200, Some("\"principal\";q=2;w=2")));
    assert!(value(&other.text, r#"edgewit_rate_limited_total{by="principal"}"#) >= 1.0);
    // Whoever has no key does not use up the limit of one who has.
    assert_eq!(server.client.get("/v2/models/churn").status, 401);
}

#[test]
fn a_connection_outlives_a_request_that_is_refused_before_its_body_has_come() {
    let server = server(&["--max-body-mb", "1"]);
    let ask = |head: &str, status: u16| {
        let mut connection = Raw::connect(&server.base, Duration::from_secs(30));
        for _ in 0..2 {
            connection
                .send(format!("{head} HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n").as_bytes());
            assert_eq!(connection.answer().expect("an answer").status, status, "{head}");
            connection.send(&[b' '; 2_000_000]);
        }
        connection.send(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(connection.answer().map(|answer| answer.status), Some(200), "{head}");
    };
    ask("POST /predict", 413);
    ask("POST /nowhere", 404);
    ask("POST /metrics", 405);
    ask("GET /health/live", 200);
    // Who asks first is not told to send what nobody will read.
    let mut connection = Raw::connect(&server.base, Duration::from_secs(30));
    connection
        .send(b"POST /nowhere HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n");
    assert_eq!(connection.answer().map(|answer| answer.status), Some(404));
}

#[test]
fn a_body_that_comes_too_slowly_is_given_up() {
    let server = server(&["--body-seconds", "1"]);
    let mut slow = Raw::connect(&server.base, Duration::from_secs(30));
    slow.send(b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{");
    let start = Instant::now();
    let answer = slow.answer().expect("an answer");
    assert_eq!(answer.status, 408, "{}", String::from_utf8_lossy(&answer.body));
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert!(slow.answers().1, "the connection stays open");
    assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
}

#[test]
fn heads_that_come_too_slowly_hold_nobody_up() {
    let server = server(&["--header-seconds", "1", "--connections", "8"]);
    let patience = Duration::from_secs(30);
    // As many as there are places; each sends a little now and then, as if more were to come.
    let mut slow = (0..8).map(|_| Raw::connect(&server.base, patience)).collect::<Vec<_>>();
    for connection in &mut slow {
        connection.send(b"GET /health/live HTTP/1.1\r\nhost: a\r\n");
    }
    let start = Instant::now();
    let dripping = std::thread::spawn(move || {
        for mut connection in slow {
            connection.send(b"x-a: b\r\n");
            let (answers, closed) = connection.answers();
            assert!(answers.iter().all(|answer| answer.status == 408) && closed, "{answers:?}");
        }
    });
    // The next waits to be accepted until they are thrown out, and is answered.
    assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    dripping.join().expect("each is closed");
}

#[test]
fn every_answer_tells_browsers_what_it_is_not_for() {
    let server = shared();
    for answer in [
        server.client.get("/health/live"),
        server.client.get("/nowhere"),
        server.client.post("/predict", "{"),
    ] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn pages_of_the_origins_that_are_named_may_ask_and_no_others() {
    let server = server(&[
        "--cors-origins",
        "https://shop.example,http://localhost:3000",
        "--jwks-url",
        "http://127.0.0.1:1/",
        "--jwt-audience",
        "a",
    ]);
    let preflight = |origin: &str| {
        let mut raw = Raw::connect(&server.base, Duration::from_secs(10));
        let head = "host: a\r\nconnection: close\r\naccess-control-request-method: POST\r\naccess-control-request-headers: authorization";
        raw.send(format!("OPTIONS /predict HTTP/1.1\r\norigin: {origin}\r\n{head}\r\n\r\n").as_bytes());
        raw.answers().0[0].status
    };
    assert_eq!(preflight("https://shop.example"), 200);
    let ask = |origin: &str| server.client.send("/predict", &[("origin", origin)], Some(&customer()));
    // A page may read why it was refused, too.
    let allowed = ask("http://localhost:3000");
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-origin")),
        (401, Some("http://localhost:3000"))
    );
    assert!(
        allowed.header("access-control-expose-headers").is_some_and(|names| names.contains("retry-after"))
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    for other in ["https://shop.example.evil", "http://shop.example", "null", "https://evil"] {
        assert_eq!(ask(other).header("access-control-allow-origin"), None, "{other}");
    }
}
