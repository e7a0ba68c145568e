//! The page of a model in a real browser: what it shows, and what it says.

use edgewit_tests::browser::Browser;
use edgewit_tests::files::Files;
use edgewit_tests::root;
use edgewit_tests::server::shared;
use edgewit_tests::web::{assert_same, baseline_answers, golden_rows, site};
use serde_json::{Value, json};
use xtask::node;

/// A browser at the page of a model, with the model loaded; none where there is no browser.
pub(crate) fn open(name: &'static str, language: &str) -> Option<(Files, Browser)> {
    let browser = Browser::start(language)?;
    let files = Files::serve(&site(name).folder);
    browser.open(&files.base);
    loaded(&browser);
    Some((files, browser))
}

/// Waits for the model and its first answer.
pub(crate) fn loaded(browser: &Browser) {
    browser.wait("document.documentElement.dataset.ready === ''");
    browser.wait("document.querySelector('.headline')");
}

/// The control of a feature.
fn control(feature: &str) -> String {
    format!("[data-feature='{feature}'] [id^=feature]:not(p)")
}

/// The probability bars, as text.
pub(crate) fn shares(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('#answers .bars li')].map((li) => li.innerText.replace(/\\s+/g, ' '));";
    serde_json::from_value(browser.run(script, Value::Null)).expect("texts")
}

#[test]
fn the_form_answers_what_is_entered() {
    let Some((_files, browser)) = open("churn", "en") else { return };
    let kinds = "return a.map((name) => { const e = document.querySelector(`[data-feature='${name}'] [id^=feature]:not(p)`); return e.role ?? e.type; });";
    assert_eq!(
        browser.run(kinds, json!(["SeniorCitizen", "Partner", "tenure", "Contract", "MultipleLines"])),
        json!(["switch", "switch", "number", "select-one", "select-one"])
    );
    let slider = browser.run("const { min, max, step } = document.querySelector('[data-feature=tenure] [type=range]'); return [min, max, step];", Value::Null);
    assert_eq!(slider, json!(["0", "72", "1"]));

    browser.type_into(&control("tenure"), "60");
    browser.click(&control("SeniorCitizen"));
    browser.run("const e = document.querySelector(a); e.value = '\"Two year\"'; e.dispatchEvent(new Event('input', { bubbles: true }));", json!(control("Contract")));
    let mut row = sample("churn");
    for (name, value) in [("tenure", json!(60)), ("SeniorCitizen", json!(1)), ("Contract", json!("Two year"))]
    {
        row[name] = value;
    }
    let expected = shared().client.post_json("/predict", &row).json();
    let share =
        |ix: usize| format!("{:.1}%", expected["probability"][ix].as_f64().expect("a number") * 100.0);
    let bars = [format!("No {}", share(0)), format!("Yes {}", share(1))];
    browser.wait(&format!("document.querySelector('#answers .bars').innerText.includes('{}')", share(1)));
    assert_eq!(shares(&browser), bars);
    assert_eq!(browser.text(".headline"), expected["label"].as_str().expect("a label"));

    // The curve is there, and the history once a value has stayed; from there it comes back.
    browser.wait("document.querySelectorAll('#curve polyline').length === 1");
    browser.wait("document.querySelector('#history svg')");
    browser.type_into(&control("tenure"), "2");
    browser.wait("document.querySelector('#history li')");
    browser.click("#history li button");
    browser.wait("document.querySelector('[data-feature=tenure] [type=number]').value === '60'");
    browser.wait(&format!("document.querySelector('#answers .bars').innerText.includes('{}')", share(1)));
    browser.screenshot("page-light");
    assert_eq!(browser.log(), "");
}

/// The row that the form begins with.
pub(crate) fn sample(name: &'static str) -> Value {
    let text = std::fs::read_to_string(site(name).folder.join("model.js")).expect("a file");
    let start = text.find("export const model = ").expect("the model") + "export const model = ".len();
    let end = text.find(";\nexport const builds").expect("its end");
    serde_json::from_str::<Value>(&text[start..end]).expect("JSON")["sample"].take()
}

#[test]
fn what_is_wrong_is_said_beside_its_feature() {
    let Some((_files, browser)) = open("churn", "en") else { return };
    browser.type_into(&control("tenure"), "");
    browser.wait("document.querySelector('[data-feature=tenure] .problem').innerText");
    let mut row = sample("churn");
    row.as_object_mut().expect("an object").remove("tenure");
    let expected = shared().client.post_json("/predict", &row).error();
    assert_eq!(browser.text("[data-feature=tenure] .problem"), expected);
    assert_eq!(browser.text("#answers"), expected);
    let invalid = browser
        .run("return document.querySelector(a).getAttribute('aria-invalid');", json!(control("tenure")));
    assert_eq!(invalid, "true");
    // The one that may be missing.
    browser.type_into(&control("tenure"), "1");
    browser.type_into(&control("TotalCharges"), "");
    browser.wait("document.querySelector('.headline')");
    assert_eq!(browser.text("[data-feature=TotalCharges] .problem"), "");
}

#[test]
fn words_are_the_readers() {
    let Some((_files, browser)) = open("churn", "de-AT") else { return };
    assert_eq!(browser.text("[data-feature=Contract] label"), "Vertrag");
    assert_eq!(browser.text(&format!("{} option", control("Contract"))), "monatlich");
    assert_eq!(browser.text(".headline"), "bleibt");
    assert_eq!(browser.run("return document.documentElement.lang;", Value::Null), "de");
    browser.run("const e = document.querySelector('#language'); e.value = 'en'; e.dispatchEvent(new Event('change'));", Value::Null);
    browser.wait("document.querySelector('.headline').innerText === 'No'");
    assert_eq!(browser.text("[data-feature=Contract] label"), "Contract");
}

/// Violations of axe's rules, by rule and element.
pub(crate) fn violations(browser: &Browser) -> Option<Value> {
    let packages = node::environment(&root().join("tests/web"), false).expect("packages")?;
    let axe = std::fs::read_to_string(packages.join("node_modules/axe-core/axe.min.js")).expect("axe");
    let script = format!(
        "const module = {{ exports: {{}} }};
         (function (module, exports) {{ {axe} }})(module, module.exports);
         const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
         const {{ violations }} = await module.exports.run(document, {{ runOnly }});
         return violations.map(({{ id, nodes }}) => [id, nodes.map((node) => [node.target, node.failureSummary])]);"
    );
    Some(browser.run(&script, Value::Null))
}

#[test]
fn it_is_readable_dark_and_light_wide_and_narrow_and_to_axe() {
    for name in ["churn", "digits"] {
        let Some((_files, browser)) = open(name, "en") else { return };
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("dark", 360), ("light", 360)] {
            browser.devtools("Emulation.setEmulatedMedia", json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }] }));
            browser.devtools(
                "Emulation.setDeviceMetricsOverride",
                json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 }),
            );
            let page = browser.run(
                "const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
                 return [r + g + b > 384 ? 'light' : 'dark', document.scrollingElement.scrollWidth];",
                Value::Null,
            );
            assert_eq!(page[0], scheme);
            assert!(
                page[1].as_i64().is_some_and(|wide| wide <= width),
                "{name} is {} wide at {width}",
                page[1]
            );
            browser.screenshot(&format!("{name}-{scheme}-{width}"));
            let Some(violations) = violations(&browser) else { return };
            assert_eq!(violations, json!([]), "{name} {scheme} {width}: {violations:#}");
        }
    }
}

#[test]
fn every_golden_case_has_the_hosts_bits_in_the_browser() {
    let Some(browser) = Browser::start("en") else { return };
    for name in ["churn", "digits"] {
        let files = Files::serve(&site(name).folder);
        let rows = golden_rows(name);
        // A document without a policy, so that a script of ours may import the module.
        browser.open(&format!("{}package.json", files.base));
        let script =
            "const { load, predict, predictBatch } = await import(new URL('predictor.js', location));
            const loaded = await load(a.build && { build: a.build });
            return { loaded, alone: a.rows.map(predict), together: predictBatch(a.rows) };";
        let baseline = browser.run(script, json!({ "rows": rows, "build": "baseline" }));
        let (alone, together) = baseline_answers(&site(name).packed, &rows);
        for (field, expected) in [("alone", alone), ("together", together)] {
            for (ix, expected) in expected.iter().enumerate() {
                assert_same(&baseline[field][ix], expected, &format!("{name} {ix} {field}"));
            }
        }
        // The build that this browser chooses, against the host as it serves.
        browser.open(&format!("{}package.json?again", files.base));
        let chosen = browser.run(script, json!({ "rows": rows }));
        assert_eq!(chosen["loaded"], json!({ "build": "relaxed" }));
        let path = format!("/models/{name}/predict/batch");
        let host = shared().client.post_json(&path, &json!(rows)).json();
        for (came, expected) in chosen["together"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(host["predictions"].as_array().expect("a list"))
        {
            assert_eq!(came["label"], expected["label"], "{name}");
            let shares = |answer: &Value| {
                serde_json::from_value::<Vec<f64>>(answer["probability"].clone()).expect("numbers")
            };
            assert!(
                shares(came).iter().zip(shares(expected)).all(|(a, b)| (a - b).abs() < 1e-5),
                "{name}: {came} {expected}"
            );
        }
    }
}
