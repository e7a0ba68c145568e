//! Load by wrk on servers that take turns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::servers;
use crate::report::{Cell, Comparison, Table, Unit, median};
use crate::server::Server;
use crate::setup::{Maybe, Setup, peer, step};

/// Connections that are kept open; a whole number for each of two workers.
const CONNECTIONS: usize = 16;

/// One of the servers.
pub(crate) struct Side<'a> {
    pub(crate) name: &'a str,
    pub(crate) server: Maybe<Server>,
    /// The key that it wants.
    pub(crate) key: Option<String>,
}

/// What bench/peers/wrk.lua prints.
#[derive(Debug, Deserialize)]
struct Load {
    requests: f64,
    failed: u64,
    microseconds: f64,
    median: f64,
    p99: f64,
}

/// The rates of all but the first side, beside that of the first.
pub(crate) fn beside_the_first(sides: &[Side<'_>], rates: &[Cell]) -> Vec<Comparison> {
    let compared = |(side, rate): (&Side<'_>, &Cell)| {
        let what = format!("churn over HTTP: {}", side.name);
        Comparison::new(what, rate.clone(), sides[0].name, rates[0].clone())
    };
    sides.iter().zip(rates).skip(1).map(compared).collect()
}

/// Lets the servers take turns under load, and adds their table. Returns their rates, each a number of requests a second.
pub(crate) fn turns(setup: &Setup, wrk: &Path, sides: &[Side<'_>], table: &mut Table) -> Result<Vec<Cell>> {
    let (rows, _) = servers::rows()?;
    let bodies = setup.folder.join("rows.jsonl");
    std::fs::write(&bodies, rows.join("\n") + "\n")?;
    let effort = &setup.effort;
    let mut loads = sides.iter().map(|_| Vec::new()).collect::<Vec<Vec<Load>>>();
    for round in 0..=effort.http_rounds {
        step(format!("load, round {round} of {}", effort.http_rounds));
        for (side, loads) in sides.iter().zip(&mut loads) {
            let Ok(server) = &side.server else { continue };
            let load = load(wrk, server, &bodies, side.key.as_deref(), effort.http_turn);
            let load = load.with_context(|| side.name.to_owned())?;
            ensure!(load.failed == 0, "{}: {} requests failed under load", side.name, load.failed);
            // The first round warms them up.
            if round > 0 {
                loads.push(load);
            }
        }
    }

    table.note = format!(
        "wrk with {CONNECTIONS} connections on the same machine, {} rounds of {} s in which the servers took turns; \
         medians of the rounds. No request failed. {}",
        effort.http_rounds,
        effort.http_turn.as_secs(),
        table.note
    );
    table.columns = ["server", "requests", "median latency", "99th percentile"].map(Into::into).to_vec();
    let mut rates = Vec::new();
    for (side, loads) in sides.iter().zip(&loads) {
        let cells = match &side.server {
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
        table.rows.push([Cell::text(side.name)].into_iter().chain(cells).collect());
    }
    Ok(rates)
}

fn load(wrk: &Path, server: &Server, bodies: &PathBuf, key: Option<&str>, time: Duration) -> Result<Load> {
    let mut command = Command::new(wrk);
    command.args(["--threads", "1", "--timeout", "30s", "--connections", &CONNECTIONS.to_string()]);
    command.args(["--duration", &format!("{}s", time.as_secs()), "--script"]).arg(peer("wrk.lua"));
    command.arg(&server.base).arg("--").arg(bodies).args(key);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rfind(|line| line.starts_with('{'));
    let line =
        line.with_context(|| format!("wrk said: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(serde_json::from_str(line)?)
}
