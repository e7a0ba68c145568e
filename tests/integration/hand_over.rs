//! One process after the other on the same socket, with clients at work that forgive nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use edgewit_tests::command::{edgewit, run};
use edgewit_tests::full;
use edgewit_tests::load::{Load, Target, certificate};
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use edgewit_tests::tls::Authority;

/// What the model of [`sign`] takes.
pub(crate) const BODY: &str = r#"{"x": [1, -2]}"#;

/// A model that starts at once.
pub(crate) fn sign(models: &Path) {
    let graph = Graph::new().input("x", 1, &[Dim::Unnamed, Dim::Fixed(2)]);
    graph.node("Sign", &["x"], "y").output("y", 1).save(models, "sign");
}

fn serve(models: &Path, listen: &str, arguments: &[&str]) -> Command {
    let mut command = edgewit();
    command.args(["serve", "--listen", listen, "--models"]).arg(models).args(arguments);
    command.env("EDGEWIT_LOG_LEVEL", "warn");
    command
}

/// Stops `server`, with a signal and no more.
fn stop(mut server: Server) {
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

/// Asserts that `load` met no failure, and that clients were at work in each of `rounds`.
fn check(load: Load, rounds: usize) {
    let (answered, failures) = load.stop();
    assert!(failures.is_empty(), "{failures:#?} beside {answered} that were answered");
    assert!(answered >= rounds, "{answered} requests in {rounds} rounds");
    println!("{rounds} rounds, {answered} requests, none failed");
}

#[test]
fn restarts_and_new_certificates_lose_no_request() {
    let rounds = if full() { 1000 } else { 10 };
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let authority = Authority::new(folder.path(), "authority");
    let pair = authority.issue("server");
    let start = |listen: &str| {
        let [a, b, c, d] = pair.arguments();
        let mut server = Server::spawn(&mut serve(&models, listen, &[a, b, c, d, "--reuse-port"]));
        server.wait_for("ready");
        server
    };
    let mut server = start("127.0.0.1:0");
    let listen = server.base.trim_start_matches("https://").to_owned();
    let address: SocketAddr = listen.parse().expect("an address");
    let config = authority.client();
    let load = Load::start(&Target::Tls(address, config.clone()), 2, BODY);
    for _ in 0..rounds {
        let before = (load.answered(), certificate(address, &config));
        authority.issue("server");
        server.signal("HUP");
        while certificate(address, &config) == before.1 {}
        let next = start(&listen);
        stop(std::mem::replace(&mut server, next));
        while load.answered() == before.0 {}
    }
    check(load, rounds);
}

#[test]
fn the_newest_process_gets_new_connections_and_the_older_keeps_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    sign(folder.path());
    let old = Server::spawn(&mut serve(folder.path(), "127.0.0.1:0", &["--reuse-port"]));
    let listen = old.base.trim_start_matches("http://").to_owned();
    let target = Target::Tcp(listen.parse().expect("an address"));
    let mut kept = target.connect().expect("a connection");
    assert_eq!(kept.post("/predict", BODY).expect("an answer").status, 200);
    let mut new = Server::spawn(&mut serve(folder.path(), &listen, &["--reuse-port"]));
    new.wait_for("ready");
    let load = Load::start(&target, 4, BODY);
    while load.answered() < 200 {}
    check(load, 200);
    let mut counts = kept.post("/metrics", "").expect("an answer");
    assert_eq!(counts.status, 405);
    counts = kept.post("/predict", BODY).expect("an answer");
    assert_eq!((counts.status, counts.closes), (200, false));
    // All of the load went to the newest: it has counted them.
    let metrics = new.client.get("/metrics").text;
    assert!(crate::metrics::value(&metrics, "edgewit_requests_total{model=\"sign\"") >= 200.0, "{metrics}");
    stop(old);
    assert_eq!(new.client.post("/predict", BODY).status, 200);
}

#[test]
fn a_process_whose_models_cannot_be_loaded_takes_no_place() {
    let folder = tempfile::tempdir().expect("a folder");
    sign(folder.path());
    let old = Server::ready(folder.path(), &["--reuse-port"]);
    let bad = tempfile::tempdir().expect("a folder");
    edgewit_tests::onnx::save(bad.path(), "bad", b"no model");
    let listen = old.base.trim_start_matches("http://");
    let models = bad.path().to_str().expect("text");
    let refused = run(["serve", "--reuse-port", "--listen", listen, "--models", models]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("the port stays with the process that has it"), "{}", refused.err);
    assert_eq!(old.client.post("/predict", BODY).status, 200);
}

#[test]
fn a_socket_that_is_passed_on_keeps_connections_until_the_next_process_takes_them() {
    let rounds = if full() { 100 } else { 10 };
    let folder = tempfile::tempdir().expect("a folder");
    sign(folder.path());
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = Target::Tcp(socket.local_addr().expect("an address"));
    let start = || {
        // A service manager puts the socket at descriptor 3 and says so to this process by its id.
        let mut command = Command::new("sh");
        command.args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0"#, "sh"]);
        let serve = serve(folder.path(), "127.0.0.1:1", &[]);
        command.arg(serve.get_program()).args(serve.get_args());
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(socket.try_clone().expect("a copy"))));
        Server::spawn(&mut command)
    };
    let load = Load::start(&target, 2, BODY);
    for _ in 0..rounds {
        let before = load.answered();
        let server = start();
        while load.answered() == before {}
        stop(server);
    }
    // Clients wait for a process until the end.
    let last = start();
    check(load, rounds);
    stop(last);
}

#[test]
fn a_unix_socket_is_taken_over_without_a_failed_request() {
    let rounds = if full() { 100 } else { 10 };
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let path = folder.path().join("edgewit.sock");
    let listen = format!("unix:{}", path.display());
    let start = || {
        let mut server = Server::spawn(&mut serve(&models, &listen, &["--reuse-port"]));
        server.wait_for("ready");
        server
    };
    let mut server = start();
    let load = Load::start(&Target::Unix(path), 2, BODY);
    for _ in 0..rounds {
        let before = load.answered();
        let next = start();
        stop(std::mem::replace(&mut server, next));
        while load.answered() == before {}
    }
    check(load, rounds);
}
