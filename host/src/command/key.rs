//! `edgewit key`: a key for a caller of `edgewit serve`.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde::Serialize;

use crate::auth::{Scope, new_key};

/// Make an API key for a caller of `edgewit serve`.
///
/// The key goes to standard error, once: it is not kept. Its entry for the file of --auth-keys, which
/// has its SHA-256 alone, goes to standard output: edgewit key shop >> keys.toml
///
/// To change a key, add a second entry of the same name, give the caller the new key, and take the old
/// entry out. The file is read again when it changes.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// Name of the caller, as logs tell it.
    name: String,
    /// What it may do, with commas between.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCOPES", default_value = "predict")]
    scopes: Vec<Scope>,
    /// Models that it may use, with commas between [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    models: Option<Vec<String>>,
    /// Days for which it is good [default: no end].
    #[arg(long, value_name = "N")]
    days: Option<u32>,
}

#[derive(Serialize)]
struct File {
    key: [Entry; 1],
}

#[derive(Serialize)]
struct Entry {
    name: String,
    sha256: String,
    scopes: Vec<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<toml::value::Datetime>,
}

pub(super) fn run(args: KeyArgs) -> Result<ExitCode> {
    let expires = args.days.map(|days| {
        let end = SystemTime::now() + Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        humantime::format_rfc3339_seconds(end).to_string().parse()
    });
    let (key, sha256) = new_key().map_err(|error| anyhow!("cannot make a random key: {error}"))?;
    let KeyArgs { name, scopes, models, .. } = args;
    let entry = Entry { name, sha256, scopes, models, expires: expires.transpose()? };
    print!("{}", toml::to_string(&File { key: [entry] }).context("cannot write the entry")?);
    eprintln!("{key}");
    Ok(ExitCode::SUCCESS)
}
