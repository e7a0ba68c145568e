//! `edgewit drift`: rows against what a model was trained on.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use edgewit_statistics::drift::{Drift, Limits};

use super::sample::Sample;
use crate::config::{CacheArgs, DriftSettings};
use crate::monitor::{DriftReport, Watched};
use crate::pack::source::Source;

/// Compare rows with what a model was trained on, as a host does with what it is asked; exits with 1 when they differ.
#[derive(Debug, Args)]
pub(super) struct DriftArgs {
    /// Rows with the model's features: .csv with a header, or .parquet; other columns are left out.
    #[arg(value_name = "FILE")]
    data: PathBuf,
    /// The model's folder, with the drift.json that `edgewit baseline` writes.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Least population stability index of a drift.
    #[arg(long, value_name = "INDEX", default_value_t = DriftSettings::default().threshold)]
    threshold: f64,
    /// Largest probability, over all features together, that a drift is chance.
    #[arg(long, value_name = "P", default_value_t = DriftSettings::default().significance)]
    significance: f64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

/// The exact test of two samples takes time in proportion to the product of their sizes.
const MOST: usize = 10_000;

pub(super) fn run(args: DriftArgs) -> Result<ExitCode> {
    let source = Source::read(&args.model)?;
    let missing = || format!("{}: there is no baseline; `edgewit baseline` makes one", args.model.display());
    let baseline = source.baseline.clone().with_context(missing)?;
    let mut sample = Sample::open(&args.data, &source, &args.cache)?;
    let (rows, least) = (sample.len(), DriftSettings::default().min_rows);
    ensure!(rows as u64 >= least, "{}: expected at least {least} rows, got {rows}", args.data.display());
    if rows > MOST {
        eprintln!("of {rows} rows the last {MOST} are compared");
    }
    let mut watched = Watched::new(&baseline, &sample.schema, rows.min(MOST));
    sample.each(|row| watched.push(row))?;
    let limits = Limits { rows: least, index: args.threshold, significance: args.significance };
    let report = watched.report(&source.version, &limits);
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print(&report),
    }
    let drifted = report.features.iter().chain(&report.predictions).any(|column| column.drifted);
    Ok(ExitCode::from(u8::from(drifted)))
}

fn print(report: &DriftReport) {
    println!("{:<32} {:>8}  {:>8}", "column", "psi", "p");
    for Drift { name, psi, test, drifted, unseen, .. } in report.features.iter().chain(&report.predictions) {
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
        let p = number(test.map(|test| test.p_value));
        let unseen =
            if unseen.is_empty() { String::new() } else { format!(", unseen: {}", unseen.join(", ")) };
        let verdict = if *drifted { format!("drifted{unseen}") } else { String::new() };
        println!("{name:<32} {:>8}  {p:>8}  {verdict}", number(*psi));
    }
}
