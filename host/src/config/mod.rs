//! What a file, the environment and flags say, resolved once; inward go only these values.
//!
//! Steps: [`Loaded`] puts the sources together to [`Settings`]; [`ServeConfig`] checks them.

mod access;
mod flags;
mod load;
mod monitoring;
mod settings;
mod shared;

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::http::Uri;
use clap::Args;

use crate::auth::AuthConfig;
use crate::http::{Address, ConnectionLimits, Cors, RateLimits, RequestLimits, TlsFiles};
use crate::monitor::MonitorConfig;
use crate::runtime::{EngineConfig, Limits};
use crate::serving::{BatchingConfig, BatchingMode, Isolation};
use crate::telemetry::{LogConfig, TraceConfig};

pub use flags::{ServeFlags, named};
pub use load::Loaded;
pub use monitoring::{DriftSettings, RecordConfig, RecordSettings, StoreArgs};
pub use settings::{
    AuthSettings, CacheSettings, CorsSettings, LimitSettings, LogSettings, ModelSettings, RegistrySettings,
    ServerSettings, Settings, TlsSettings, TraceSettings,
};
pub use shared::{Shared, SharedArgs};

/// Where packed components and machine code are kept between runs.
#[derive(Debug, Clone, Args)]
pub struct CacheArgs {
    /// Folder for packed components and compiled code [default: the user's cache folder].
    #[arg(long, env = "EDGEWIT_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl CacheArgs {
    /// The folder.
    ///
    /// # Errors
    /// When none is given and the user has no home.
    pub fn folder(&self) -> Result<PathBuf> {
        cache_folder(self.cache.clone())
    }
}

fn cache_folder(folder: Option<PathBuf>) -> Result<PathBuf> {
    match folder {
        Some(folder) => Ok(folder),
        None => Ok(directories::ProjectDirs::from("", "", "edgewit")
            .context("there is no home folder to cache in; give --cache DIR")?
            .cache_dir()
            .to_owned()),
    }
}

/// Which registry to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// A directory or bucket.
    pub url: String,
    /// How often to look there.
    pub poll: Duration,
    /// Files of the public keys that are trusted.
    pub public_keys: Vec<PathBuf>,
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// The folder of models.
    pub models: PathBuf,
    /// What is served in its place.
    pub registry: Option<RegistryConfig>,
    /// The address to listen on.
    pub listen: Address,
    /// Whether to take the place of a process that listens there.
    pub reuse_port: bool,
    /// What connections are encrypted with.
    pub tls: Option<TlsFiles>,
    /// The model of requests that name none.
    pub default_model: Option<String>,
    /// Whether requests share a sandbox.
    pub isolation: Isolation,
    /// Which requests are put together.
    pub batching: BatchingConfig,
    /// Bytes of outputs that are kept.
    pub response_cache: u64,
    /// What a sandbox may use.
    pub limits: Limits,
    /// Threads that predict.
    pub workers: usize,
    /// Requests that may wait.
    pub queue: usize,
    /// How large a request may be.
    pub requests: RequestLimits,
    /// What connections may take.
    pub connections: ConnectionLimits,
    /// How many it may send.
    pub rates: RateLimits,
    /// Who may ask.
    pub auth: AuthConfig,
    /// From which pages.
    pub cors: Cors,
    /// How long to go on after a signal to stop, for those who ask whether the host is ready.
    pub readiness_delay: Duration,
    /// How long to wait for requests in flight at the end.
    pub drain: Duration,
    /// The cache folder.
    pub cache: PathBuf,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceConfig>,
    /// What is kept of answers, if anything is.
    pub records: Option<RecordConfig>,
    /// How models are watched.
    pub monitor: MonitorConfig,
}

impl ServeConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The text names the setting, what it takes and what came.
    pub fn new(settings: Settings) -> Result<ServeConfig> {
        let Settings {
            server,
            tls,
            models,
            registry,
            limits,
            auth,
            cors,
            cache,
            logs,
            traces,
            records,
            drift,
        } = settings;
        let folder = models.folder.display();
        let served = registry.url.is_some() || models.folder.is_dir();
        check("models.folder", served, || format!("there is no folder {folder}"))?;
        at_least("registry.poll_ms", registry.poll_ms, 10)?;
        at_least("limits.deadline_ms", limits.deadline_ms, 1)?;
        at_least("limits.memory_mb", limits.memory_mb, 16)?;
        at_most("limits.memory_mb", limits.memory_mb, 4096)?;
        at_least("limits.connections", limits.connections, 1)?;
        at_most("limits.connections", limits.connections, 1 << 20)?;
        at_least("limits.header_seconds", limits.header_seconds, 1)?;
        at_least("limits.max_header_kb", limits.max_header_kb, 1)?;
        at_least("server.workers", server.workers.unwrap_or(1), 1)?;
        at_least("server.queue", server.queue, 1)?;
        let shares = models.batching == BatchingMode::Manifest || models.isolation == Isolation::Reuse;
        check("models.batching", shares, || "auto takes --isolation reuse: a batch shares a sandbox".into())?;
        at_least("models.batch_max_size", models.batch_max_size, 2)?;
        at_most("models.response_cache_mb", models.response_cache_mb, 1 << 20)?;
        at_least("limits.request_seconds", limits.request_seconds, 1)?;
        at_least("limits.body_seconds", limits.body_seconds, 1)?;
        at_least("limits.body_min_rate_kb", limits.body_min_rate_kb, 1)?;
        at_most("limits.body_min_rate_kb", limits.body_min_rate_kb, 1 << 20)?;
        let insecure = auth.insecure;
        let auth = access::auth(auth)?;
        check("server.listen", insecure || auth.is_on() || server.listen.is_local(), || {
            let needs = "others reach it, and no key is configured: give --auth-keys, --jwt-key, --jwks-file or --jwks-url";
            format!("{} is not of this machine alone; {needs}, or --insecure", server.listen)
        })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(ServeConfig {
            models: models.folder,
            registry: registry.url.map(|url| RegistryConfig {
                url,
                poll: Duration::from_millis(registry.poll_ms),
                public_keys: registry.public_keys.unwrap_or_default(),
            }),
            listen: server.listen,
            reuse_port: server.reuse_port,
            tls: tls_files(tls)?,
            default_model: models.default,
            isolation: models.isolation,
            batching: BatchingConfig {
                mode: models.batching,
                max_size: models.batch_max_size,
                max_delay: Duration::from_micros(models.batch_max_delay_us),
            },
            response_cache: models.response_cache_mb << 20,
            limits: Limits {
                memory: limits.memory_mb << 20,
                deadline: Duration::from_millis(limits.deadline_ms),
            },
            workers: server.workers.unwrap_or(cores),
            queue: server.queue,
            requests: RequestLimits {
                body: limits.max_body_mb << 20,
                rows: limits.max_rows,
                time: Duration::from_secs(limits.request_seconds),
                body_time: Duration::from_secs(limits.body_seconds),
                body_rate: limits.body_min_rate_kb << 10,
            },
            connections: ConnectionLimits {
                connections: limits.connections,
                header_timeout: Duration::from_secs(limits.header_seconds),
                header_bytes: limits.max_header_kb << 10,
                ..ConnectionLimits::default()
            },
            rates: access::rates(&limits),
            auth,
            cors: access::cors(&cors)?,
            readiness_delay: Duration::from_millis(server.readiness_delay_ms),
            drain: Duration::from_secs(server.drain_seconds),
            cache: cache_folder(cache.folder)?,
            log: log(logs)?,
            traces: traces_to(traces)?,
            records: monitoring::records(records)?,
            monitor: monitoring::drift(&drift)?,
        })
    }

    /// An engine with room for every worker in every model, so that a used slot is found again by
    /// the same model, with its pages still mapped.
    pub fn engine(&self, models: usize) -> EngineConfig {
        let pool = (self.workers + 1) * models.max(4);
        EngineConfig { pool: u32::try_from(pool).unwrap_or(u32::MAX), max_memory: self.limits.memory }
    }
}

fn log(settings: LogSettings) -> Result<LogConfig> {
    let LogSettings { format, level } = settings;
    let expected =
        "expected off, error, warn, info, debug or trace, or a list such as info,edgewit::http=warn";
    match level.parse() {
        Ok(level) => Ok(LogConfig { format, level }),
        Err(_) => bail!("{}: {expected}, got {level:?}", flags::named("logs.level")),
    }
}

fn traces_to(settings: TraceSettings) -> Result<Option<TraceConfig>> {
    let TraceSettings { endpoint, ratio } = settings;
    check("traces.ratio", (0.0..=1.0).contains(&ratio), || format!("expected 0 to 1, got {ratio}"))?;
    let Some(endpoint) = endpoint else { return Ok(None) };
    let uri = endpoint.parse::<Uri>().ok();
    let web =
        uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.path().len() > 1);
    let expected = "expected an address with a path, such as http://127.0.0.1:4318/v1/traces";
    check("traces.endpoint", web, || format!("{expected}, got {endpoint:?}"))?;
    Ok(Some(TraceConfig { endpoint, ratio }))
}

fn tls_files(tls: TlsSettings) -> Result<Option<TlsFiles>> {
    let missing = |setting: &'static str| move || format!("expected a file, as there is {setting}; got none");
    let (certificate, key) = match (tls.certificate, tls.key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (certificate, key) => {
            check("tls.key", certificate.is_none(), missing("tls.certificate"))?;
            check("tls.certificate", key.is_none(), missing("tls.key"))?;
            check("tls.certificate", tls.client_ca.is_none(), missing("tls.client_ca"))?;
            return Ok(None);
        }
    };
    let clients = tls.client_certificates;
    let files = TlsFiles { certificate, key, client_ca: tls.client_ca, clients };
    files.check().context("tls")?;
    Ok(Some(files))
}

/// An error about a setting, unless it `holds`.
fn check(setting: &str, holds: bool, error: impl FnOnce() -> String) -> Result<()> {
    ensure!(holds, "{}: {}", flags::named(setting), error());
    Ok(())
}

fn at_least<T: PartialOrd + Display>(setting: &str, value: T, least: T) -> Result<()> {
    check(setting, value >= least, || format!("expected at least {least}, got {value}"))
}

fn at_most<T: PartialOrd + Display>(setting: &str, value: T, most: T) -> Result<()> {
    check(setting, value <= most, || format!("expected at most {most}, got {value}"))
}
