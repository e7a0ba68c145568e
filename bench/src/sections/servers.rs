//! The servers of the churn model that are compared over HTTP.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use edgewit_bench::golden;
use xtask::components::root;

use crate::server::Server;
use crate::setup::{Maybe, Setup, beside, peer, step};

pub(crate) const FRESH: &str = "edgewit serve";
pub(crate) const REUSED: &str = "edgewit serve --isolation reuse";
pub(crate) const ONNXRUNTIME: &str = "FastAPI + onnxruntime, 2 workers";
pub(crate) const SKLEARN: &str = "FastAPI + scikit-learn, 2 workers";
pub(crate) const BARE: &str = "bare axum route, no model";

/// Rows that are sent in turn.
const ROWS: usize = 64;

/// Rows of golden cases as request bodies, with the probabilities that are right.
pub(crate) fn rows() -> Result<(Vec<String>, Vec<Vec<f64>>)> {
    let cases = golden(&root().join("models"), "churn")?.into_iter().take(ROWS);
    Ok(cases.map(|case| (serde_json::Value::Object(case.row).to_string(), case.probability)).unzip())
}

/// `edgewit serve` with this repository's models.
pub(crate) fn edgewit(setup: &Setup, models: &Path, cache: &Path, flags: &[&str], port: u16) -> Command {
    let mut command = Command::new(&setup.edgewit);
    command.arg("serve").arg("--models").arg(models).arg("--cache").arg(cache);
    command.args(["--listen", &format!("127.0.0.1:{port}")]).args(flags);
    command
}

/// No side writes a line for each request; the section `guards` says what Edgewit's costs.
const NO_ACCESS_LOG: [&str; 2] = ["--log-level", "warn"];

/// The server `name`, not yet started.
pub(crate) fn command(setup: &Setup, name: &str, port: u16) -> Result<Command> {
    let models = root().join("models");
    Ok(match name {
        FRESH => edgewit(setup, &models, &setup.cache, &NO_ACCESS_LOG, port),
        REUSED => {
            let flags = [&["--isolation", "reuse"], &NO_ACCESS_LOG[..]].concat();
            edgewit(setup, &models, &setup.cache, &flags, port)
        }
        BARE => {
            let mut command = Command::new(beside("edgewit-bench-bare-route")?);
            command.arg(format!("127.0.0.1:{port}"));
            command
        }
        ONNXRUNTIME => {
            let model = setup.model("churn").map_err(anyhow::Error::msg)?;
            let mut command = uvicorn(setup, "fastapi_onnxruntime", port)?;
            command.env("BENCH_MODEL", model);
            command
        }
        _ => {
            let mut command = uvicorn(setup, "fastapi_sklearn", port)?;
            command
                .env("BENCH_PIPELINE", pipeline(setup).path())
                .env("BENCH_TRAIN", root().join("models/churn"));
            command
        }
    })
}

/// A FastAPI application as fast as uvicorn runs it: its own loop and parser in C, no access log.
fn uvicorn(setup: &Setup, application: &str, port: u16) -> Result<Command> {
    let python = setup.python.as_ref().map_err(|reason| anyhow::anyhow!("{reason}"))?;
    let mut command = python.command();
    command.args(["-m", "uvicorn", "--workers", "2", "--loop", "uvloop", "--http", "httptools"]);
    command.args(["--no-access-log", "--log-level", "warning", "--port", &port.to_string(), "--app-dir"]);
    command.arg(peer("")).arg(format!("{application}:app"));
    // A thread for each core in each worker would only take turns with the other worker's.
    command.env("OMP_NUM_THREADS", "1");
    Ok(command)
}

/// Starts `name` and holds its first answers against the golden cases.
pub(crate) fn start(setup: &Setup, name: &str) -> Maybe<Server> {
    try_start(setup, name).map_err(|error| format!("{error:#}"))
}

fn try_start(setup: &Setup, name: &str) -> Result<Server> {
    step(format!("starting {name}"));
    if name == SKLEARN {
        fit(setup)?;
    }
    let (rows, expected) = rows()?;
    let file = name.replace([' ', '+', ',', '-'], "");
    let server =
        Server::answering(&file, &setup.folder.join("logs"), &rows[0], |port| command(setup, name, port))?;
    let same_numbers = name != BARE && !(name == SKLEARN && pipeline(setup).is_of_golden_rows());
    for (row, expected) in rows.iter().zip(&expected).filter(|_| same_numbers) {
        let answer = server.post("/predict", row)?;
        let came: Vec<f64> = serde_json::from_value(answer["probability"].clone())?;
        let same = came.len() == expected.len()
            && came.iter().zip(expected).all(|(came, expected)| (came - expected).abs() <= 1e-5);
        ensure!(same, "{name} answers {came:?} where {expected:?} is right");
    }
    Ok(server)
}

/// The pickled pipeline of scikit-learn's side.
struct Pipeline(PathBuf);

fn pipeline(setup: &Setup) -> Pipeline {
    Pipeline(setup.folder.join("churn.joblib"))
}

impl Pipeline {
    fn path(&self) -> &Path {
        &self.0
    }

    /// Fitted to the golden rows for want of the table: the same work, other numbers.
    fn is_of_golden_rows(&self) -> bool {
        !telco().is_file()
    }
}

/// The table that models/churn was trained with, if it lies beside the repository.
fn telco() -> PathBuf {
    root().join("../shared/data/telco-customer-churn.csv")
}

fn fit(setup: &Setup) -> Result<()> {
    let python = setup.python.as_ref().map_err(|reason| anyhow::anyhow!("{reason}"))?;
    let target = pipeline(setup).0;
    step("fitting the scikit-learn pipeline");
    let script = peer("fit_churn.py");
    let telco = telco();
    let mut arguments = vec![target.as_path()];
    arguments.extend(telco.is_file().then_some(telco.as_path()));
    python.run(&script, &arguments).context("scikit-learn's pipeline")
}
