//! JSON Web Tokens: the good ones of each algorithm, and those that attackers make.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use edgewit_tests::jwt::{Key, encode, from_now, sign_by_hmac};
use edgewit_tests::model;
use edgewit_tests::server::Server;
use serde_json::{Value, json};

const ALGORITHMS: [&str; 4] = ["HS256", "RS256", "ES256", "EdDSA"];

fn claims() -> Value {
    json!({ "sub": "alice", "aud": "edgewit", "iss": "us", "exp": from_now(600), "scope": "openid predict" })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn server(arguments: &[&str]) -> Server {
    let common = ["--jwt-audience", "edgewit", "--jwt-issuer", "us", "--jwt-leeway-seconds", "5"];
    Server::ready(model("churn").parent().expect("models"), &[&common, arguments].concat())
}

fn status(server: &Server, token: &str) -> u16 {
    server.client.send_as(token, "/v2/models/churn", None).status
}

#[test]
fn a_token_is_taken_when_everything_about_it_is_right() {
    let folder = tempfile::tempdir().expect("a folder");
    for algorithm in ALGORITHMS {
        let key = Key::new(algorithm, folder.path());
        let server = server(&["--jwt-key", key.file.to_str().expect("text"), "--jwt-algorithm", algorithm]);
        let check = |expected: u16, token: String| {
            assert_eq!(status(&server, &token), expected, "{algorithm}: {token}")
        };
        let with = |name: &str, value: Value| key.sign(&claims_with(name, value));

        let good = key.sign(&claims());
        check(200, good.clone());
        check(200, good.clone());
        check(200, with("scope", json!(["predict"])));
        check(200, with("aud", json!(["other", "edgewit"])));
        check(200, with("exp", json!(from_now(-2))));
        check(200, with("nbf", json!(from_now(2))));
        check(200, with("models", json!(["churn"])));
        check(403, with("models", json!(["digits"])));
        check(403, with("scope", json!("metrics predictor")));
        check(403, with("scope", Value::Null));

        check(401, with("exp", json!(from_now(-60))));
        check(401, with("exp", json!("never")));
        check(401, with("exp", json!(-1)));
        check(401, with("nbf", json!(from_now(60))));
        check(401, with("nbf", json!("now")));
        for missing in ["exp", "aud", "iss", "sub"] {
            check(401, with(missing, Value::Null));
        }
        check(401, with("aud", json!("other")));
        check(401, with("aud", json!([])));
        check(401, with("iss", json!("them")));

        let (body, signature) = good.rsplit_once('.').expect("three parts");
        check(401, format!("{body}."));
        check(401, format!("{body}.{}", encode([0; 64])));
        // The claims of another token under the signature of this one.
        let other = with("sub", json!("mallory"));
        let (other, _) = other.rsplit_once('.').expect("three parts");
        check(401, format!("{other}.{signature}"));
        check(401, key.sign_as(&json!({ "alg": algorithm, "crit": ["b64"], "b64": "false" }), &claims()));
        check(401, key.sign_as(&json!({ "typ": "JWT" }), &claims()));
        check(401, "..".into());
        check(401, format!("{}.{}.{}", "a".repeat(2000), "b".repeat(2000), "c".repeat(2000)));
    }
}

#[test]
fn the_algorithm_is_that_of_the_key_whatever_the_token_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = ALGORITHMS.map(|algorithm| Key::new(algorithm, folder.path()));
    for key in &keys {
        let algorithm = key.algorithm;
        let server = server(&["--jwt-key", key.file.to_str().expect("text"), "--jwt-algorithm", algorithm]);
        assert_eq!(status(&server, &key.sign(&claims())), 200, "{algorithm}");
        for name in ["none", "None", "nOnE", "NONE", ""] {
            let header = encode(json!({ "alg": name }).to_string());
            let unsigned = format!("{header}.{}.", encode(claims().to_string()));
            assert_eq!(status(&server, &unsigned), 401, "{algorithm}: {name}");
            assert_eq!(
                status(&server, &key.sign_as(&json!({ "alg": name }), &claims())),
                401,
                "{algorithm}: {name}"
            );
        }
        // A public key is known to all: as a secret it would let in everybody.
        if algorithm != "HS256" {
            let public = fs::read(&key.file).expect("the key");
            let der = public
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.starts_with(b"-"))
                .collect::<Vec<_>>()
                .concat();
            for secret in [&public[..], public.trim_ascii_end(), &der] {
                assert_eq!(status(&server, &sign_by_hmac(secret, &claims())), 401, "{algorithm}");
            }
        }
        for other in keys.iter().filter(|other| other.algorithm != algorithm) {
            assert_eq!(status(&server, &other.sign(&claims())), 401, "{algorithm} of {}", other.algorithm);
            let renamed = other.sign_as(&json!({ "alg": algorithm }), &claims());
            assert_eq!(status(&server, &renamed), 401, "{algorithm} of {}", other.algorithm);
        }
        // A key of the attacker's, named or sent along.
        let header = json!({ "alg": algorithm, "jku": "http://127.0.0.1:1/keys", "kid": "../../dev/null" });
        let own = sign_by_hmac(b"", &claims());
        assert_eq!(status(&server, &own), 401);
        let (_, signature) = own.rsplit_once('.').expect("three parts");
        assert_eq!(
            status(
                &server,
                &format!("{}.{}.{signature}", encode(header.to_string()), encode(claims().to_string()))
            ),
            401
        );
    }
}

#[test]
fn keys_of_a_set_are_read_again_when_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (Key::new("ES256", folder.path()), Key::new("EdDSA", folder.path()));
    let set = folder.path().join("keys.json");
    let write = |keys: Value| fs::write(&set, json!({ "keys": keys }).to_string()).expect("written");
    // Neither of the last two is a key for us: a secret, and a kind that is not known.
    let others = [
        json!({ "kty": "oct", "k": encode("a secret that everybody reads in the set") }),
        json!({ "kty": "new" }),
    ];
    write(json!([old.in_set("old"), others[0], others[1]]));
    let server = server(&["--jwks-file", set.to_str().expect("text")]);
    let token = |key: &Key, id: &str| key.sign_as(&json!({ "alg": key.algorithm, "kid": id }), &claims());
    assert_eq!(status(&server, &token(&old, "old")), 200);
    assert_eq!(status(&server, &old.sign(&claims())), 200);
    assert_eq!(status(&server, &token(&old, "new")), 401);
    assert_eq!(status(&server, &token(&new, "new")), 401);
    assert_eq!(status(&server, &sign_by_hmac(b"a secret that everybody reads in the set", &claims())), 401);
    write(json!([new.in_set("new")]));
    let start = Instant::now();
    while status(&server, &token(&new, "new")) != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "the set was never read again");
    }
    // The old key had proven this token: that is forgotten with the key.
    assert_eq!(status(&server, &token(&old, "old")), 401);
}

#[test]
fn a_set_is_fetched_and_fetched_again_for_a_key_that_is_not_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (Key::new("ES256", folder.path()), Key::new("EdDSA", folder.path()));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let body = Arc::new(Mutex::new(json!({ "keys": [old.in_set("old")] }).to_string()));
    let answers = body.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let body = answers.lock().expect("a body").clone();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    let server = server(&["--jwks-url", &url]);
    let token = |key: &Key, id: &str| key.sign_as(&json!({ "alg": key.algorithm, "kid": id }), &claims());
    assert_eq!(status(&server, &token(&old, "old")), 200);
    *body.lock().expect("a body") = json!({ "keys": [old.in_set("old"), new.in_set("new")] }).to_string();
    let start = Instant::now();
    while status(&server, &token(&new, "new")) != 200 {
        assert!(start.elapsed() < Duration::from_secs(60), "the set was never fetched again");
        std::thread::yield_now();
    }
    assert_eq!(status(&server, &token(&old, "old")), 200);
}
