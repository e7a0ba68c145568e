//! Measures Edgewit beside its peers, in one run on one machine, and writes one report.
//!
//! Each section adds tables and comparisons to the report, which is saved after each, so that a
//! fault in one leaves the others be. Peers that cannot be had are left out, with the reason.

mod effort;
mod environment;
mod plot;
mod report;
mod sections;
mod server;
mod setup;
mod sides;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use effort::Effort;
use report::Report;
use sections::{browser, guards, http, many_models, memory, packing, predictions, records, size, start};
use setup::{Setup, step};

/// Measure Edgewit beside its peers; the report is target/bench/report.{md,json,svg}.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only these sections, by commas [default: all but many-models].
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Only these models in the section `predictions`, by commas.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Shorter turns and fewer rounds: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// The long section many-models, too.
    #[arg(long)]
    full: bool,
    /// How many models are many.
    #[arg(long, default_value_t = 1000)]
    many: usize,
}

#[derive(Subcommand)]
enum Part {
    /// A process of the section `memory`.
    #[command(hide = true)]
    Instances { model: PathBuf, cache: PathBuf, count: usize },
}

/// A part of the report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// One prediction inside a process, in every runtime.
    Predictions,
    /// Requests per second beside FastAPI and a bare route.
    Http,
    /// What keys, limits and logs cost of that.
    Guards,
    /// What looking for drift and recording cost of that.
    Records,
    /// Pages in Chromium beside onnxruntime-web.
    Browser,
    /// The time that `edgewit pack` takes.
    Packing,
    /// Packed models over their weights; the predictor.
    Size,
    /// Resident memory of servers and of sandboxes.
    Memory,
    /// Process start to first answer.
    Start,
    /// A thousand models in one host.
    ManyModels,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if let Some(Part::Instances { model, cache, count }) = cli.part {
        memory::instances(&model, &cache, count)?;
        return Ok(ExitCode::SUCCESS);
    }
    let setup = Setup::new(if cli.quick { Effort::quick() } else { Effort::whole() })?;
    let mut report = Report { environment: environment::describe(&setup), ..Report::default() };
    for section in Section::value_variants() {
        let by_default = *section != Section::ManyModels || cli.full;
        if !(cli.only.contains(section) || cli.only.is_empty() && by_default) {
            continue;
        }
        let measured = match section {
            Section::Predictions => predictions::run(&setup, &cli.models, &mut report),
            Section::Http => http::run(&setup, &mut report),
            Section::Guards => guards::run(&setup, &mut report),
            Section::Records => records::run(&setup, &mut report),
            Section::Browser => browser::run(&setup, &mut report),
            Section::Packing => packing::run(&setup, &mut report),
            Section::Size => size::run(&setup, &mut report),
            Section::Memory => memory::run(&setup, &mut report),
            Section::Start => start::run(&setup, &mut report),
            Section::ManyModels => many_models::run(&setup, cli.many, &mut report),
        };
        if let Err(error) = measured {
            step(format!("failed: {error:#}"));
            report.faults.push(format!("{error:#}"));
        }
        report.save(&setup.folder)?;
    }
    println!("{}", report.markdown());
    step(format!("written to {}/report.md, .json and .svg", setup.folder.display()));
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
