//! The page of a model at `/ui/` of the host, which scores there, too.

use edgewit_tests::browser::Browser;
use edgewit_tests::server::shared;
use serde_json::{Value, json};

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
