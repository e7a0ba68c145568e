//! From the start of a server process to its first answer, with a warm cache.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::servers::{self, FRESH, ONNXRUNTIME};
use crate::report::{Cell, Comparison, Report, Unit, median};
use crate::server::Server;
use crate::setup::{Setup, step};

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let mut cells = Vec::new();
    for name in [FRESH, ONNXRUNTIME] {
        let cell = match servers::start(setup, name) {
            // The one that was started has filled the caches, its own and the system's.
            Ok(server) => {
                drop(server);
                Cell::Figure(first_answer(setup, name)?, Unit::Seconds)
            }
            Err(reason) => Cell::absent(reason),
        };
        cells.push(cell);
    }
    let what = "process start to first churn answer, warm cache";
    report.comparisons.push(Comparison::new(what, cells[0].clone(), ONNXRUNTIME, cells[1].clone()));
    Ok(())
}

fn first_answer(setup: &Setup, name: &str) -> Result<f64> {
    let (rows, _) = servers::rows()?;
    let mut seconds = Vec::new();
    for number in 1..=setup.effort.starts {
        step(format!("starting {name}, {number} of {}", setup.effort.starts));
        let start = Instant::now();
        let logs = setup.folder.join("logs");
        let mut server = Server::start("start", &logs, |port| servers::command(setup, name, port))?;
        server.first_answer(&rows[0], Duration::from_micros(500))?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(median(&seconds))
}
