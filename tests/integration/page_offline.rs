//! The page without a network: what it keeps, what it refuses to fetch, and how a new version comes.

use std::fs;

use edgewit_tests::browser::Browser;
use edgewit_tests::web::site;
use serde_json::{Value, json};

use crate::page::{loaded, open};

fn cut(browser: &Browser) {
    let nothing = json!({ "offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0 });
    browser.devtools("Network.enable", json!({}));
    browser.devtools("Network.emulateNetworkConditions", nothing);
}

#[test]
fn without_a_network_a_reload_predicts() {
    for name in ["churn", "digits"] {
        let Some((files, browser)) = open(name, "en") else { return };
        browser.wait("document.querySelector('#offline').classList.contains('ready')");
        let (base, answer) = (files.base.clone(), browser.text("#answers .bars"));
        // Nothing was fetched twice but what the service worker keeps.
        let sent = files.sent();
        let models = sent.iter().filter(|(path, _)| path.ends_with("bindings.core.bin")).count();
        assert_eq!(models, 1, "{sent:?}");
        cut(&browser);
        drop(files);
        browser.open(&base);
        loaded(&browser);
        assert_eq!(browser.text("#answers .bars"), answer);
        browser.screenshot(&format!("{name}-offline"));
    }
}

#[test]
fn once_loaded_the_page_connects_nowhere() {
    let Some((files, browser)) = open("churn", "en") else { return };
    browser.wait("document.querySelector('#offline').classList.contains('ready')");
    let before = files.sent().len();
    let refused = browser.run(
        "const url = (name) => new URL(`leak-${name}`, location).href;
         const refused = {};
         const attempt = async (name, call) => { try { await call(); refused[name] = false; } catch { refused[name] = true; } };
         const event = (target, start) => new Promise((done, fail) => { target.onload = target.onopen = done; target.onerror = fail; start(); });
         await attempt('fetch', () => fetch(url('fetch')));
         await attempt('import', () => import(url('import')));
         const request = new XMLHttpRequest();
         await attempt('xhr', () => event(request, () => { request.open('GET', url('xhr')); request.send(); }));
         const image = new Image();
         await attempt('image', () => event(image, () => (image.src = url('image'))));
         const script = document.createElement('script');
         await attempt('script', () => event(script, () => { script.src = url('script'); document.head.append(script); }));
         await attempt('worker', () => { const worker = new Worker(url('worker')); return event(worker, () => {}); });
         await attempt('events', () => { const source = new EventSource(url('events')); return event(source, () => {}); });
         await attempt('socket', () => { const socket = new WebSocket(url('socket').replace('http', 'ws')); return event(socket, () => {}); });
         const frame = document.createElement('iframe');
         frame.src = url('frame'); document.body.append(frame);
         navigator.sendBeacon(url('beacon'), 'x');
         const blob = new Blob([`fetch(${JSON.stringify(url('blob'))}).then(() => postMessage('sent'), () => postMessage('refused'))`]);
         const inner = new Worker(URL.createObjectURL(blob));
         refused.inner = await new Promise((done) => (inner.onmessage = ({ data }) => done(data === 'refused')));
         return refused;",
        Value::Null,
    );
    for (name, refused) in refused.as_object().expect("an object") {
        assert_eq!(refused, true, "{name} was let through");
    }
    assert_eq!(refused.as_object().expect("an object").len(), 9);
    let after = files.sent();
    assert!(!after.iter().any(|(path, _)| path.contains("leak")), "{after:?}");
    assert_eq!(after.len(), before);
    // It still predicts.
    browser.type_into("[data-feature=tenure] [type=number]", "70");
    browser.wait("document.querySelector('#answers .bars') && !document.querySelector('#answers .bars').innerText.includes('63.3')");
}

#[test]
fn a_new_version_waits_until_it_is_wanted() {
    let Some((files, browser)) = open("churn", "en") else { return };
    browser.wait("document.querySelector('#offline').classList.contains('ready')");
    let newer = tempfile::tempdir().expect("a folder");
    copy(&site("churn").folder, newer.path());
    // As another `edgewit web` would write it: another text, hence another version.
    let edit = |file: &str, from: &str, to: &str| {
        let path = newer.path().join(file);
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replace(from, to)).expect("written");
    };
    let index = fs::read_to_string(newer.path().join("index.html")).expect("text");
    let version = index
        .split("data-version=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a version")
        .to_owned();
    edit("index.html", &version, "newer");
    edit("sw.js", &version, "newer");
    edit("words.js", "row: [\"One prediction\"", "row: [\"A newer page\"");
    files.change(newer.path());
    browser.open(&files.base);
    browser.wait("document.querySelector('#update button')");
    assert_eq!(browser.text("#row-title"), "One prediction");
    browser.screenshot("page-update");
    browser.click("#update button");
    browser.wait("document.querySelector('#row-title').innerText === 'A newer page'");
    loaded(&browser);
    let caches = browser.run("return (await caches.keys()).length;", Value::Null);
    assert_eq!(caches, 1, "the old version is forgotten");
    // The new one is whole: it works without a network, too.
    cut(&browser);
    let base = files.base.clone();
    drop(files);
    browser.open(&base);
    loaded(&browser);
    assert_eq!(browser.text("#row-title"), "A newer page");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).expect("a copy");
        }
    }
}
