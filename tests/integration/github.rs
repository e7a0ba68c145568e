//! deploy/github: what the workflow for a model's repository runs.

use std::fs;
use std::path::Path;

use edgewit_tests::command::run;
use edgewit_tests::tool::{deployed, tool};
use edgewit_tests::{model, root};
use serde_json::Value;

/// The rows of churn's golden cases as CSV, with their labels as what is true.
fn held_out(file: &Path) {
    let cases = fs::read_to_string(model("churn").join("1/golden/cases.json")).expect("it can be read");
    let cases: Value = serde_json::from_str(&cases).expect("JSON");
    let cases = cases["cases"].as_array().expect("cases");
    let columns = cases[0]["row"].as_object().expect("a row").keys().collect::<Vec<_>>();
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let row = |case: &Value| {
        let features = columns.iter().map(|column| cell(&case["row"][column.as_str()]));
        features.chain([cell(&case["expect"]["label"])]).collect::<Vec<_>>().join(",")
    };
    let head = columns.iter().map(|column| column.as_str()).chain(["Churn"]).collect::<Vec<_>>().join(",");
    let rows = cases.iter().map(row).collect::<Vec<_>>().join("\n");
    fs::write(file, format!("{head}\n{rows}\n")).expect("written");
}

#[test]
fn a_model_below_its_floor_is_not_published() {
    let folder = tempfile::tempdir().expect("a folder");
    let (truth, predicted) = (folder.path().join("held-out.csv"), folder.path().join("predicted.csv"));
    held_out(&truth);
    let churn = model("churn");
    let [model, rows] = [&churn, &truth].map(|path| path.to_str().expect("text"));
    let made = run(["predict", model, rows, "--format", "csv"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    fs::write(&predicted, made.out).expect("written");
    let floor = || {
        let mut python = tool("python3", "python3")?;
        python.arg(root().join("deploy/github/floor.py")).arg(&truth).arg("Churn").arg(&predicted);
        python.args(["--at-least", "0.99"]).output().expect("it runs").status.code()
    };
    let Some(code) = floor() else { return };
    assert_eq!(code, 0);
    // Of the model's own answers every fourth or so is Yes; as many are wrong when none is.
    let all_stay = fs::read_to_string(&truth).expect("it is there").replace(",Yes\n", ",No\n");
    fs::write(&truth, all_stay).expect("written");
    assert_eq!(floor(), Some(1));
}

#[test]
fn the_workflow_runs_commands_that_there_are() {
    let workflow = deployed("github/model.yml");
    let lines = workflow
        .lines()
        .map(|line| line.trim().trim_start_matches("run: ").trim_start_matches("pushed=$(./"));
    let commands = lines.filter_map(|line| line.strip_prefix("edgewit ")).collect::<Vec<_>>();
    assert_eq!(commands.len(), 6, "{commands:?}");
    for command in commands {
        let words = command.split(' ').take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()));
        let words = words.collect::<Vec<_>>();
        let help = run(words.iter().copied().chain(["--help"]));
        assert_eq!(help.code, Some(0), "edgewit {words:?}: {}", help.err);
        for flag in command.split(' ').filter(|word| word.starts_with("--")) {
            assert!(help.out.contains(flag), "edgewit {words:?} takes no {flag}");
        }
    }
}
