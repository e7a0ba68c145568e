//! Drift of real data from what a model was trained on: the customers of a telecoms company.

use std::path::{Path, PathBuf};

use edgewit_tests::command::run;
use edgewit_tests::copy_model;
use edgewit_tests::server::Server;
use serde_json::{Map, Value, json};

use crate::metrics::value;

/// Where the customers may be; the file is not of this repository, models/README.md says where it is to be had.
fn telco() -> Option<PathBuf> {
    let named = std::env::var_os("TELCO_CSV").map(PathBuf::from);
    let beside =
        edgewit_tests::root().parent().map(|folder| folder.join("shared/data/telco-customer-churn.csv"));
    let found = named.or(beside).filter(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: needs the Telco customers; TELCO_CSV names the file");
    }
    found
}

/// The columns that are numbers.
const NUMBERS: [&str; 4] = ["SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges"];

/// Every second customer, beginning with `first`, as rows of features.
fn customers(file: &Path, first: usize) -> Vec<Map<String, Value>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).expect("the file");
    let header = reader.headers().expect("a header").clone();
    let cell = |name: &str, text: &str| match text {
        "" => Value::Null,
        text if NUMBERS.contains(&name) => serde_json::from_str(text).expect("a number"),
        text => text.into(),
    };
    let features = |record: csv::StringRecord| {
        let cells = header.iter().zip(&record).filter(|(name, _)| !["customerID", "Churn"].contains(name));
        cells.map(|(name, text)| (name.to_owned(), cell(name, text))).collect()
    };
    let records = reader.records().map(|record| record.expect("a line"));
    records.skip(first).step_by(2).map(features).collect()
}

/// Asks a server of churn with a baseline for all rows, and what has drifted then.
fn drift(models: &Path, rows: &[Map<String, Value>]) -> (Value, String) {
    let server = Server::ready(models, &["--drift-window", "4000"]);
    for chunk in rows.chunks(500) {
        let answer = server.client.post_json("/predict/batch", &json!(chunk));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let found = server.client.get("/models/churn/drift").json()["versions"][0].clone();
    assert_eq!(found["rows"], rows.len());
    (found, server.client.get("/metrics").text)
}

/// A folder with churn and its baseline of all customers.
fn with_baseline(customers: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    let made = run([Path::new("baseline"), customers, Path::new("--model"), &folder.path().join("churn/1")]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.err.contains("left out: customerID, Churn"), "{}", made.err);
    folder
}

#[test]
fn the_shifted_half_of_the_customers_is_flagged_on_what_was_shifted_and_the_other_half_is_not() {
    let Some(file) = telco() else { return };
    let models = with_baseline(&file);
    let (same, metrics) = drift(models.path(), &customers(&file, 0));
    assert_eq!(same["drifted"], json!([]));
    assert!(same["predictions"].as_array().expect("a list").iter().all(|drift| drift["drifted"] == false));
    let score = r#"ml_data_drift_score{model="churn",version="1",feature_name="Contract"}"#;
    assert!(value(&metrics, score) < 0.01);

    let mut shifted = customers(&file, 1);
    shifted.retain(|row| row["Contract"] == "Month-to-month");
    for row in &mut shifted {
        for charge in ["MonthlyCharges", "TotalCharges"] {
            row[charge] = row[charge].as_f64().map_or(Value::Null, |charge| json!(charge * 1.3));
        }
    }
    let (other, metrics) = drift(models.path(), &shifted);
    // Who pays month by month has not stayed for long.
    assert_eq!(other["drifted"], json!(["tenure", "Contract", "MonthlyCharges"]));
    assert!(value(&metrics, score) > 0.25);
    let feature = |name: &str| {
        let features = other["features"].as_array().expect("a list");
        features.iter().find(|one| one["name"] == name).expect("a feature")
    };
    // What all have paid ranges over three orders of magnitude, among which 1.3 times as much is less than the 0.1 from
    // which an index is called slight; that it is no chance is told all the same.
    let total = feature("TotalCharges");
    assert!(total["test"]["p_value"].as_f64() < Some(1e-6), "{total}");
    assert!(total["psi"].as_f64().is_some_and(|index| (0.05..0.1).contains(&index)), "{total}");
    let charges = feature("MonthlyCharges");
    assert!(charges["out_of_range_rate"].as_f64() > Some(0.01), "{charges}");
    assert_eq!(charges["test"]["name"], "kolmogorov-smirnov");
    assert!(charges["test"]["p_value"].as_f64() < Some(1e-9), "{charges}");
    // Who leaves more often pays month by month.
    let score = other["predictions"].as_array().expect("a list").iter().find(|one| one["name"] == "score");
    assert_eq!(score.expect("a score")["drifted"], true);
}

#[test]
fn missing_values_and_unseen_categories_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = "passthrough = []\n";
    let manifest =
        "[[features]]\nname = \"colour\"\nnullable = true\n[[features]]\nname = \"size\"\nnullable = true\n";
    let graph = edgewit_tests::onnx::Graph::new();
    let dims = [edgewit_tests::onnx::Dim::Named("N")];
    let graph = graph.input("colour", 8, &dims).input("size", 1, &dims);
    graph.node("Neg", &["size"], "y").output("y", 1).save(folder.path(), "m");
    std::fs::write(folder.path().join("m/1/model.toml"), format!("{first}{manifest}")).expect("written");
    let data = folder.path().join("data.csv");
    let rows =
        (0..300).map(|ix| format!("{},{}\n", ["red", "blue", "green"][ix % 3], ix % 7)).collect::<String>();
    std::fs::write(&data, format!("colour,size\n{rows}")).expect("written");
    let made = run([Path::new("baseline"), &data, Path::new("--model"), &folder.path().join("m/1")]);
    assert_eq!(made.code, Some(0), "{}", made.err);

    let server = Server::ready(folder.path(), &[]);
    let rows = (0..400).map(|ix| match ix % 4 {
        0 => json!({ "colour": "pink", "size": 100 }),
        1 => json!({ "colour": null, "size": null }),
        _ => json!({ "colour": "red", "size": ix % 7 }),
    });
    assert_eq!(server.client.post_json("/predict/batch", &rows.collect()).status, 200);
    let drift = server.client.get("/models/m/drift").json()["versions"][0].clone();
    let (colour, size) = (&drift["features"][0], &drift["features"][1]);
    assert_eq!((&colour["missing_rate"], &colour["unseen_rate"]), (&json!(0.25), &json!(0.25)));
    assert_eq!(colour["unseen"], json!(["pink"]));
    assert_eq!((&size["missing_rate"], &size["baseline_missing_rate"]), (&json!(0.25), &json!(0.0)));
    assert!((size["out_of_range_rate"].as_f64().expect("a rate") - 1.0 / 3.0).abs() < 1e-12, "{size}");
    assert_eq!(drift["drifted"], json!(["colour", "size"]));
    // The value of a regression is its score.
    assert_eq!(drift["predictions"][0]["name"], "score");
}

#[test]
fn a_model_without_a_baseline_says_how_to_make_one() {
    let answer = edgewit_tests::server::shared().client.get("/models/churn/drift");
    assert_eq!(answer.status, 501);
    assert!(answer.error().contains("edgewit baseline"), "{}", answer.error());
    assert_eq!(edgewit_tests::server::shared().client.get("/models/nothing/drift").status, 404);
}

/// Rows as CSV, with a header.
fn csv(rows: &[Value]) -> String {
    let header = rows[0].as_object().expect("a row").keys().cloned().collect::<Vec<_>>();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |row: &Value| header.iter().map(|name| text(&row[name])).collect::<Vec<_>>().join(",");
    format!("{}\n{}\n", header.join(","), rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_file_of_rows_is_held_against_the_baseline() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    let (model, data) = (folder.path().join("churn/1"), folder.path().join("data.csv"));
    let rows = |count: i64, tenure: fn(i64) -> i64| {
        let rows = (0..count).map(|ix| crate::customer_with("tenure", json!(tenure(ix)))).collect::<Vec<_>>();
        std::fs::write(&data, csv(&rows)).expect("written");
    };
    let drift = |more: &[&str]| {
        let paths = [data.to_str(), Some("--model"), model.to_str()].map(|path| path.expect("text"));
        run([&["drift"][..], &paths, more].concat())
    };
    rows(400, |ix| ix % 73);
    let none = drift(&[]);
    assert!(none.code == Some(1) && none.err.contains("`edgewit baseline` makes one"), "{}", none.err);
    let made = run([Path::new("baseline"), &data, Path::new("--model"), &model]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    rows(300, |ix| ix * 7 % 73);
    let same = drift(&[]);
    assert!(same.code == Some(0) && !same.out.contains("drifted"), "{}{}", same.out, same.err);

    rows(300, |ix| 60 + ix % 13);
    let other = drift(&[]);
    assert_eq!(other.code, Some(1), "{}", other.err);
    let drifted = other.out.lines().filter(|line| line.contains("drifted")).collect::<Vec<_>>();
    assert!(drifted[0].starts_with("tenure "), "{}", other.out);
    let told: Value = serde_json::from_str(&drift(&["--json"]).out).expect("JSON");
    assert_eq!(told["drifted"], json!(["tenure"]));
    assert_eq!(drift(&["--threshold", "100"]).code, Some(0));
    rows(100, |ix| ix % 73);
    let few = drift(&[]);
    assert!(few.err.contains("expected at least 200 rows, got 100"), "{}", few.err);
}

#[test]
fn a_baseline_is_the_same_of_csv_and_parquet() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    let rows = (0..40).map(|ix| crate::customer_with("tenure", json!(ix))).collect::<Vec<_>>();
    let (of_csv, of_parquet) = (folder.path().join("data.csv"), folder.path().join("data.parquet"));
    std::fs::write(&of_csv, csv(&rows)).expect("written");
    let python = edgewit_tests::root().join("tests/statistics");
    let Some(python) =
        xtask::python::environment(&python.join("requirements.txt"), false).expect("the packages")
    else {
        return;
    };
    let script = "import sys; from pyarrow import csv, parquet; parquet.write_table(csv.read_csv(sys.argv[1]), sys.argv[2])";
    let status = python.command().args(["-c", script]).arg(&of_csv).arg(&of_parquet).status();
    assert!(status.expect("Python starts").success());
    let baseline = |data: &Path| {
        let output = data.with_extension("json");
        let (model, flag) = (folder.path().join("churn"), Path::new("--output"));
        let made = run([Path::new("baseline"), data, Path::new("--model"), &model, flag, &output]);
        assert_eq!(made.code, Some(0), "{}", made.err);
        let text = std::fs::read(output).expect("a file");
        let mut baseline = serde_json::from_slice::<Value>(&text).expect("JSON");
        baseline["created"] = Value::Null;
        baseline["source"] = Value::Null;
        baseline
    };
    let (of_csv, of_parquet) = (baseline(&of_csv), baseline(&of_parquet));
    assert_eq!(of_csv["features"].as_array().map(Vec::len), Some(19));
    assert_eq!(of_csv, of_parquet);
}
