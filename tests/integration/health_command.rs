//! `edgewit health`: what a container engine asks.

use edgewit_tests::command::{Run, edgewit, run};
use edgewit_tests::server::Server;
use edgewit_tests::tls::Authority;

use crate::hand_over::sign;

fn health(arguments: &[&str]) -> Run {
    run(["health", "--timeout-seconds", "20"].iter().chain(arguments))
}

fn assert_ready(run: &Run) {
    assert_eq!((run.code, &*run.out), (Some(0), "ready\n"), "{}", run.err);
}

fn serve(models: &std::path::Path, listen: &str, arguments: &[&str]) -> Server {
    let mut command = edgewit();
    command.args(["serve", "--listen", listen, "--models"]).arg(models).args(arguments);
    let mut server = Server::spawn(command.env("EDGEWIT_LOG_LEVEL", "error"));
    server.wait_for("ready");
    server
}

#[test]
fn a_host_is_asked_over_tcp_over_tls_and_at_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let path = format!("unix:{}", folder.path().join("socket").display());
    let at_socket = serve(&models, &path, &[]);
    assert_ready(&health(&["--listen", &path]));
    drop(at_socket);
    let gone = health(&["--listen", &path]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.err.contains(&format!("cannot connect to {path}")), "{}", gone.err);

    let plain = serve(&models, "127.0.0.1:0", &[]);
    let address = plain.base.strip_prefix("http://").expect("an address");
    assert_ready(&health(&["--listen", address]));
    // As in a container, where the host listens on every address.
    assert_ready(&health(&["--listen", &address.replace("127.0.0.1", "0.0.0.0")]));

    let authority = Authority::new(folder.path(), "authority");
    let pair = authority.issue("server");
    let clients = ["--tls-client-ca", authority.file.to_str().expect("text")];
    let arguments = [&pair.arguments()[..], &clients].concat();
    let encrypted = serve(&models, "127.0.0.1:0", &arguments);
    let listen = ["--listen", encrypted.base.strip_prefix("https://").expect("an address")];
    assert_ready(&health(&[&listen[..], &arguments].concat()));
    // Without the settings of the host, it is spoken to in plain text.
    assert_eq!(health(&listen).code, Some(1));
}

#[test]
fn a_host_that_is_not_ready_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    edgewit_tests::onnx::save(folder.path(), "broken", b"no model");
    let server = Server::start(folder.path(), &[]);
    let unready = health(&["--listen", server.base.strip_prefix("http://").expect("an address")]);
    assert_eq!(
        (unready.code, &*unready.err),
        (Some(1), "edgewit: not ready: HTTP/1.1 503 Service Unavailable\n")
    );
}
