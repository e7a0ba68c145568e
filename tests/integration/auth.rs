//! API keys: who is let in, to what, and what the others are told.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use edgewit_tests::command::{Run, run};
use edgewit_tests::http::Answer;
use edgewit_tests::model;
use edgewit_tests::server::Server;

use crate::customer;
use crate::metrics::value;

fn models() -> String {
    model("churn").parent().and_then(Path::to_str).expect("text").to_owned()
}

/// A key, and its entry for the file.
pub(crate) fn key(arguments: &[&str]) -> (String, String) {
    let Run { code, out, err } = run(["key"].iter().chain(arguments));
    assert_eq!(code, Some(0), "{err}");
    assert!(!out.contains(err.trim()), "the key is in its entry: {out}");
    (err.trim().to_owned(), out)
}

fn assert_unauthorized(answer: &Answer) {
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"edgewit\"")));
    assert_eq!(answer.error(), "this takes a key or token that is good");
}

#[test]
fn a_key_lets_in_for_its_scopes_and_models_and_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (shop, shop_entry) = key(&["shop", "--models", "churn", "--days", "30"]);
    let (monitor, monitor_entry) = key(&["monitor", "--scopes", "metrics"]);
    let expired = "[[key]]\nname = \"old\"\nexpires = 2020-01-01T00:00:00Z\nsha256 = \
                   \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n";
    let file = folder.path().join("keys.toml");
    fs::write(&file, shop_entry + &monitor_entry + expired).expect("written");
    let server = Server::ready(Path::new(&models()), &["--auth-keys", file.to_str().expect("text")]);
    let client = &server.client;

    let row = customer();
    assert_eq!(client.send_as(&shop, "/predict", Some(&row)).status, 200);
    assert_eq!(client.send("/predict", &[("x-api-key", &shop)], Some(&row)).status, 200);
    assert_eq!(client.send_as(&shop, "/v2/models/churn", None).status, 200);
    // Without a key, with one that is none, and with one of yesterday (its text is `abc`), the answer is the same.
    assert_unauthorized(&client.post_json("/predict", &row));
    assert_unauthorized(&client.send_as("edgewit_0", "/predict", Some(&row)));
    assert_unauthorized(&client.send_as("abc", "/predict", Some(&row)));
    assert_unauthorized(&client.send("/predict", &[("authorization", &format!("Basic {shop}"))], Some(&row)));
    assert_unauthorized(&client.get("/metrics"));
    assert_unauthorized(&client.get("/health"));
    // A model of others and one that is not there are one answer, too.
    let other = client.send_as(&shop, "/v2/models/digits", None);
    let nowhere = client.send_as(&shop, "/v2/models/nothing", None);
    assert_eq!((other.status, nowhere.status), (403, 403));
    assert_eq!(other.error(), nowhere.error());
    assert_eq!(client.send_as(&shop, "/metrics", None).status, 403);
    assert_eq!(client.send_as(&monitor, "/predict", Some(&row)).status, 403);
    assert_eq!(client.send_as(&shop, "/v2/models/churn/../digits", None).status, 404);
    assert_eq!(client.send_as(&shop, "/v2/models/%64igits", None).status, 403);
    for open in ["/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(client.get(open).status, 200, "{open}");
    }

    let text = client.send_as(&monitor, "/metrics", None).text;
    let attempts =
        |outcome: &str| value(&text, &format!("edgewit_auth_attempts_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((attempts("unknown_key"), attempts("expired"), attempts("forbidden")), (1.0, 1.0, 5.0));
    assert_eq!(attempts("missing"), 4.0);
}

#[test]
fn a_key_is_changed_without_a_restart_and_a_file_that_is_wrong_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let ((old, old_entry), (new, new_entry)) = (key(&["shop"]), key(&["shop"]));
    let file = folder.path().join("keys.toml");
    fs::write(&file, &old_entry).expect("written");
    let server = Server::ready(Path::new(&models()), &["--auth-keys", file.to_str().expect("text")]);
    let status = |key: &str| server.client.send_as(key, "/v2/models/churn", None).status;
    let until = |key: &str, expected: u16| {
        let start = Instant::now();
        while status(key) != expected {
            assert!(start.elapsed() < Duration::from_secs(30), "the file was never read again");
        }
    };
    assert_eq!((status(&old), status(&new)), (200, 401));
    fs::write(&file, format!("{old_entry}\n{new_entry}")).expect("written");
    until(&new, 200);
    assert_eq!(status(&old), 200);
    // What is wrong is read before what comes after it: when the last is known, the wrong one was refused.
    fs::write(&file, "[[key]]\nname = 1\n").expect("written");
    assert_eq!((status(&old), status(&new)), (200, 200));
    fs::write(&file, &new_entry).expect("written");
    until(&old, 401);
    assert_eq!(status(&new), 200);
}

#[test]
fn a_host_that_others_reach_wants_a_key() {
    let models = models();
    let check = |arguments: &[&str], words: &[&str]| {
        let all = [&["config", "check", "--models", &models, "--listen", "0.0.0.0:8080"], arguments].concat();
        let Run { code, err, .. } = run(all);
        assert_eq!(code == Some(0), words.is_empty(), "{err}");
        words.iter().for_each(|word| assert!(err.contains(word), "`{word}` is not in {err}"));
    };
    check(&[], &["server.listen (--listen)", "0.0.0.0:8080", "--insecure", "--auth-keys"]);
    check(&["--insecure"], &[]);
    check(&["--auth-keys", "keys.toml"], &[]);
    check(&["--jwt-key", "key.pem"], &["auth.jwt_algorithm", "ES256"]);
    check(&["--jwt-key", "key.pem", "--jwt-algorithm", "none"], &["--jwt-algorithm", "none"]);
    check(&["--jwt-key", "key.pem", "--jwt-algorithm", "RS256"], &["auth.jwt_audience"]);
    check(&["--jwks-url", "http://example.com/keys"], &["auth.jwks_url", "https://"]);
    check(
        &["--jwks-url", "https://example.com/keys", "--jwks-file", "keys"],
        &["auth.jwks_url", "auth.jwks_file"],
    );
    check(
        &["--insecure", "--cors-origins", "https://example.com/"],
        &["cors.origins", "https://example.com/"],
    );
    let missing = run(["serve", "--models", &models, "--auth-keys", "no/such/file"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("no/such/file"), "{}", missing.err);
}
