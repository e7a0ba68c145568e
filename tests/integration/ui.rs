//! The page of a model at `/ui/` of the host, which scores there, too.

use std::fs;
use std::path::{Path, PathBuf};

use edgewit_tests::browser::Browser;
use edgewit_tests::command::edgewit;
use edgewit_tests::model;
use edgewit_tests::server::{Server, shared};
use serde_json::{Value, json};

use crate::auth::key;
use crate::page::{loaded, violations};

#[test]
fn the_page_is_served_with_a_policy_of_its_own() {
    let server = shared();
    let page = server.client.get("/ui/");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8")),
        "{}",
        page.text
    );
    assert!(page.text.contains("data-origin=\"host\"") && page.text.contains("<title>churn 1</title>"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("connect-src 'self'"), "{policy}");
    assert_eq!(
        server.client.get("/ui/churn/page.js").header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    // Compressed already, it is sent as it is.
    let model =
        server.client.send("/ui/churn/relaxed/bindings.core.bin", &[("accept-encoding", "gzip")], None);
    assert_eq!(
        (model.status, model.header("content-encoding"), &model.bytes[..2]),
        (200, None, &b"\x1f\x8b"[..])
    );
    for path in ["/ui/nothing/", "/ui/churn/nothing.js", "/ui/churn/../../metrics/x"] {
        assert_eq!(server.client.get(path).status, 404, "{path}");
    }
}

#[test]
fn it_scores_here_and_there_and_shows_both() {
    let Some(browser) = Browser::start("en") else { return };
    let server = shared();
    browser.open(&format!("{}/ui/churn/", server.base));
    loaded(&browser);
    let choose = |place: &str| {
        browser.run(
            "const e = document.querySelector('#where'); e.value = a; e.dispatchEvent(new Event('change'));",
            json!(place),
        );
    };
    choose("both");
    browser.wait("document.querySelectorAll('.answer .headline').length === 2");
    let answers = browser.run("return [...document.querySelectorAll('.answer')].map((e) => [e.dataset.where, e.querySelector('.bars').innerText, e.querySelector('.took').innerText]);", Value::Null);
    assert_eq!(
        (&answers[0][0], &answers[1][0], &answers[0][1]),
        (&json!("here"), &json!("server"), &answers[1][1])
    );
    assert!((0..2).all(|ix| answers[ix][2].as_str().is_some_and(|took| took.ends_with(" ms"))), "{answers}");
    assert_eq!(browser.text(".verdict"), "Both give the same answer.");
    browser.screenshot("ui-both");
    if let Some(violations) = violations(&browser) {
        assert_eq!(violations, json!([]), "{violations:#}");
    }
    choose("server");
    browser.wait("document.querySelectorAll('.answer').length === 1");
    browser.type_into("[data-feature=tenure] [type=number]", "");
    browser.wait(
        "document.querySelector('[data-feature=tenure] .problem').innerText === '\"tenure\" is missing'",
    );
    assert!(!browser.log().contains("Content Security Policy"), "{}", browser.log());
}

/// A host that asks for keys, and a key for churn.
fn guarded(folder: &Path, listen: &str) -> (Server, String) {
    let (shop, entry) = key(&["shop", "--models", "churn"]);
    let file = folder.join("keys.toml");
    fs::write(&file, entry).expect("written");
    let mut host = edgewit();
    host.args(["serve", "--listen", listen, "--models"]).arg(models()).arg("--auth-keys").arg(file);
    let mut server = Server::spawn(&mut host);
    server.wait_for("ready");
    (server, shop)
}

fn models() -> PathBuf {
    model("churn").parent().expect("a folder").to_owned()
}

#[test]
fn without_a_key_a_page_says_nothing_of_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, key) = guarded(folder.path(), "127.0.0.1:0");
    let client = &server.client;
    let page = client.get("/ui/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(
        page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'"))
    );
    for path in ["/ui", "/ui/churn", "/ui/churn/", "/ui/nothing/"] {
        let other = client.get(path);
        assert_eq!((other.status, &other.text), (200, &page.text), "{path}");
    }
    for file in ["sw.js", "page/page.js", "page/page.css", "page/model.js", "page/link.js"] {
        let [of_one, of_none] = ["churn", "nothing"].map(|model| client.get(&format!("/ui/{model}/{file}")));
        assert_eq!((of_one.status, &of_one.text), (200, &of_none.text), "{file}");
        assert!(!of_one.text.contains("churn"), "{file}");
    }
    for path in [
        "/ui/-/model.json",
        "/ui/churn/model.json",
        "/ui/nothing/model.json",
        "/ui/churn/model.js",
        "/ui/churn/index.html",
        "/ui/churn/relaxed/bindings.core.bin",
    ] {
        assert_eq!(client.get(path).status, 401, "{path}");
    }
    let model = client.send_as(&key, "/ui/churn/model.json", None);
    assert_eq!((model.status, &model.json()["model"]["name"]), (200, &json!("churn")));
    assert_eq!(client.send_as(&key, "/ui/digits/model.json", None).status, 403);
}

#[test]
fn a_page_asks_for_a_key_and_keeps_it_nowhere() {
    let Some(browser) = Browser::start("en") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (server, key) = guarded(folder.path(), "127.0.0.1:0");
    browser.open(&format!("{}/ui/", server.base));
    browser.wait("document.activeElement.id === 'key'");
    browser.screenshot("ui-key");
    if let Some(violations) = violations(&browser) {
        assert_eq!(violations, json!([]), "{violations:#}");
    }
    browser.type_into("#key", "edgewit_of_somebody_else");
    browser.click("#form button");
    browser.wait(
        "document.querySelector('#key-problem').innerText === 'this takes a key or token that is good'",
    );
    browser.type_into("#key", &key);
    browser.click("#form button");
    loaded(&browser);
    let place = browser.run("return [location.pathname, document.title];", Value::Null);
    assert_eq!(place, json!(["/ui/churn/", "churn 1"]));
    browser.run(
        "const e = document.querySelector('#where'); e.value = 'both'; e.dispatchEvent(new Event('change'));",
        Value::Null,
    );
    browser.wait("document.querySelector('.verdict').innerText === 'Both give the same answer.'");
    browser.screenshot("ui-with-key");
    let kept = browser.run(
        "return [localStorage.length, sessionStorage.length, document.cookie, (await caches.keys()).length,
                 (await indexedDB.databases()).length, (await navigator.serviceWorker.getRegistrations()).length,
                 location.href.includes(a), document.documentElement.outerHTML.includes(a)];",
        json!(key),
    );
    assert_eq!(kept, json!([0, 0, "", 0, 0, 0, false, false]));
    // Gone with the page. What was refused is in the console, and nothing else.
    browser.open(&format!("{}/ui/churn/", server.base));
    browser.wait("document.activeElement.id === 'key'");
    let log = browser.log();
    assert!(log.lines().all(|line| line.contains("401 (Unauthorized)")), "{log}");
}

#[test]
fn a_page_from_before_there_were_keys_is_forgotten() {
    let Some(browser) = Browser::start("en") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = Server::ready(&models(), &[]);
    let base = open.base.clone();
    browser.open(&format!("{base}/ui/churn/"));
    browser.wait("document.querySelector('#offline').classList.contains('ready')");
    open.terminate();
    open.wait();
    let (_server, _) = guarded(folder.path(), base.trim_start_matches("http://"));
    browser.open(&format!("{base}/ui/churn/"));
    browser.wait("document.activeElement.id === 'key'");
    let kept =
        "return [(await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length];";
    assert_eq!(browser.run(kept, Value::Null), json!([0, 0]));
}
