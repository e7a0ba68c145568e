//! The probes: alive, started, ready.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use edgewit_tests::model;
use edgewit_tests::server::Server;

#[test]
fn a_host_has_started_once_its_models_are_loaded_or_have_failed() {
    let cold = tempfile::tempdir().expect("a folder");
    let models = cold.path().join("models");
    edgewit_tests::copy_model("churn", &models, "", "");
    edgewit_tests::onnx::save(&models, "broken", b"no model");
    let cache = cold.path().join("cache");
    let mut server = Server::start(&models, &["--cache", cache.to_str().expect("text")]);
    let probe = |server: &Server| {
        ["live", "startup", "ready"].map(|probe| server.client.get(&format!("/health/{probe}")).status)
    };
    // Nothing is in the cache, so packing and compiling are still ahead.
    assert_eq!(probe(&server), [200, 503, 503]);
    server.wait_for("not every model");
    assert_eq!(probe(&server), [200, 200, 503]);
}

#[test]
fn a_host_that_is_told_to_stop_is_alive_and_not_ready() {
    let server = Server::ready(model("churn").parent().expect("models"), &[]);
    let address = server.base.strip_prefix("http://").expect("an address");
    let mut connections = ["live", "ready"].map(|probe| {
        let mut connection = TcpStream::connect(address).expect("a connection");
        write!(connection, "GET /health/{probe} HTTP/1.1\r\nhost: a\r\n").expect("written");
        connection
    });
    // Accepted after those, so those are accepted.
    assert_eq!(server.client.get("/health/ready").status, 200);
    server.terminate();
    let start = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(60), "the server goes on listening");
    }
    let answers = connections.each_mut().map(|connection| {
        connection.write_all(b"\r\n").expect("written");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        answer
    });
    assert!(answers[0].starts_with("HTTP/1.1 200"), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 503"), "{}", answers[1]);
}
