//! Every setting of `edgewit serve` by section, with its default: what a configuration file may hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::serving::{BatchingMode, Isolation};
use crate::telemetry::LogFormat;

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the host listens, and with how many threads it computes.
    pub server: ServerSettings,
    /// Which models it serves, and how.
    pub models: ModelSettings,
    /// What a request may be and take.
    pub limits: LimitSettings,
    /// What is kept between runs.
    pub cache: CacheSettings,
    /// What is logged.
    pub logs: LogSettings,
    /// What is traced.
    pub traces: TraceSettings,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that predict; one per core where it is not given.
    pub workers: Option<usize>,
    /// Requests that may wait for a thread.
    pub queue: usize,
    /// Time for requests in flight after a signal to stop, in seconds.
    pub drain_seconds: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        ServerSettings { listen, workers: None, queue: 256, drain_seconds: 30 }
    }
}

/// `[models]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// Folder of models.
    pub folder: PathBuf,
    /// Model of requests that name none; the first by name where it is not given.
    pub default: Option<String>,
    /// Whether requests share a sandbox.
    pub isolation: Isolation,
    /// Which models predict requests together.
    pub batching: BatchingMode,
    /// Most rows of such a batch.
    pub batch_max_size: u32,
    /// How long a request waits for others of a batch, in microseconds.
    pub batch_max_delay_us: u64,
    /// Memory for outputs that are kept, in MiB.
    pub response_cache_mb: u64,
}

impl Default for ModelSettings {
    fn default() -> Self {
        ModelSettings {
            folder: "models".into(),
            default: None,
            isolation: Isolation::default(),
            batching: BatchingMode::default(),
            batch_max_size: 32,
            batch_max_delay_us: 0,
            response_cache_mb: 0,
        }
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Time for one prediction, in milliseconds.
    pub deadline_ms: u64,
    /// Memory of one sandbox, in MiB.
    pub memory_mb: usize,
    /// Largest request body, in MiB.
    pub max_body_mb: usize,
    /// Most rows in a batch.
    pub max_rows: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        LimitSettings { deadline_ms: 10_000, memory_mb: 512, max_body_mb: 16, max_rows: 10_000 }
    }
}

/// `[cache]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// Folder for packed components and compiled code; the user's cache folder where it is not given.
    pub folder: Option<PathBuf>,
}

/// `[logs]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// The least level, for all or by module.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings { format: LogFormat::default(), level: "info".into() }
    }
}

/// `[traces]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceSettings {
    /// Where spans are sent by OTLP over HTTP; nowhere where it is not given.
    pub endpoint: Option<String>,
    /// The part of requests that is traced, of those whose caller does not decide.
    pub ratio: f64,
}

impl Default for TraceSettings {
    fn default() -> Self {
        TraceSettings { endpoint: None, ratio: 1.0 }
    }
}
