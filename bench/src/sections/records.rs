//! What it costs to watch for drift and to record what was answered: `edgewit serve` beside itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use edgewit_tests::copy_model;
use serde_json::{Map, Value};

use super::load::{Side, beside_the_first, turns};
use super::servers;
use crate::report::{Cell, Comparison, Report, Table};
use crate::server::Server;
use crate::setup::{Setup, step};

const NEITHER: &str = "no baseline, no records";
const WINDOWS: &str = "windows of drift";
const RECORDS: &str = "records in SQLite";
const BOTH: &str = "windows of drift, records in SQLite";

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let wrk = match &setup.wrk {
        Ok(wrk) => wrk,
        Err(reason) => {
            report.comparisons.push(Comparison::alone("drift and records", Cell::absent(reason)));
            return Ok(());
        }
    };
    let folder = tempfile::tempdir_in(&setup.folder)?;
    let (plain, watched) = (folder.path().join("plain"), folder.path().join("watched"));
    copy_model("churn", &plain, "", "");
    copy_model("churn", &watched, "", "");
    baseline(setup, folder.path(), &watched.join("churn/1"))?;
    let store = |name: &str| folder.path().join(name).display().to_string();
    let (records, both) = (store("records.db"), store("both.db"));
    let sides = [
        (NEITHER, &plain, None),
        (WINDOWS, &watched, None),
        (RECORDS, &plain, Some(&records)),
        (BOTH, &watched, Some(&both)),
    ];
    let mut started = Vec::new();
    for (name, models, store) in sides {
        step(format!("starting edgewit serve: {name}"));
        let mut flags = vec!["--log-level", "off"];
        flags.extend(
            store.iter().flat_map(|store| ["--records-store", store.as_str(), "--records-sample", "1"]),
        );
        let file = format!("edgewit-{}", name.replace([' ', ','], ""));
        let mut server = Server::start(&file, &setup.folder.join("logs"), |port| {
            Ok(servers::edgewit(setup, models, &setup.cache, &flags, port))
        })?;
        server.until_ready()?;
        started.push(Side { name, server: Ok(server), key: None });
    }
    let note = "Each is `edgewit serve` with another part of what looks at answers.";
    let mut table = Table { title: "Drift and records".into(), note: note.into(), ..Table::default() };
    let rates = turns(setup, wrk, &started, &mut table)?;
    report.comparisons.extend(beside_the_first(&started, &rates));
    for side in &started {
        let Ok(server) = &side.server else { continue };
        table.note += &format!(" {}: {}.", side.name, kept(&server.get("/metrics")?, side.name)?);
    }
    report.tables.push(table);
    Ok(())
}

/// Gives the model in `model` a baseline of the rows that are sent.
fn baseline(setup: &Setup, folder: &Path, model: &Path) -> Result<()> {
    let rows = servers::rows()?.0;
    let rows =
        rows.iter().map(|row| serde_json::from_str(row)).collect::<Result<Vec<Map<String, Value>>, _>>()?;
    let header = rows.first().context("a row")?.keys().cloned().collect::<Vec<_>>();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cell = |row: &Map<String, Value>, name: &String| row.get(name).map(text).unwrap_or_default();
    let line =
        |row: &Map<String, Value>| header.iter().map(|name| cell(row, name)).collect::<Vec<_>>().join(",");
    let lines = std::iter::once(header.join(",")).chain(rows.iter().map(line)).collect::<Vec<_>>();
    let data = folder.join("rows.csv");
    std::fs::write(&data, lines.join("\n") + "\n")?;
    let mut command = Command::new(&setup.edgewit);
    command.arg("baseline").arg(&data).arg("--model").arg(model).arg("--cache").arg(&setup.cache);
    let made = command.output()?;
    ensure!(made.status.success(), "edgewit baseline: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// What became of the answers, as the metrics of a side count it; a side that does not do its part fails the run.
fn kept(metrics: &str, side: &str) -> Result<String> {
    let sum = |name: &str| {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>()
    };
    let [stored, lost] = ["edgewit_records_stored_total", "edgewit_records_lost_total"].map(sum);
    let (records, windows) = ([RECORDS, BOTH].contains(&side), [WINDOWS, BOTH].contains(&side));
    ensure!((stored > 0) == records, "{side}: {stored} records are stored");
    let compares = metrics.contains("ml_data_drift_score{");
    ensure!(compares == windows, "{side}: the drift {} compared", if compares { "is" } else { "is not" });
    Ok(format!("{stored} records stored, {lost} lost"))
}
