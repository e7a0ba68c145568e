//! SIGTERM step by step, and SIGHUP.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;

use edgewit_tests::command::{edgewit, run};
use edgewit_tests::load::Target;
use edgewit_tests::server::Server;
use serde_json::json;

use crate::hand_over::{BODY, sign};
use crate::lifecycle::slow;

/// A server whose log can be waited for.
fn start(models: &Path, arguments: &[&str]) -> Server {
    let mut command = edgewit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--models"]).arg(models).args(arguments);
    let mut server = Server::spawn(command.stderr(Stdio::piped()));
    server.wait_for("ready");
    server
}

fn address(server: &Server) -> SocketAddr {
    server.base.trim_start_matches("http://").parse().expect("an address")
}

#[test]
fn a_host_that_will_stop_is_not_ready_but_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    sign(folder.path());
    let mut server = start(folder.path(), &["--readiness-delay-ms", "600000"]);
    server.terminate();
    server.wait_for_log("stopping");
    while server.client.get("/health/ready").status == 200 {}
    let health = server.client.get("/health/ready");
    assert_eq!((health.status, health.text.as_str()), (503, r#"{"ready":false}"#));
    let mut open = Target::Tcp(address(&server)).connect().expect("new connections are accepted");
    let reply = open.post("/predict", BODY).expect("an answer");
    assert_eq!((reply.status, reply.closes), (200, false));
    // A second signal says that ten minutes are too long.
    server.terminate();
    while TcpStream::connect(address(&server)).is_ok() {}
    let reply = open.post("/predict", BODY).expect("an answer");
    assert_eq!((reply.status, reply.closes), (200, true), "the end is told with the answer");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_takes_longer_than_the_drain_time_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    slow(folder.path());
    let mut server = start(folder.path(), &["--deadline-ms", "600000", "--drain-seconds", "0"]);
    let body = json!(vec![json!({ "x": vec![1; 64 * 64] }); 200]).to_string();
    let target = Target::Tcp(address(&server));
    let client = std::thread::spawn(move || {
        target.connect().expect("a connection").post("/predict/batch", &body).map(|reply| reply.status)
    });
    let taken = "queue_duration_seconds_count{model=\"slow\",version=\"1\"} 1";
    while !server.client.get("/metrics").text.contains(taken) {}
    server.terminate();
    server.wait_for_log("requests were still in flight at the end");
    assert_eq!(server.wait().code(), Some(0));
    assert!(client.join().expect("the client ends").is_err());
}

#[test]
fn a_reload_takes_new_rates_and_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let (file, keys) = (folder.path().join("edgewit.toml"), folder.path().join("keys.toml"));
    let key = |name: &str| run(["key", name]);
    let (old, new) = (key("old"), key("new"));
    std::fs::write(&keys, &old.out).expect("written");
    let settings = |rate: u32| {
        let text = format!("[auth]\nkeys_file = {keys:?}\n[limits]\nprincipal_rate = {rate}\n");
        std::fs::write(&file, text).expect("written");
    };
    settings(1);
    let mut server = start(&models, &["--config", file.to_str().expect("text")]);
    let body = serde_json::from_str(BODY).expect("JSON");
    let ask = |key: &str| server.client.send_as(key.trim(), "/predict", Some(&body)).status;
    assert_eq!(ask(&old.err), 200);
    assert!((0..20).any(|_| ask(&old.err) == 429), "one a second is no limit");
    assert_eq!(ask(&new.err), 401);

    std::fs::write(&keys, &new.out).expect("written");
    settings(0);
    server.signal("HUP");
    server.wait_for_log("the settings were read again");
    let ask = |key: &str| server.client.send_as(key.trim(), "/predict", Some(&body)).status;
    assert!((0..50).all(|_| ask(&new.err) == 200));
    assert_eq!(ask(&old.err), 401);
}

#[test]
fn a_reload_names_what_takes_a_restart_and_keeps_all_when_there_is_a_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let file = folder.path().join("edgewit.toml");
    let settings = |text: &str| std::fs::write(&file, text).expect("written");
    settings("[server]\nqueue = 7\n");
    let mut server = start(&models, &["--config", file.to_str().expect("text")]);

    settings("[server]\nqueue = 8\n");
    server.signal("HUP");
    let line = server.wait_for_log("takes a restart");
    assert!(line.contains("server.queue (--queue)"), "{line}");
    server.wait_for_log("the settings were read again");

    settings("[server]\nqueues = 8\n");
    server.signal("HUP");
    let line = server.wait_for_log("the settings stay as they are");
    assert!(line.contains("edgewit.toml"), "{line}");
    assert_eq!(server.client.post("/predict", BODY).status, 200);
}
