//! `edgewit report`: a page about a model in use.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::Args;

use super::export::days_ago;
use super::wait_for;
use crate::config::StoreArgs;
use crate::monitor::Performance;
use crate::pack::source::{self, Source};
use crate::report::{Facts, html};
use crate::telemetry::Telemetry;

/// Make a page about a model in use: drift, quality, latency. One HTML file that needs no network.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The model.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Folder of models, for their baselines.
    #[arg(long, env = "EDGEWIT_MODELS", value_name = "DIR", default_value = "models")]
    models: PathBuf,
    /// Of the last so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u32,
    /// File to write.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: ReportArgs) -> Result<ExitCode> {
    let mut baselines = HashMap::new();
    for folder in source::versions(&args.models)? {
        if source::name(&folder)? == args.model {
            let source = Source::read(&folder)?;
            baselines.extend(source.baseline.map(|baseline| (source.version, baseline)));
        }
    }
    let facts = wait_for(async {
        let limits = args.store.limits()?;
        let (store, _) = args.store.clone().open().await?;
        let reach = Duration::from_secs(24 * 3600) * args.days;
        let performance = Performance::new(store.clone(), reach, Arc::new(Telemetry::new()));
        let since = days_ago(args.days)?;
        let facts = Facts::gather(&store, &performance, &args.model, since, limits, &baselines).await?;
        store.close().await;
        Ok(facts)
    })?;
    let now = humantime::format_rfc3339_seconds(SystemTime::now())
        .to_string()
        .replace('T', " ")
        .replace('Z', " UTC");
    std::fs::write(&args.output, html(&facts, &now)).with_context(|| args.output.display().to_string())?;
    println!("{}", args.output.display());
    Ok(ExitCode::SUCCESS)
}
