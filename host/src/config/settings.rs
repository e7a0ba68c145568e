//! Every setting of `edgewit serve` by section, with its default: what a configuration file may hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::monitoring::{DriftSettings, RecordSettings};
use crate::auth::TokenAlgorithm;
use crate::http::{Address, ClientCertificates};
use crate::serving::{BatchingMode, Isolation};
use crate::telemetry::LogFormat;

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the host listens, and with how many threads it computes.
    pub server: ServerSettings,
    /// How connections are encrypted.
    pub tls: TlsSettings,
    /// Which models it serves, and how.
    pub models: ModelSettings,
    /// Where their versions are published and released.
    pub registry: RegistrySettings,
    /// What a request may be and take.
    pub limits: LimitSettings,
    /// Who may ask.
    pub auth: AuthSettings,
    /// From pages of which origins.
    pub cors: CorsSettings,
    /// What is kept between runs.
    pub cache: CacheSettings,
    /// What is logged.
    pub logs: LogSettings,
    /// What is traced.
    pub traces: TraceSettings,
    /// What is kept of answers.
    pub records: RecordSettings,
    /// From when on data have drifted.
    pub drift: DriftSettings,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address to listen on, or unix: and a path; port 0 takes a free one.
    pub listen: Address,
    /// Whether a process takes the place of one that listens there, once its models are loaded.
    pub reuse_port: bool,
    /// Threads that predict; one per core where it is not given.
    pub workers: Option<usize>,
    /// Requests that may wait for a thread.
    pub queue: usize,
    /// Time from a signal to stop, when the host is no longer ready, to when it accepts no connection, in milliseconds.
    pub readiness_delay_ms: u64,
    /// Time for requests in flight after that, in seconds.
    pub drain_seconds: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        ServerSettings {
            listen: Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            reuse_port: false,
            workers: None,
            queue: 256,
            readiness_delay_ms: 0,
            drain_seconds: 30,
        }
    }
}

/// `[tls]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// File of the certificate and those that vouch for it, as PEM; HTTPS is served where it is given.
    pub certificate: Option<PathBuf>,
    /// File of its key, as PEM.
    pub key: Option<PathBuf>,
    /// File of the authorities of clients' certificates, as PEM; clients are asked for none where it is not given.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must have a certificate of theirs.
    pub client_certificates: ClientCertificates,
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

/// `[registry]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrySettings {
    /// A directory or bucket, which is served in place of the folder of models where it is given.
    pub url: Option<String>,
    /// How often the host looks there, in milliseconds.
    pub poll_ms: u64,
    /// Files of public keys (PEM); with any, versions must be signed by one of them.
    pub public_keys: Option<Vec<PathBuf>>,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        RegistrySettings { url: None, poll_ms: 500, public_keys: None }
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
    /// Time for a request, from its head to its answer, in seconds.
    pub request_seconds: u64,
    /// Time for a body, in seconds; a longer one must come at the rate of the next setting.
    pub body_seconds: u64,
    /// Least rate of a body after that time, in KiB a second.
    pub body_min_rate_kb: u32,
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Time for a TLS handshake, for the head of a request, and between two requests of a connection, in seconds.
    pub header_seconds: u64,
    /// Largest head of a request, in KiB.
    pub max_header_kb: usize,
    /// Requests a second of one caller that is known; 0 sets no limit.
    pub principal_rate: u32,
    /// Requests at once of such a caller; 0 takes as many as in a second.
    pub principal_burst: u32,
    /// Requests a second of one address; 0 sets no limit.
    pub address_rate: u32,
    /// Requests at once of one address; 0 takes as many as in a second.
    pub address_burst: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        LimitSettings {
            deadline_ms: 10_000,
            memory_mb: 512,
            max_body_mb: 16,
            max_rows: 10_000,
            request_seconds: 60,
            body_seconds: 10,
            body_min_rate_kb: 16,
            connections: 8192,
            header_seconds: 30,
            max_header_kb: 64,
            principal_rate: 0,
            principal_burst: 0,
            address_rate: 0,
            address_burst: 0,
        }
    }
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// File of API keys, as `edgewit key` makes them.
    pub keys_file: Option<PathBuf>,
    /// Algorithm of the key in `jwt_key_file`.
    pub jwt_algorithm: Option<TokenAlgorithm>,
    /// File with the public key (PEM) or the secret of tokens.
    pub jwt_key_file: Option<PathBuf>,
    /// File with a set of public keys of tokens.
    pub jwks_file: Option<PathBuf>,
    /// Address of such a set.
    pub jwks_url: Option<String>,
    /// How long the answer of that address is good for, in seconds.
    pub jwks_refresh_seconds: u64,
    /// For whom a token must be (`aud`).
    pub jwt_audience: Option<String>,
    /// By whom a token must be (`iss`), where that is asked for.
    pub jwt_issuer: Option<String>,
    /// How far the clocks of issuer and host may differ, in seconds.
    pub jwt_leeway_seconds: u64,
    /// Whether to listen beyond this machine without asking for a key.
    pub insecure: bool,
}

impl Default for AuthSettings {
    fn default() -> Self {
        AuthSettings {
            keys_file: None,
            jwt_algorithm: None,
            jwt_key_file: None,
            jwks_file: None,
            jwks_url: None,
            jwks_refresh_seconds: 300,
            jwt_audience: None,
            jwt_issuer: None,
            jwt_leeway_seconds: 30,
            insecure: false,
        }
    }
}

/// `[cors]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsSettings {
    /// Origins whose pages may ask, as `https://example.com`.
    pub origins: Option<Vec<String>>,
    /// How long a browser may remember that, in seconds.
    pub max_age_seconds: u64,
}

impl Default for CorsSettings {
    fn default() -> Self {
        CorsSettings { origins: None, max_age_seconds: 600 }
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
