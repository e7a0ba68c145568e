//! The page in a browser of another engine.

use edgewit_tests::files::Files;
use edgewit_tests::firefox::Firefox;
use edgewit_tests::server::shared;
use edgewit_tests::web::{assert_same, baseline_answers, golden_rows, site};
use serde_json::json;

use crate::page::sample;

fn loaded(firefox: &mut Firefox) {
    firefox.wait("document.documentElement.dataset.ready === ''");
    firefox.wait("document.querySelector('.headline')");
}

#[test]
fn firefox_answers_what_is_entered_and_without_a_network() {
    let Some(mut firefox) = Firefox::start() else { return };
    let files = Files::serve(&site("churn").folder);
    firefox.open(&files.base);
    loaded(&mut firefox);
    firefox.run(
        "const e = document.querySelector('[data-feature=tenure] [type=number]'); e.focus(); e.select();",
    );
    firefox.press("60");
    let mut row = sample("churn");
    row["tenure"] = json!(60);
    let host = shared().client.post_json("/predict", &row).json();
    let share = format!("{:.1}%", host["confidence"].as_f64().expect("a number") * 100.0);
    firefox.wait(&format!("document.querySelector('#answers .bars').innerText.includes('{share}')"));
    assert_eq!(firefox.run("return document.querySelector('.headline').innerText;"), host["label"]);
    firefox.screenshot("firefox");

    firefox.wait("document.querySelector('#offline').classList.contains('ready')");
    let before = firefox.run("return document.querySelector('#card').innerText;");
    let base = files.base.clone();
    drop(files);
    firefox.open(&base);
    loaded(&mut firefox);
    assert_eq!(firefox.run("return document.querySelector('#card').innerText;"), before);
}

#[test]
fn every_golden_case_has_the_hosts_bits_in_firefox() {
    let Some(mut firefox) = Firefox::start() else { return };
    for name in ["churn", "digits"] {
        let files = Files::serve(&site(name).folder);
        let rows = golden_rows(name);
        // A document without a policy, so that a script of ours may import the module.
        firefox.open(&format!("{}page.css", files.base));
        let came = firefox.run(&format!(
            "const {{ load, predict, predictBatch }} = await import(new URL('predictor.js', location));
             await load({{ build: 'baseline' }});
             const rows = {};
             return [rows.map(predict), predictBatch(rows)];",
            json!(rows)
        ));
        let (alone, together) = baseline_answers(&site(name).packed, &rows);
        for (came, expected) in [(&came[0], alone), (&came[1], together)] {
            for (ix, expected) in expected.iter().enumerate() {
                assert_same(&came[ix], expected, &format!("{name} {ix}"));
            }
        }
    }
}
