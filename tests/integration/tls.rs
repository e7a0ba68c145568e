//! HTTPS: versions, clients' certificates, certificates that change.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use edgewit_tests::command::{edgewit, run};
use edgewit_tests::load::certificate;
use edgewit_tests::model;
use edgewit_tests::server::Server;
use edgewit_tests::tls::{Authority, Pair};

use crate::hand_over::sign;
use crate::metrics::value;

/// A server of a small model in `folder`, whose log can be waited for.
fn start(folder: &Path, pair: &Pair, arguments: &[&str]) -> Server {
    let models = folder.join("models");
    sign(&models);
    let mut command = edgewit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--models"]).arg(&models).args(pair.arguments());
    Server::spawn(command.args(arguments).stderr(Stdio::piped()))
}

/// What curl says: its output, and whether it got an answer.
fn curl(server: &Server, authority: &Authority, path: &str, arguments: &[&str]) -> (bool, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "30", "--cacert"]).arg(&authority.file);
    let output = curl.args(arguments).arg(format!("{}{path}", server.base)).output().expect("curl");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_version_of_http_is_agreed_on_with_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let server = start(folder.path(), &authority.issue("server"), &[]);
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let (answered, text) = curl(&server, &authority, "/health/live", &[flag, "-w", "\n%{http_version}"]);
        assert!(answered);
        assert_eq!(text, format!("{{\"live\":true}}\n{version}"));
    }
    let other = Authority::new(folder.path(), "other");
    assert!(!curl(&server, &other, "/health/live", &[]).0, "the certificate is of another authority");
    let plain = Command::new("curl").args(["-s", &server.base.replace("https", "http")]).output();
    assert!(!plain.expect("curl").status.success(), "there is no HTTP without TLS on this port");
    let metrics = curl(&server, &authority, "/metrics", &[]).1;
    assert_eq!(value(&metrics, "edgewit_tls_handshake_failures_total"), 2.0);
}

#[test]
fn an_answer_that_comes_before_the_body_is_read_in_each_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let server = start(folder.path(), &authority.issue("server"), &[]);
    let body = folder.path().join("body");
    std::fs::write(&body, vec![b' '; 5_000_000]).expect("written");
    let body = format!("@{}", body.display());
    for version in ["--http2", "--http1.1"] {
        // Without `expect`, curl sends the body at once.
        let arguments = [version, "-H", "expect:", "--data-binary", &body, "-w", "\n%{http_code}"];
        let (answered, text) = curl(&server, &authority, "/nowhere", &arguments);
        assert!(answered && text.ends_with("\n404"), "{version}: {text}");
    }
}

#[test]
fn a_client_without_a_certificate_of_the_authority_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let (pair, client) = (authority.issue("server"), authority.issue("client"));
    let stranger = Authority::new(folder.path(), "other").issue("stranger");
    let shows = |pair: &Pair| {
        let file = |path: &Path| path.to_str().expect("text").to_owned();
        ["--cert".to_owned(), file(&pair.certificate), "--key".to_owned(), file(&pair.key)]
    };
    for (clients, anonymous) in [("required", false), ("optional", true)] {
        let authority_file = authority.file.to_str().expect("text");
        let arguments = ["--tls-client-ca", authority_file, "--tls-client-certificates", clients];
        let server = start(folder.path(), &pair, &arguments);
        let answered = |shown: &[String]| {
            let shown = shown.iter().map(String::as_str).collect::<Vec<_>>();
            curl(&server, &authority, "/health/live", &shown).0
        };
        assert!(answered(&shows(&client)), "{clients}");
        assert!(!answered(&shows(&stranger)), "{clients}");
        assert_eq!(answered(&[]), anonymous, "{clients}");
    }
}

#[test]
fn a_changed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let pair = authority.issue("server");
    let mut server = start(folder.path(), &pair, &[]);
    let address: SocketAddr = server.base.trim_start_matches("https://").parse().expect("an address");
    let config = authority.client();
    let first = certificate(address, &config);
    let expiry = |server: &Server| {
        let metrics = curl(server, &authority, "/metrics", &[]).1;
        value(&metrics, "edgewit_tls_certificate_expiry_seconds{")
    };
    assert_eq!(expiry(&server), 2_208_988_800.0);

    // From 2050 on years are written in another form.
    authority.issue_until("server", 2060);
    server.wait_for_log("the changed certificate is in use");
    let second = certificate(address, &config);
    assert_ne!(first, second);
    assert_eq!(expiry(&server), 2_840_140_800.0);

    std::fs::write(&pair.certificate, "nothing").expect("written");
    let line = server.wait_for_log("the certificate in use is kept");
    assert!(line.contains("server.pem: expected a certificate as PEM"), "{line}");
    assert_eq!(certificate(address, &config), second);

    let stranger = authority.issue("stranger");
    std::fs::copy(&stranger.certificate, &pair.certificate).expect("a copy");
    server.signal("HUP");
    let line = server.wait_for_log("the settings stay as they are");
    assert!(line.contains("server.pem with") && line.contains("server.key"), "{line}");
    assert_eq!(certificate(address, &config), second);
}

#[test]
fn settings_of_tls_are_checked_before_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let pair = authority.issue("server");
    let [certificate, key, nothing] = [&pair.certificate, &pair.key, &folder.path().join("nothing")]
        .map(|path| path.to_str().expect("text").to_owned());
    let models = model("churn");
    let check = |arguments: &[&str], words: &[&str]| {
        let models = models.parent().and_then(Path::to_str).expect("text");
        let refused = run(["config", "check", "--models", models].iter().chain(arguments));
        assert_ne!(refused.code, Some(0), "{refused:?}");
        words.iter().for_each(|word| assert!(refused.err.contains(word), "{}", refused.err));
    };
    check(&["--tls-certificate", &certificate], &["tls.key (--tls-key)", "expected a file"]);
    check(&["--tls-key", &key], &["tls.certificate (--tls-certificate)", "expected a file"]);
    check(&["--tls-client-ca", &certificate], &["tls.certificate (--tls-certificate)"]);
    check(&["--tls-certificate", &nothing, "--tls-key", &key], &["nothing", "expected a certificate"]);
    check(&["--tls-certificate", &certificate, "--tls-key", &certificate], &["expected a private key"]);
}
