//! Memory: of servers after many requests, and of many sandboxes of one model.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use edgewit_bench::{limits, program};
use edgewit_core::{Data, Tensor};
use serde_json::json;

use super::servers::{self, FRESH, ONNXRUNTIME, SKLEARN};
use crate::report::{Cell, Comparison, Report, Table, Unit};
use crate::server::Memory;
use crate::setup::{Maybe, Setup, step};

const CLIENTS: usize = 8;
const INSTANCES: usize = 16;

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let requests = setup.effort.requests;
    let mut table = Table {
        title: "Resident memory".into(),
        note: format!(
            "After {requests} churn requests over {CLIENTS} connections, summed over the processes of a server. RSS \
             counts a page as often as it is mapped, in several processes or for several sandboxes; PSS divides it \
             among them, so that it is the memory that is taken."
        ),
        columns: ["process", "RSS", "PSS"].map(Into::into).to_vec(),
        rows: vec![],
    };
    let (rows, _) = servers::rows()?;
    let mut resident = Vec::new();
    for name in [FRESH, ONNXRUNTIME, SKLEARN] {
        let memory = servers::start(setup, name).and_then(|server| {
            let asked = server.post_many(&rows, requests, CLIENTS);
            asked.and_then(|()| server.memory()).map_err(|error| format!("{error:#}"))
        });
        resident.push(add(&mut table, name, memory).rss);
    }
    let what = format!("resident memory after {requests} churn requests");
    report.comparisons.push(Comparison::new(what, resident[0].clone(), ONNXRUNTIME, resident[1].clone()));

    step("memory of many sandboxes");
    let mut of_instances = |count: usize| -> Result<Resident> {
        let memory = match setup.model("mobilenetv2") {
            Ok(model) => Ok(instances_in_a_process(setup, &model, count)?),
            Err(reason) => Err(reason),
        };
        Ok(add(&mut table, &format!("a host with MobileNetV2 sandboxes: {count}"), memory))
    };
    let (one, many) = (of_instances(1)?, of_instances(INSTANCES)?);
    for (measure, many, one) in [("PSS", many.pss, one.pss), ("RSS", many.rss, one.rss)] {
        let what = format!("resident memory ({measure}) of {INSTANCES} sandboxes of MobileNetV2");
        report.comparisons.push(Comparison::new(what, many, "of one", one));
    }
    report.tables.push(table);
    Ok(())
}

/// The figures of a row.
struct Resident {
    rss: Cell,
    pss: Cell,
}

fn add(table: &mut Table, name: &str, memory: Maybe<Memory>) -> Resident {
    let figures = match memory {
        Ok(memory) => [memory.rss, memory.pss].map(|bytes| Cell::Figure(bytes, Unit::Bytes)),
        Err(reason) => [Cell::absent(&reason), Cell::absent(&reason)],
    };
    let [rss, pss] = figures;
    table.rows.push(vec![Cell::text(name), rss.clone(), pss.clone()]);
    Resident { rss, pss }
}

/// Measured in a process that does nothing else: this one has held other models.
fn instances_in_a_process(setup: &Setup, model: &Path, count: usize) -> Result<Memory> {
    // Packed and compiled beforehand: that takes more memory than what is to be measured.
    program(model, &setup.cache, 1)?;
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg("instances").arg(model).arg(&setup.cache).arg(count.to_string()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let field = |name: &str| bytes[name].as_f64().context("the process said no number of bytes");
    Ok(Memory { rss: field("rss")?, pss: field("pss")? })
}

/// Lets `count` sandboxes predict once, and prints the memory of this process while all live.
pub(crate) fn instances(model: &Path, cache: &Path, count: usize) -> Result<()> {
    let program = program(model, cache, u32::try_from(count)?)?;
    let mut sandboxes = Vec::new();
    for _ in 0..count {
        let mut sandbox = program.instantiate(&limits())?;
        let inputs = sandbox.metadata()?.inputs.into_iter().map(|input| {
            let shape = input.shape.iter().map(|axis| u64::try_from(*axis).unwrap_or(1)).collect::<Vec<_>>();
            let size = input.datatype.size().context("the inputs are numbers")?;
            let zeros = vec![0; shape.iter().product::<u64>() as usize * size];
            Ok(Tensor::new(input.name, input.datatype, shape, Data::Raw(zeros))?)
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        sandbox.predict(&inputs, None)?;
        sandboxes.push(sandbox);
    }
    let memory = Memory::of(std::process::id())?;
    println!("{}", json!({"rss": memory.rss, "pss": memory.pss}));
    Ok(())
}
