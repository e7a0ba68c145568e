//! Requests per second for the churn model: the servers take turns under the same load.

use anyhow::{Result, ensure};

use super::load::{Side, turns};
use super::servers::{self, BARE, FRESH, ONNXRUNTIME, REUSED, SKLEARN};
use crate::report::{Cell, Comparison, Report, Table};
use crate::setup::Setup;

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let wrk = match &setup.wrk {
        Ok(wrk) => wrk,
        Err(reason) => {
            report.comparisons.push(Comparison::alone("churn over HTTP", Cell::absent(reason)));
            return Ok(());
        }
    };
    let mut sides = Vec::new();
    for name in [FRESH, REUSED, ONNXRUNTIME, SKLEARN, BARE] {
        let server = servers::start(setup, name);
        // Without its peers the run goes on; without the thing itself it does not.
        ensure!(
            server.is_ok() || !name.starts_with("edgewit"),
            "{name}: {}",
            server.err().unwrap_or_default()
        );
        sides.push(Side { name, server, key: None });
    }
    let note = "`edgewit serve` starts a sandbox for each request.";
    let mut table = Table { title: "Churn over HTTP".into(), note: note.into(), ..Table::default() };
    let rates = turns(setup, wrk, &sides, &mut table)?;
    for (side, rate) in sides.iter().zip(&rates).skip(1).filter(|(side, _)| side.name != REUSED) {
        let what = "churn over HTTP, fresh sandbox per request";
        report.comparisons.push(Comparison::new(what, rates[0].clone(), side.name, rate.clone()));
    }
    report.tables.push(table);
    Ok(())
}
