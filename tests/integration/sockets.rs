//! Unix sockets.

use std::path::Path;
use std::process::Command;

use edgewit_tests::command::{edgewit, run};
use edgewit_tests::load::Target;
use edgewit_tests::server::Server;

use crate::hand_over::{BODY, sign};

fn start(models: &Path, listen: &str) -> Server {
    Server::spawn(edgewit().args(["serve", "--listen", listen, "--models"]).arg(models))
}

#[test]
fn a_unix_socket_answers_as_a_port_does_and_goes_with_its_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let path = folder.path().join("edgewit.sock");
    let listen = format!("unix:{}", path.display());
    let mut server = start(&models, &listen);
    assert_eq!(server.base, listen);
    server.wait_for("ready");
    let line = server.wait_for("try: ");
    let pasted = line.strip_prefix("try: ").expect("a line to paste");
    let output = Command::new("sh").args(["-c", pasted]).output().expect("a shell");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"model\":\"sign\""), "{output:?}");

    let models = models.to_str().expect("text");
    let second = run(["serve", "--listen", &listen, "--models", models]);
    assert_ne!(second.code, Some(0));
    assert!(second.err.contains(&format!("cannot listen on {listen}")), "{}", second.err);
    assert_eq!(
        Target::Unix(path.clone())
            .connect()
            .and_then(|mut open| open.post("/predict", BODY))
            .map(|r| r.status)
            .ok(),
        Some(200)
    );

    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists(), "the socket is still there");
}

#[test]
fn a_socket_that_a_killed_process_left_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let path = folder.path().join("edgewit.sock");
    let listen = format!("unix:{}", path.display());
    let mut killed = start(&models, &listen);
    killed.signal("KILL");
    killed.wait();
    assert!(path.exists(), "nothing was left behind");
    let mut server = start(&models, &listen);
    server.wait_for("ready");
    let mut open = Target::Unix(path).connect().expect("a connection");
    assert_eq!(open.post("/predict", BODY).expect("an answer").status, 200);
}
