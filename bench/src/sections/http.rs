//! Requests per second for the churn model: the servers take turns under the same load.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::servers::{self, BARE, FRESH, ONNXRUNTIME, REUSED, SKLEARN};
use crate::report::{Cell, Comparison, Report, Table, Unit, median};
use crate::server::Server;
use crate::setup::{Setup, peer, step};

/// Connections that are kept open; a whole number for each of two workers.
const CONNECTIONS: usize = 16;

/// What bench/peers/wrk.lua prints.
#[derive(Debug, Deserialize)]
struct Load {
    requests: f64,
    failed: u64,
    microseconds: f64,
    median: f64,
    p99: f64,
}

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let wrk = match &setup.wrk {
        Ok(wrk) => wrk,
        Err(reason) => {
            report.comparisons.push(Comparison::alone("churn over HTTP", Cell::absent(reason)));
            return Ok(());
        }
    };
    let (rows, _) = servers::rows()?;
    let bodies = setup.folder.join("rows.jsonl");
    std::fs::write(&bodies, rows.join("\n") + "\n")?;
    let names = [FRESH, REUSED, ONNXRUNTIME, SKLEARN, BARE];
    let mut servers = Vec::new();
    for name in names {
        let server = servers::start(setup, name);
        // Without its peers the run goes on; without the thing itself it does not.
        ensure!(
            server.is_ok() || !name.starts_with("edgewit"),
            "{name}: {}",
            server.err().unwrap_or_default()
        );
        servers.push(server);
    }
    let effort = &setup.effort;
    let mut loads: [Vec<Load>; 5] = Default::default();
    for round in 0..=effort.http_rounds {
        step(format!("load, round {round} of {}", effort.http_rounds));
        for ((server, name), loads) in servers.iter().zip(names).zip(&mut loads) {
            let Ok(server) = server else { continue };
            let load = load(wrk, server, &bodies, effort.http_turn).with_context(|| name.to_owned())?;
            ensure!(load.failed == 0, "{name}: {} requests failed under load", load.failed);
            // The first round warms them up.
            if round > 0 {
                loads.push(load);
            }
        }
    }

    let mut table = Table {
        title: "Churn over HTTP".into(),
        note: format!(
            "wrk with {CONNECTIONS} connections on the same machine, {} rounds of {} s in which the servers took \
             turns; medians of the rounds. No request failed. `edgewit serve` starts a sandbox for each request.",
            effort.http_rounds,
            effort.http_turn.as_secs()
        ),
        columns: ["server", "requests", "median latency", "99th percentile"].map(Into::into).to_vec(),
        rows: vec![],
    };
    let mut rates = Vec::new();
    for ((server, name), loads) in servers.iter().zip(names).zip(&loads) {
        let cells = match server {
            Ok(_) => {
                let of = |figure: fn(&Load) -> f64| median(&loads.iter().map(figure).collect::<Vec<_>>());
                let rate = of(|load| load.requests / load.microseconds * 1e6);
                let latency = [of(|load| load.median / 1e6), of(|load| load.p99 / 1e6)];
                let [middle, high] = latency.map(|seconds| Cell::Figure(seconds, Unit::Seconds));
                [Cell::Figure(rate, Unit::PerSecond), middle, high]
            }
            Err(reason) => [(); 3].map(|()| Cell::absent(reason)),
        };
        rates.push(cells[0].clone());
        table.rows.push([Cell::text(name)].into_iter().chain(cells).collect());
    }
    for (name, rate) in names.iter().zip(&rates).skip(1).filter(|(name, _)| **name != REUSED) {
        let what = "churn over HTTP, fresh sandbox per request";
        report.comparisons.push(Comparison::new(what, rates[0].clone(), *name, rate.clone()));
    }
    report.tables.push(table);
    Ok(())
}

fn load(wrk: &Path, server: &Server, bodies: &Path, time: Duration) -> Result<Load> {
    let mut command = Command::new(wrk);
    command.args(["--threads", "1", "--timeout", "30s", "--connections", &CONNECTIONS.to_string()]);
    command.args(["--duration", &format!("{}s", time.as_secs()), "--script"]).arg(peer("wrk.lua"));
    let output = command.arg(&server.base).arg("--").arg(bodies).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rfind(|line| line.starts_with('{'));
    let line =
        line.with_context(|| format!("wrk said: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(serde_json::from_str(line)?)
}
