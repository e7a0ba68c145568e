//! CSV files in the page: many rows, and files that are not as they should be.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use edgewit_tests::browser::Browser;
use edgewit_tests::command::run;
use edgewit_tests::files::Files;
use edgewit_tests::full;
use edgewit_tests::web::site;
use serde_json::{Value, json};

use crate::page::{loaded, open, sample, violations};

/// A table of customers, each with another tenure and charge; `id` is passed through.
fn table(rows: usize) -> String {
    let row = sample("churn");
    let row = row.as_object().expect("an object");
    let names = row.keys().cloned().collect::<Vec<_>>().join(",");
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text = format!("customer_id,{names}\n");
    for ix in 0..rows {
        let cells = row.iter().map(|(name, value)| match name.as_str() {
            "tenure" => (ix % 73).to_string(),
            "MonthlyCharges" => format!("{}.5", 18 + ix % 100),
            _ => cell(value),
        });
        writeln!(text, "c{ix},{}", cells.collect::<Vec<_>>().join(",")).expect("text");
    }
    text
}

/// Gives the page a file, and waits until it is done with it.
fn give(browser: &Browser, name: &str, bytes: &[u8]) {
    let path = browser.folder().join(name);
    fs::write(&path, bytes).expect("written");
    browser.run("document.querySelector('#table-summary').replaceChildren();", Value::Null);
    browser.type_into("#file", &path.to_string_lossy());
    browser.wait("document.querySelector('#table-summary').innerText !== ''");
}

/// What the page offers after that.
fn predicted(browser: &Browser, name: &str) -> String {
    browser.click("#table-summary a");
    String::from_utf8(browser.download(name)).expect("text")
}

#[test]
fn ten_thousand_rows_never_block_the_page() {
    let Some(browser) = Browser::traced("en") else { return };
    let files = Files::serve(&site("churn").folder);
    browser.open(&files.base);
    loaded(&browser);
    let text = table(10_000);
    // Scripts of a page never wait; a task takes as long as its thread computes. By the clock it would take longer on a
    // machine that is busy with something else.
    let tasks = browser.tasks(|| {
        give(&browser, "many.csv", text.as_bytes());
        browser.wait("document.querySelectorAll('#table-rows tbody tr').length === 100");
    });
    assert!(tasks.len() >= 10, "drawing a hundred rows alone takes so many: {tasks:?}");
    let longest = tasks.into_iter().max();
    assert!(longest < Some(Duration::from_millis(50)), "{longest:?}");
    assert!(browser.text("#table-summary").contains("10,000 rows"), "{}", browser.text("#table-summary"));
    browser.screenshot("page-table");
    if let Some(violations) = violations(&browser) {
        assert_eq!(violations, json!([]), "{violations:#}");
    }

    let came = predicted(&browser, "many-predicted.csv");
    let file = browser.folder().join("rows.csv");
    fs::write(&file, &text).expect("written");
    let host = run([
        "predict".into(),
        site("churn").packed.clone().into_os_string(),
        file.into(),
        "--format".into(),
        "csv".into(),
    ]);
    let column = |line: &str, name: &str, header: &str| {
        let ix = header.split(',').position(|column| column == name).expect("a column");
        line.split(',').nth(ix).expect("a cell").to_owned()
    };
    let (ours, theirs) = (came.lines().collect::<Vec<_>>(), host.out.lines().collect::<Vec<_>>());
    assert_eq!((ours.len(), theirs.len()), (10_001, 10_001));
    for (our, their) in ours.iter().zip(&theirs).skip(1) {
        for name in ["customer_id", "prediction", "label", "probability_0", "probability_1"] {
            assert_eq!(column(our, name, ours[0]), column(their, name, theirs[0]), "{our}");
        }
    }
    assert!(
        ours[0].starts_with("customer_id,gender,") && ours[0].ends_with(",confidence,error"),
        "{}",
        ours[0]
    );
    assert_eq!(browser.log(), "");
}

#[test]
fn a_bad_file_is_refused_with_its_row() {
    let Some((_files, browser)) = open("churn", "en") else { return };
    let good = table(3);
    let ragged = good.replacen("c1,", "c1,surplus,", 1);
    let latin = good.replacen("c1", "\u{e4}", 1).chars().map(|c| c as u8).collect::<Vec<_>>();
    let wide = good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let endless = format!("{good}c9,\"{}", "x".repeat(3 << 20));
    let foreign = good.replace(',', ";");
    for (name, bytes, words) in [
        ("ragged", ragged.as_bytes(), "row 3: expected 20 cells, as many as the header has, came 21"),
        ("latin", &latin, "row 3 is not UTF-8 text; save the file as CSV in UTF-8"),
        (
            "wide",
            &[b"\xff\xfe", wide.as_slice()].concat(),
            "no column of the header is a feature|is not UTF-8 text",
        ),
        ("endless", endless.as_bytes(), "row 5 has more than 1048576 bytes; is a quote not closed?"),
        (
            "foreign",
            foreign.as_bytes(),
            "no column of the header is a feature of the model; is it separated by commas?",
        ),
        ("empty", b"", "the file is empty"),
    ] {
        give(&browser, &format!("{name}.csv"), bytes);
        let said = browser.text("#table-summary");
        assert!(words.split('|').any(|words| said.contains(words)), "{name}: {said}");
    }
    // A right one is predicted after all those.
    give(&browser, "good.csv", good.as_bytes());
    assert!(browser.text("#table-summary").contains("Done: 3 rows"));
}

#[test]
fn a_row_that_does_not_fit_is_told_and_the_others_are_predicted() {
    let Some((_files, browser)) = open("churn", "en") else { return };
    let text = table(300).replacen("c1,Male", "c1,Robot", 1);
    give(&browser, "wrong.csv", text.as_bytes());
    let said = browser.text("#table-summary");
    assert!(said.contains("300 rows") && said.contains("Rows without a prediction: 1"), "{said}");
    assert!(browser.text("#table-rows .wrong .said").contains("\"gender\": expected one of"));
    let lines = predicted(&browser, "wrong-predicted.csv");
    let wrong = lines.lines().filter(|line| line.contains("expected one of")).collect::<Vec<_>>();
    assert!(wrong.len() == 1 && wrong[0].starts_with("c1,Robot,"), "{wrong:?}");
    assert_eq!(lines.lines().filter(|line| line.contains(",Yes,0.") || line.contains(",No,0.")).count(), 299);
}

#[test]
fn no_cell_of_the_download_is_a_formula() {
    let Some((_files, browser)) = open("churn", "en") else { return };
    let text = table(6)
        .replacen("customer_id", "=HYPERLINK(\"\"x\"\")", 1)
        .replacen("=HYPERLINK(\"\"x\"\")", "\"=HYPERLINK(\"\"x\"\")\"", 1)
        .replacen("c0", "=1+1", 1)
        .replacen("c1", "+cmd|' /C calc'!A0", 1)
        .replacen("c2", "@SUM(A1)", 1)
        .replacen("c3", "-2+3", 1)
        .replacen("c4", "-2.5", 1);
    give(&browser, "formulas.csv", text.as_bytes());
    let lines = predicted(&browser, "formulas-predicted.csv");
    let first = lines.lines().map(|line| {
        line.split(",gender,").next().unwrap_or_default().split(",Male,").next().unwrap_or_default()
    });
    let expected =
        ["\"'=HYPERLINK(\"\"x\"\")\"", "'=1+1", "'+cmd|' /C calc'!A0", "'@SUM(A1)", "'-2+3", "-2.5", "c5"];
    assert_eq!(first.collect::<Vec<_>>(), expected);
}

#[test]
fn a_million_rows_are_predicted_or_the_reader_cancels() {
    let Some((_files, browser)) = open("churn", "en") else { return };
    let rows = if full() { 1_000_000 } else { 50_000 };
    let file = browser.folder().join("million.csv");
    fs::write(&file, table(rows)).expect("written");
    browser.type_into("#file", &file.to_string_lossy());
    browser.wait("document.querySelector('#table-progress progress')?.value > 0");
    browser.click("#table-progress button");
    browser.wait("document.querySelector('#table-summary').innerText === 'Cancelled.'");
    // Again, to its end; the form answers meanwhile.
    browser.type_into("#file", &file.to_string_lossy());
    browser.wait("document.querySelector('#table-progress progress')?.value > 0");
    browser.type_into("[data-feature=tenure] [type=number]", "70");
    browser.wait("!document.querySelector('#answers .bars').innerText.includes('63.3')");
    browser.wait("document.querySelector('#table-summary a')");
    let lines = predicted(&browser, "million-predicted.csv");
    assert_eq!(lines.lines().count(), rows + 1);
    assert!(lines.lines().last().expect("a line").starts_with(&format!("c{},", rows - 1)));
}
