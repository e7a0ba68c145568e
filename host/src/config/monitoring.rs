//! The settings of what is kept of answers and how models are watched: their flags, and their checks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use edgewit_statistics::drift::Limits;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::{Loaded, ServeFlags, at_least, at_most, check};
use crate::monitor::MonitorConfig;
use crate::records::{Column, Recording, Store};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// `[records]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordSettings {
    /// File of SQLite, or address of PostgreSQL; nothing is recorded where it is not given.
    pub store: Option<String>,
    /// The part of requests that is recorded.
    pub sample: f64,
    /// Requests that may wait to be written.
    pub queue: usize,
    /// Days that records are kept; 0 keeps them.
    pub retention_days: u64,
    /// What is recorded of a request; everything where it is not given.
    pub columns: Option<Vec<Column>>,
    /// Features and fields that are not.
    pub omit: Option<Vec<String>>,
    /// Fields that are passed through and recorded as a keyed digest.
    pub hash: Option<Vec<String>>,
    /// File with the key of that.
    pub hash_key_file: Option<PathBuf>,
    /// Field that is passed through and by which feedback may name a prediction.
    pub key: Option<String>,
    /// Whether an answer is given only when its record is stored.
    pub confirm: bool,
    /// Days of predictions that quality is measured on.
    pub quality_days: u64,
}

impl Default for RecordSettings {
    fn default() -> Self {
        RecordSettings {
            store: None,
            sample: 1.0,
            queue: 10_000,
            retention_days: 90,
            columns: None,
            omit: None,
            hash: None,
            hash_key_file: None,
            key: None,
            confirm: false,
            quality_days: 30,
        }
    }
}

/// `[drift]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DriftSettings {
    /// Rows that are compared with the baseline: the last ones.
    pub window: usize,
    /// Least rows that are judged.
    pub min_rows: u64,
    /// Least population stability index of a drift.
    pub threshold: f64,
    /// Largest probability, over all features together, that a drift is chance.
    pub significance: f64,
    /// Between two updates of the metrics of drift and quality, in seconds.
    pub interval_seconds: u64,
}

impl Default for DriftSettings {
    fn default() -> Self {
        DriftSettings {
            window: 2000,
            min_rows: 200,
            threshold: 0.2,
            significance: 0.01,
            interval_seconds: 15,
        }
    }
}

#[derive(Debug, Clone, Default, Args, Serialize)]
pub(super) struct RecordFlags {
    /// File of SQLite, or postgres:// and so on, that predictions are recorded in [default: none].
    #[arg(id = "records.store", long = "records-store", env = "EDGEWIT_RECORDS_STORE", value_name = "STORE")]
    store: Option<String>,
    /// Part of requests that is recorded [default: 1.0].
    #[arg(
        id = "records.sample",
        long = "records-sample",
        env = "EDGEWIT_RECORDS_SAMPLE",
        value_name = "PART"
    )]
    sample: Option<f64>,
    /// Requests that may wait to be written; one more is not recorded, and counted [default: 10000].
    #[arg(id = "records.queue", long = "records-queue", env = "EDGEWIT_RECORDS_QUEUE", value_name = "N")]
    queue: Option<usize>,
    /// Days that records are kept; 0 keeps them [default: 90].
    #[arg(
        id = "records.retention_days",
        long = "records-retention-days",
        env = "EDGEWIT_RECORDS_RETENTION_DAYS",
        value_name = "DAYS"
    )]
    retention_days: Option<u64>,
    /// What is recorded of a request, with commas between [default: all].
    #[arg(
        id = "records.columns",
        long = "records-columns",
        env = "EDGEWIT_RECORDS_COLUMNS",
        value_enum,
        value_name = "COLUMNS",
        value_delimiter = ','
    )]
    columns: Option<Vec<Column>>,
    /// Features and fields that are not recorded, with commas between them [default: none].
    #[arg(
        id = "records.omit",
        long = "records-omit",
        env = "EDGEWIT_RECORDS_OMIT",
        value_name = "FIELDS",
        value_delimiter = ','
    )]
    omit: Option<Vec<String>>,
    /// Fields that are passed through and recorded as a keyed digest (HMAC-SHA256) [default: none].
    #[arg(
        id = "records.hash",
        long = "records-hash",
        env = "EDGEWIT_RECORDS_HASH",
        value_name = "FIELDS",
        value_delimiter = ','
    )]
    hash: Option<Vec<String>>,
    /// File with the key of that [default: none].
    #[arg(
        id = "records.hash_key_file",
        long = "records-hash-key",
        env = "EDGEWIT_RECORDS_HASH_KEY",
        value_name = "FILE"
    )]
    hash_key_file: Option<PathBuf>,
    /// Field that is passed through and by which feedback may name a prediction [default: none].
    #[arg(id = "records.key", long = "records-key", env = "EDGEWIT_RECORDS_KEY", value_name = "FIELD")]
    key: Option<String>,
    /// Answer only when the record is stored, unless the store is down [default: false].
    #[arg(
        id = "records.confirm",
        long = "records-confirm",
        env = "EDGEWIT_RECORDS_CONFIRM",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    confirm: Option<bool>,
    /// Days of predictions that quality is measured on [default: 30].
    #[arg(
        id = "records.quality_days",
        long = "quality-days",
        env = "EDGEWIT_QUALITY_DAYS",
        value_name = "DAYS"
    )]
    quality_days: Option<u64>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
pub(super) struct DriftFlags {
    /// Rows that are compared with a model's baseline: the last ones [default: 2000].
    #[arg(id = "drift.window", long = "drift-window", env = "EDGEWIT_DRIFT_WINDOW", value_name = "ROWS")]
    window: Option<usize>,
    /// Least rows that are judged [default: 200].
    #[arg(
        id = "drift.min_rows",
        long = "drift-min-rows",
        env = "EDGEWIT_DRIFT_MIN_ROWS",
        value_name = "ROWS"
    )]
    min_rows: Option<u64>,
    /// Least population stability index of a drift [default: 0.2].
    #[arg(
        id = "drift.threshold",
        long = "drift-threshold",
        env = "EDGEWIT_DRIFT_THRESHOLD",
        value_name = "INDEX"
    )]
    threshold: Option<f64>,
    /// Largest probability, over all features together, that a drift is chance [default: 0.01].
    #[arg(
        id = "drift.significance",
        long = "drift-significance",
        env = "EDGEWIT_DRIFT_SIGNIFICANCE",
        value_name = "P"
    )]
    significance: Option<f64>,
    /// Time between two updates of the metrics of drift and quality, in seconds [default: 15].
    #[arg(
        id = "drift.interval_seconds",
        long = "drift-interval-seconds",
        env = "EDGEWIT_DRIFT_INTERVAL_SECONDS",
        value_name = "S"
    )]
    interval_seconds: Option<u64>,
}

/// The store that a command reads or writes.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// File of settings, of which [records] is read [default: edgewit.toml in the working folder, where there is one].
    #[arg(long, env = "EDGEWIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// File of SQLite, or postgres:// and so on [default: records.store of the settings].
    #[arg(long, env = "EDGEWIT_RECORDS_STORE", value_name = "STORE")]
    records_store: Option<String>,
}

impl StoreArgs {
    /// From when on the settings call a difference a drift.
    ///
    /// # Errors
    /// When they have a mistake.
    pub fn limits(&self) -> Result<Limits> {
        let settings = Loaded::new(&ServeFlags::of_file(self.config.clone()))?.settings;
        Ok(drift(&settings.drift)?.limits)
    }

    /// The store, its tables up to date, and what its records hold.
    ///
    /// # Errors
    /// When none is named, or it is not there.
    pub async fn open(self) -> Result<(Store, Recording)> {
        let mut settings = Loaded::new(&ServeFlags::of_file(self.config))?.settings.records;
        settings.store = self.records_store.or(settings.store);
        let address = settings
            .store
            .as_ref()
            .context("no store is named; give --records-store, or a file of settings")?;
        let store = Store::new(address)?;
        store.prepare().await.with_context(|| format!("{} cannot be opened", redacted(address)))?;
        Ok((store, recording(settings)?))
    }
}

/// An address without what may be a password.
fn redacted(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, place)| place)
}

/// What is kept of answers.
#[derive(Clone)]
pub struct RecordConfig {
    /// Where: a file's path, or an address of PostgreSQL.
    pub store: String,
    /// What.
    pub recording: Arc<Recording>,
    /// Requests that may wait to be written.
    pub queue: usize,
    /// How long.
    pub retention: Option<Duration>,
    /// Whether an answer is given only when its record is stored.
    pub confirm: bool,
    /// How far back quality is measured.
    pub quality: Duration,
}

impl std::fmt::Debug for RecordConfig {
    /// The address may hold a password, and the recording holds a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordConfig").finish_non_exhaustive()
    }
}

/// What is recorded, if anything is.
pub(super) fn records(settings: RecordSettings) -> Result<Option<RecordConfig>> {
    let sample = settings.sample;
    check("records.sample", (0.0..=1.0).contains(&sample), || format!("expected 0 to 1, got {sample}"))?;
    at_least("records.queue", settings.queue, 1)?;
    at_most("records.queue", settings.queue, 10_000_000)?;
    at_most("records.retention_days", settings.retention_days, 36_500)?;
    at_least("records.quality_days", settings.quality_days, 1)?;
    at_most("records.quality_days", settings.quality_days, 36_500)?;
    let Some(address) = &settings.store else {
        let missing = || "expected records.store, too; got none".into();
        check("records.confirm", !settings.confirm, missing)?;
        return Ok(None);
    };
    Store::check(address).context("records.store (--records-store)")?;
    let store = address.clone();
    let (queue, confirm) = (settings.queue, settings.confirm);
    let retention = (settings.retention_days > 0).then(|| DAY * settings.retention_days as u32);
    let quality = DAY * settings.quality_days as u32;
    Ok(Some(RecordConfig {
        store,
        recording: Arc::new(recording(settings)?),
        queue,
        retention,
        confirm,
        quality,
    }))
}

/// What a record holds.
///
/// # Errors
/// When fields are to be hashed and there is no key, or too short a one.
fn recording(settings: RecordSettings) -> Result<Recording> {
    let hash = settings.hash.unwrap_or_default();
    let secret = match &settings.hash_key_file {
        Some(file) => {
            Some(std::fs::read(file).with_context(|| format!("records.hash_key_file: {}", file.display()))?)
        }
        None => None,
    };
    let needs = || format!("expected a file with a key, as {} is hashed; got none", hash.join(", "));
    check("records.hash_key_file", hash.is_empty() || secret.is_some(), needs)?;
    let length = secret.as_ref().map_or(usize::MAX, |secret| secret.trim_ascii_end().len());
    check("records.hash_key_file", length >= 16, || format!("expected at least 16 bytes, got {length}"))?;
    let key = |secret: Vec<u8>| hmac::Key::new(hmac::HMAC_SHA256, secret.trim_ascii_end());
    let all = <Column as clap::ValueEnum>::value_variants();
    Ok(Recording {
        sample: settings.sample,
        columns: settings.columns.unwrap_or_else(|| all.to_vec()).into_iter().collect(),
        omit: settings.omit.unwrap_or_default().into_iter().collect(),
        hash: hash.into_iter().collect(),
        secret: secret.map(key),
        key: settings.key,
    })
}

/// How models are watched.
pub(super) fn drift(settings: &DriftSettings) -> Result<MonitorConfig> {
    at_least("drift.window", settings.window, 10)?;
    // The exact test of two samples takes time in proportion to the product of their sizes.
    at_most("drift.window", settings.window, 10_000)?;
    let rows = settings.min_rows;
    check("drift.min_rows", rows <= settings.window as u64, || {
        format!("expected at most drift.window, {}, got {rows}", settings.window)
    })?;
    let DriftSettings { threshold, significance, .. } = *settings;
    check("drift.threshold", threshold >= 0.0, || format!("expected at least 0, got {threshold}"))?;
    let part = (0.0..=1.0).contains(&significance);
    check("drift.significance", part, || format!("expected 0 to 1, got {significance}"))?;
    at_least("drift.interval_seconds", settings.interval_seconds, 1)?;
    Ok(MonitorConfig {
        window: settings.window,
        limits: Limits { rows, index: threshold, significance },
        interval: Duration::from_secs(settings.interval_seconds),
    })
}
