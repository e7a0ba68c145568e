//! `edgewit export`: records and labels as a Parquet file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;

use super::wait_for;
use crate::config::StoreArgs;
use crate::records::{Selection, export};

/// Write recorded predictions, with the labels that are known, to a Parquet file.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// File to write.
    #[arg(long, value_name = "FILE", default_value = "records.parquet")]
    output: PathBuf,
    /// Of this model only.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Of this version of it only.
    #[arg(long, value_name = "VERSION", requires = "model")]
    version: Option<String>,
    /// Of the last so many days only.
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
    /// Only those whose truth is known.
    #[arg(long)]
    labelled: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: ExportArgs) -> Result<ExitCode> {
    let count = wait_for(async {
        let (store, _) = args.store.clone().open().await?;
        let select = Selection {
            model: args.model.as_deref(),
            version: args.version.as_deref(),
            since: args.days.map(days_ago).transpose()?.unwrap_or(0),
            until: i64::MAX,
            labelled: args.labelled,
            most: i64::MAX,
        };
        let count = export(&store, &select, &args.output).await?;
        store.close().await;
        Ok(count)
    })?;
    println!("{}: {count} predictions", args.output.display());
    Ok(ExitCode::SUCCESS)
}

/// In microseconds since 1970.
pub(super) fn days_ago(days: u32) -> Result<i64> {
    let then =
        SystemTime::now().checked_sub(Duration::from_secs(24 * 3600) * days).context("days: too many")?;
    Ok(i64::try_from(then.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros())?)
}
