//! Many small models in one host: the disk they take, the memory, and the start.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use xtask::components::root;

use super::servers;
use crate::report::{Cell, Comparison, Report, Unit};
use crate::server::Server;
use crate::setup::{Setup, step};

const FEATURES: usize = 20;

pub(crate) fn run(setup: &Setup, count: usize, report: &mut Report) -> Result<()> {
    let mut add = |what: &str, cell| {
        report.comparisons.push(Comparison::alone(format!("{count} small models in one host: {what}"), cell));
    };
    let python = match &setup.python {
        Ok(python) => python,
        Err(reason) => {
            add("all", Cell::absent(reason));
            return Ok(());
        }
    };
    let folder = setup.folder.join(format!("many-{count}"));
    let (models, cache) = (folder.join("models"), folder.join("cache"));
    let number = count.to_string();
    python.run(&root().join("bench/models.py"), &[&models, "--many".as_ref(), number.as_ref()])?;

    let start = |phase: &str| -> Result<(Server, f64)> {
        step(format!("starting a host with {count} models, {phase} cache"));
        let begin = Instant::now();
        let mut server = Server::start("many-models", &setup.folder.join("logs"), |port| {
            Ok(servers::edgewit(setup, &models, &cache, &[], port))
        })?;
        server.until_ready().context("see target/bench/logs/many-models.log")?;
        Ok((server, begin.elapsed().as_secs_f64()))
    };
    let was_cold = !cache.exists();
    let (server, cold) = start("cold")?;
    drop(server);
    let (server, warm) = start("warm")?;
    step("asking each model once");
    let row = json!({"input": vec![0.5; FEATURES]}).to_string();
    for entry in fs::read_dir(&models)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        server.post(&format!("/models/{name}/predict"), &row).context(name)?;
    }
    let memory = server.memory()?;
    let seconds = |seconds| Cell::Figure(seconds, Unit::Seconds);
    let bytes = |bytes| Cell::Figure(bytes, Unit::Bytes);
    add("compile cache on disk", bytes(disk(&cache)?));
    add("RSS after a request each", bytes(memory.rss));
    add("PSS after a request each", bytes(memory.pss));
    add("start with warm cache, until all are ready", seconds(warm));
    add(
        "start with cold cache",
        if was_cold { seconds(cold) } else { Cell::absent("kept from an earlier run") },
    );
    Ok(())
}

/// The bytes that the files of a folder take on disk.
fn disk(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk(&entry.path())? } else { metadata.len() as f64 };
    }
    Ok(bytes)
}
