//! What it costs to ask for keys, to count requests, and to log them: `edgewit serve` beside itself.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::components::root;

use super::load::{Side, beside_the_first, turns};
use super::servers;
use crate::report::{Cell, Comparison, Report, Table};
use crate::server::Server;
use crate::setup::{Setup, step};

const OPEN: &str = "no key, no limit, no log";
/// So many that none is refused: what counting costs is to be seen, not what refusing does.
const RATE: &str = "1000000000";

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let wrk = match &setup.wrk {
        Ok(wrk) => wrk,
        Err(reason) => {
            report.comparisons.push(Comparison::alone("keys, limits and logs", Cell::absent(reason)));
            return Ok(());
        }
    };
    let keys = setup.folder.join("keys.toml");
    let made = Command::new(&setup.edgewit).args(["key", "bench"]).output()?;
    ensure!(made.status.success(), "edgewit key: {}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(&keys, &made.stdout)?;
    let key = String::from_utf8(made.stderr)?.trim().to_owned();
    let keys = keys.to_str().context("a path that is no text")?;

    let quiet = ["--log-level", "off"];
    let keyed = ["--auth-keys", keys];
    let limited = ["--principal-rate", RATE, "--address-rate", RATE];
    let sides = [
        (OPEN, quiet.to_vec()),
        ("a key", [&quiet[..], &keyed].concat()),
        ("a key, limits of caller and address", [&quiet[..], &keyed, &limited].concat()),
        ("a key, limits, a line of the log for each request", [&keyed[..], &limited].concat()),
    ];
    let (rows, _) = servers::rows()?;
    let logs = setup.folder.join("logs");
    let mut started = Vec::new();
    for (name, flags) in &sides {
        step(format!("starting edgewit serve: {name}"));
        let file = format!("edgewit-{}", name.replace([' ', ','], ""));
        let mut server = Server::start(&file, &logs, |port| {
            Ok(servers::edgewit(setup, &root().join("models"), &setup.cache, flags, port))
        })?;
        server.until_ready()?;
        started.push(Side { name, server: Ok(server), key: flags.contains(&keys).then(|| key.clone()) });
    }
    ensure!(
        matches!(&started[1].server, Ok(server) if server.post("/predict", &rows[0]).is_err()),
        "the host that is to ask for a key does not"
    );
    let note = "Each is `edgewit serve` with another part of what a host on the network has.";
    let mut table = Table { title: "Keys, limits and logs".into(), note: note.into(), ..Table::default() };
    let rates = turns(setup, wrk, &started, &mut table)?;
    report.comparisons.extend(beside_the_first(&started, &rates));
    report.tables.push(table);
    Ok(())
}
