//! `edgewit predict`, help texts, and files of rows.

use std::fs;

use edgewit_tests::command::run;
use edgewit_tests::model;
use serde_json::{Value, json};

use crate::{customer, customer_with};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Predicts a file of rows with the churn model.
fn predict(name: &str, text: &str, format: &str) -> edgewit_tests::command::Run {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("written");
    run(["predict".into(), model("churn/1"), path, "--format".into(), format.into()])
}

#[test]
fn rows_are_read_in_every_shape_that_json_has_for_them() {
    let (one, two) = (customer(), customer_with("tenure", json!(60)));
    for text in [
        json!([one, two]).to_string(),
        json!({ "instances": [one, two] }).to_string(),
        format!("{one}\n{two}\n"),
    ] {
        let run = predict("rows.json", &text, "json");
        assert_eq!(run.code, Some(0), "{run:?}");
        let answers = lines(&run.out);
        assert_eq!(answers.len(), 2);
        assert_ne!(answers[0]["probability"], answers[1]["probability"]);
    }
}

#[test]
fn a_csv_file_is_read_by_the_schema_and_unknown_columns_are_named() {
    let row = customer_with("TotalCharges", json!(null));
    let row = row.as_object().expect("an object");
    let header = row.keys().map(String::as_str).collect::<Vec<_>>().join(",");
    let cells = row.values().map(|value| match value {
        Value::String(text) => text.clone(),
        Value::Null => " ".into(),
        other => other.to_string(),
    });
    let text =
        format!("\u{feff}customer_id,{header},Churn\nA-1,{},No\n", cells.collect::<Vec<_>>().join(","));
    let run = predict("rows.csv", &text, "csv");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("left out: Churn"), "{}", run.err);
    let mut lines = run.out.lines();
    let header = lines.next().expect("a header");
    assert!(
        header.starts_with("customer_id,prediction,label,probability_0,probability_1,confidence"),
        "{header}"
    );
    assert!(lines.next().expect("a row").starts_with("A-1,"));
}

#[test]
fn a_bad_row_in_a_file_is_named() {
    let text = json!([customer(), customer_with("tenure", json!("x"))]).to_string();
    let run = predict("rows.json", &text, "json");
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("row 1") && run.err.contains("tenure"), "{}", run.err);
    let run = predict("rows.csv", "a,b\n1,2\n", "json");
    assert!(run.err.contains("no column"), "{}", run.err);
    let run = predict("rows.json", "[1]", "json");
    assert!(run.err.contains("expected an object"), "{}", run.err);
    let run = predict("rows.json", "[]", "json");
    assert!(run.err.contains("no row"), "{}", run.err);
}

#[test]
fn every_command_has_help_and_a_bad_path_is_named() {
    for command in ["pack", "inspect", "predict", "verify", "serve", "key", "drift", "backup", "restore"] {
        let help = run([command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(help.out.contains("Usage: edgewit"), "{}", help.out);
    }
    for command in ["pack", "inspect", "verify"] {
        let missing = run([command, "no/such/path"]);
        assert_eq!(missing.code, Some(1), "{missing:?}");
        assert!((missing.err + &missing.out).contains("no/such/path"), "{command}");
    }
}
