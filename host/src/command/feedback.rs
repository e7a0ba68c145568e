//! `edgewit feedback`: true labels from a CSV file into the store of records.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;

use super::wait_for;
use crate::config::StoreArgs;
use crate::records::{Label, Recording, Store};

/// Store the truth about predictions, from a CSV file with a header.
///
/// A line names its prediction by the id of the request (and the row, of a batch), or by the business key that
/// records.key is. Of several predictions with one key it is the last.
#[derive(Debug, Args)]
pub(super) struct FeedbackArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    labels: PathBuf,
    /// The model that was asked.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Column with the true class or value.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    label: String,
    /// Column with the ids of requests.
    #[arg(long, value_name = "COLUMN", default_value = "request_id")]
    request_id: String,
    /// Column with the rows of requests, counted from 0; where there is none, it is the first.
    #[arg(long, value_name = "COLUMN", default_value = "row")]
    row: String,
    /// Column with business keys, in place of ids.
    #[arg(long, value_name = "COLUMN", conflicts_with = "request_id")]
    key: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Labels of one transaction.
const CHUNK: usize = 1000;

pub(super) fn run(args: FeedbackArgs) -> Result<ExitCode> {
    let path = args.labels.display().to_string();
    let text = std::fs::read(&args.labels).with_context(|| path.clone())?;
    let (stored, unknown) = wait_for(import(args, &text)).with_context(|| path.clone())?;
    println!("{stored} labels stored");
    if unknown > 0 {
        println!("{unknown} keys that no prediction has");
    }
    Ok(ExitCode::SUCCESS)
}

async fn import(args: FeedbackArgs, text: &[u8]) -> Result<(usize, usize)> {
    let (store, recording) = args.store.clone().open().await?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = reader.headers()?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| place(name).with_context(|| format!("there is no column {name}"));
    let label = needed(&args.label)?;
    let id = needed(args.key.as_deref().unwrap_or(&args.request_id))?;
    let row = place(&args.row);
    let (mut labels, mut stored, mut unknown) = (vec![], 0, 0);
    for record in reader.records() {
        let record = record?;
        let cell = |ix: usize| record.get(ix).unwrap_or_default().to_owned();
        let named = match &args.key {
            Some(_) => of_key(&store, &recording, &args.model, &cell(id)).await?,
            None => {
                let text = row.map(cell).filter(|text| !text.is_empty()).unwrap_or_else(|| "0".into());
                let row =
                    text.parse().with_context(|| format!("{}: expected a number, got {text}", args.row))?;
                Some((cell(id), row))
            }
        };
        match named {
            Some((request_id, row)) => labels.push(Label { request_id, row, label: cell(label) }),
            None => unknown += 1,
        }
        if labels.len() == CHUNK {
            stored += write(&store, &args.model, &mut labels).await?;
        }
    }
    stored += write(&store, &args.model, &mut labels).await?;
    store.close().await;
    Ok((stored, unknown))
}

async fn of_key(
    store: &Store,
    recording: &Recording,
    model: &str,
    key: &str,
) -> Result<Option<(String, i64)>> {
    Ok(store.last_of_key(model, &recording.stored_key(key)).await?)
}

async fn write(store: &Store, model: &str, labels: &mut Vec<Label>) -> Result<usize> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    store.label(model, labels, i64::try_from(now.as_micros())?).await?;
    Ok(std::mem::take(labels).len())
}
