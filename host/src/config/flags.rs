//! The flags of `edgewit serve` and their environment variables: each setting of a file, by the same section and key.
//!
//! A flag that is not given is left out when the flags are written as a table, which is then laid over that of the
//! file. An argument's id is the path of its setting.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::monitoring::{DriftFlags, RecordFlags};
use crate::auth::TokenAlgorithm;
use crate::http::{Address, ClientCertificates};
use crate::serving::{BatchingMode, Isolation};
use crate::telemetry::LogFormat;

/// The flags of `edgewit serve`.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct ServeFlags {
    /// File of settings [default: edgewit.toml in the working folder, where there is one].
    #[arg(long, env = "EDGEWIT_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    models: ModelFlags,
    #[command(flatten)]
    registry: RegistryFlags,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    auth: AuthFlags,
    #[command(flatten)]
    cors: CorsFlags,
    #[command(flatten)]
    cache: CacheFlags,
    #[command(flatten)]
    logs: LogFlags,
    #[command(flatten)]
    traces: TraceFlags,
    #[command(flatten)]
    records: RecordFlags,
    #[command(flatten)]
    drift: DriftFlags,
}

impl ServeFlags {
    /// No flag but the file.
    pub fn of_file(config: Option<PathBuf>) -> ServeFlags {
        ServeFlags { config, ..ServeFlags::default() }
    }
}

/// A setting as errors name it: its path and, where it has one, its flag.
pub fn named(path: &str) -> String {
    let command = ServeFlags::augment_args(clap::Command::new("serve"));
    let flag = command.get_arguments().find(|argument| argument.get_id() == path);
    match flag.and_then(clap::Arg::get_long) {
        Some(flag) => format!("{path} (--{flag})"),
        None => path.to_owned(),
    }
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct ModelFlags {
    /// Folder of models: <name>/<version>/model.onnx [default: models].
    #[arg(id = "models.folder", long = "models", env = "EDGEWIT_MODELS", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Model of requests that name none [default: the only model, else the first by name].
    #[arg(id = "models.default", long = "default-model", env = "EDGEWIT_DEFAULT_MODEL", value_name = "NAME")]
    default: Option<String>,
    /// Whether requests share a sandbox [default: request].
    #[arg(
        id = "models.isolation",
        long = "isolation",
        env = "EDGEWIT_ISOLATION",
        value_enum,
        value_name = "ISOLATION"
    )]
    isolation: Option<Isolation>,
    /// Which models predict requests together, which takes --isolation reuse [default: manifest].
    #[arg(
        id = "models.batching",
        long = "batching",
        env = "EDGEWIT_BATCHING",
        value_enum,
        value_name = "MODE"
    )]
    batching: Option<BatchingMode>,
    /// Most rows of such a batch, where model.toml does not say [default: 32].
    #[arg(
        id = "models.batch_max_size",
        long = "batch-max-size",
        env = "EDGEWIT_BATCH_MAX_SIZE",
        value_name = "ROWS"
    )]
    batch_max_size: Option<u32>,
    /// How long a request waits for others of a batch, in microseconds, where model.toml does not
    /// say; 0 waits for a free thread and no longer [default: 0].
    #[arg(
        id = "models.batch_max_delay_us",
        long = "batch-max-delay-us",
        env = "EDGEWIT_BATCH_MAX_DELAY_US",
        value_name = "US"
    )]
    batch_max_delay_us: Option<u64>,
    /// Memory for outputs of models whose model.toml has response_cache = true, in MiB; 0 keeps
    /// none [default: 0].
    #[arg(
        id = "models.response_cache_mb",
        long = "response-cache-mb",
        env = "EDGEWIT_RESPONSE_CACHE_MB",
        value_name = "MIB"
    )]
    response_cache_mb: Option<u64>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct RegistryFlags {
    /// Directory or bucket (s3://, gs://, az://) of published versions, which is served in place of the folder
    /// [default: none].
    #[arg(id = "registry.url", long = "registry", env = "EDGEWIT_REGISTRY", value_name = "URL")]
    url: Option<String>,
    /// How often the host looks there, in milliseconds [default: 500].
    #[arg(
        id = "registry.poll_ms",
        long = "registry-poll-ms",
        env = "EDGEWIT_REGISTRY_POLL_MS",
        value_name = "MS"
    )]
    poll_ms: Option<u64>,
    /// Files of public keys, with commas between them, by one of which versions must be signed [default: none].
    #[arg(
        id = "registry.public_keys",
        long = "registry-public-keys",
        env = "EDGEWIT_REGISTRY_PUBLIC_KEYS",
        value_name = "FILES",
        value_delimiter = ','
    )]
    public_keys: Option<Vec<PathBuf>>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct ServerFlags {
    /// Address to listen on, or unix: and a path; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(id = "server.listen", long = "listen", env = "EDGEWIT_LISTEN", value_name = "ADDR")]
    listen: Option<Address>,
    /// Take the place of a process that listens there, once the models are loaded [default: false].
    #[arg(
        id = "server.reuse_port",
        long = "reuse-port",
        env = "EDGEWIT_REUSE_PORT",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    reuse_port: Option<bool>,
    /// Threads that predict [default: one per core].
    #[arg(id = "server.workers", long = "workers", env = "EDGEWIT_WORKERS", value_name = "N")]
    workers: Option<usize>,
    /// Requests that may wait for a thread; one more gets a 503 [default: 256].
    #[arg(id = "server.queue", long = "queue", env = "EDGEWIT_QUEUE", value_name = "N")]
    queue: Option<usize>,
    /// Time from a signal to stop, when the host is no longer ready, to when it accepts no connection,
    /// in milliseconds [default: 0].
    #[arg(
        id = "server.readiness_delay_ms",
        long = "readiness-delay-ms",
        env = "EDGEWIT_READINESS_DELAY_MS",
        value_name = "MS"
    )]
    readiness_delay_ms: Option<u64>,
    /// Time for requests in flight after that, in seconds [default: 30].
    #[arg(
        id = "server.drain_seconds",
        long = "drain-seconds",
        env = "EDGEWIT_DRAIN_SECONDS",
        value_name = "S"
    )]
    drain_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct TlsFlags {
    /// File of the certificate and those that vouch for it, as PEM [default: none, and no HTTPS].
    #[arg(
        id = "tls.certificate",
        long = "tls-certificate",
        env = "EDGEWIT_TLS_CERTIFICATE",
        value_name = "FILE"
    )]
    certificate: Option<PathBuf>,
    /// File of its key, as PEM [default: none].
    #[arg(id = "tls.key", long = "tls-key", env = "EDGEWIT_TLS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// File of the authorities of clients' certificates, as PEM [default: none, and clients are asked for none].
    #[arg(id = "tls.client_ca", long = "tls-client-ca", env = "EDGEWIT_TLS_CLIENT_CA", value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Whether a client must have a certificate of theirs [default: required].
    #[arg(
        id = "tls.client_certificates",
        long = "tls-client-certificates",
        env = "EDGEWIT_TLS_CLIENT_CERTIFICATES",
        value_enum,
        value_name = "WHETHER"
    )]
    client_certificates: Option<ClientCertificates>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct LimitFlags {
    /// Time for one prediction, in milliseconds [default: 10000].
    #[arg(id = "limits.deadline_ms", long = "deadline-ms", env = "EDGEWIT_DEADLINE_MS", value_name = "MS")]
    deadline_ms: Option<u64>,
    /// Memory of one sandbox, in MiB [default: 512].
    #[arg(id = "limits.memory_mb", long = "memory-mb", env = "EDGEWIT_MEMORY_MB", value_name = "MIB")]
    memory_mb: Option<usize>,
    /// Largest request body, in MiB [default: 16].
    #[arg(id = "limits.max_body_mb", long = "max-body-mb", env = "EDGEWIT_MAX_BODY_MB", value_name = "MIB")]
    max_body_mb: Option<usize>,
    /// Most rows in a batch [default: 10000].
    #[arg(id = "limits.max_rows", long = "max-rows", env = "EDGEWIT_MAX_ROWS", value_name = "N")]
    max_rows: Option<usize>,
    /// Time for a request, from its head to its answer, in seconds [default: 60].
    #[arg(
        id = "limits.request_seconds",
        long = "request-seconds",
        env = "EDGEWIT_REQUEST_SECONDS",
        value_name = "S"
    )]
    request_seconds: Option<u64>,
    /// Time for a body, in seconds; a longer one must come at --body-min-rate-kb [default: 10].
    #[arg(id = "limits.body_seconds", long = "body-seconds", env = "EDGEWIT_BODY_SECONDS", value_name = "S")]
    body_seconds: Option<u64>,
    /// Least rate of a body after that time, in KiB a second [default: 16].
    #[arg(
        id = "limits.body_min_rate_kb",
        long = "body-min-rate-kb",
        env = "EDGEWIT_BODY_MIN_RATE_KB",
        value_name = "KIB"
    )]
    body_min_rate_kb: Option<u32>,
    /// Connections at a time; more wait to be accepted [default: 8192].
    #[arg(id = "limits.connections", long = "connections", env = "EDGEWIT_CONNECTIONS", value_name = "N")]
    connections: Option<usize>,
    /// Time for a TLS handshake, for the head of a request, and between two requests of a connection,
    /// in seconds [default: 30].
    #[arg(
        id = "limits.header_seconds",
        long = "header-seconds",
        env = "EDGEWIT_HEADER_SECONDS",
        value_name = "S"
    )]
    header_seconds: Option<u64>,
    /// Largest head of a request, in KiB [default: 64].
    #[arg(
        id = "limits.max_header_kb",
        long = "max-header-kb",
        env = "EDGEWIT_MAX_HEADER_KB",
        value_name = "KIB"
    )]
    max_header_kb: Option<usize>,
    /// Requests a second of one caller that is known by its key; 0 sets no limit [default: 0].
    #[arg(
        id = "limits.principal_rate",
        long = "principal-rate",
        env = "EDGEWIT_PRINCIPAL_RATE",
        value_name = "N"
    )]
    principal_rate: Option<u32>,
    /// Requests at once of such a caller; 0 takes as many as in a second [default: 0].
    #[arg(
        id = "limits.principal_burst",
        long = "principal-burst",
        env = "EDGEWIT_PRINCIPAL_BURST",
        value_name = "N"
    )]
    principal_burst: Option<u32>,
    /// Requests a second of one address; 0 sets no limit [default: 0].
    #[arg(id = "limits.address_rate", long = "address-rate", env = "EDGEWIT_ADDRESS_RATE", value_name = "N")]
    address_rate: Option<u32>,
    /// Requests at once of one address; 0 takes as many as in a second [default: 0].
    #[arg(
        id = "limits.address_burst",
        long = "address-burst",
        env = "EDGEWIT_ADDRESS_BURST",
        value_name = "N"
    )]
    address_burst: Option<u32>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct AuthFlags {
    /// File of API keys, as `edgewit key` makes them; the variable EDGEWIT_API_KEYS may hold its text
    /// instead [default: none].
    #[arg(id = "auth.keys_file", long = "auth-keys", env = "EDGEWIT_AUTH_KEYS", value_name = "FILE")]
    keys_file: Option<PathBuf>,
    /// How tokens are signed with the key of --jwt-key [default: none].
    #[arg(
        id = "auth.jwt_algorithm",
        long = "jwt-algorithm",
        env = "EDGEWIT_JWT_ALGORITHM",
        value_name = "ALGORITHM",
        value_enum
    )]
    jwt_algorithm: Option<TokenAlgorithm>,
    /// File with the public key (PEM) or the secret of tokens [default: none].
    #[arg(id = "auth.jwt_key_file", long = "jwt-key", env = "EDGEWIT_JWT_KEY", value_name = "FILE")]
    jwt_key_file: Option<PathBuf>,
    /// File with a set of public keys of tokens (JWKS) [default: none].
    #[arg(id = "auth.jwks_file", long = "jwks-file", env = "EDGEWIT_JWKS_FILE", value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// Address of such a set [default: none].
    #[arg(id = "auth.jwks_url", long = "jwks-url", env = "EDGEWIT_JWKS_URL", value_name = "URL")]
    jwks_url: Option<String>,
    /// How long the answer of that address is good for, in seconds [default: 300].
    #[arg(
        id = "auth.jwks_refresh_seconds",
        long = "jwks-refresh-seconds",
        env = "EDGEWIT_JWKS_REFRESH_SECONDS",
        value_name = "S"
    )]
    jwks_refresh_seconds: Option<u64>,
    /// For whom a token must be (aud) [default: none].
    #[arg(
        id = "auth.jwt_audience",
        long = "jwt-audience",
        env = "EDGEWIT_JWT_AUDIENCE",
        value_name = "TEXT"
    )]
    jwt_audience: Option<String>,
    /// By whom a token must be (iss) [default: anybody with the key].
    #[arg(id = "auth.jwt_issuer", long = "jwt-issuer", env = "EDGEWIT_JWT_ISSUER", value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// How far the clocks of issuer and host may differ, in seconds [default: 30].
    #[arg(
        id = "auth.jwt_leeway_seconds",
        long = "jwt-leeway-seconds",
        env = "EDGEWIT_JWT_LEEWAY_SECONDS",
        value_name = "S"
    )]
    jwt_leeway_seconds: Option<u64>,
    /// Listen beyond this machine without asking for a key [default: false].
    #[arg(
        id = "auth.insecure",
        long = "insecure",
        env = "EDGEWIT_INSECURE",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    insecure: Option<bool>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct CorsFlags {
    /// Origins whose pages may ask, as https://example.com, with commas between them [default: none].
    #[arg(
        id = "cors.origins",
        long = "cors-origins",
        env = "EDGEWIT_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    origins: Option<Vec<String>>,
    /// How long a browser may remember that, in seconds [default: 600].
    #[arg(
        id = "cors.max_age_seconds",
        long = "cors-max-age-seconds",
        env = "EDGEWIT_CORS_MAX_AGE_SECONDS",
        value_name = "S"
    )]
    max_age_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct CacheFlags {
    /// Folder for packed components and compiled code [default: the user's cache folder].
    #[arg(id = "cache.folder", long = "cache", env = "EDGEWIT_CACHE", value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct LogFlags {
    /// Form of a line of the log: JSON, pretty, or by whether it goes to a terminal [default: auto].
    #[arg(
        id = "logs.format",
        long = "log-format",
        env = "EDGEWIT_LOG_FORMAT",
        value_enum,
        value_name = "FORMAT"
    )]
    format: Option<LogFormat>,
    /// Least level that is logged: off, error, warn, info, debug, trace, also by module, as
    /// info,edgewit::http=warn [default: info].
    #[arg(id = "logs.level", long = "log-level", env = "EDGEWIT_LOG_LEVEL", value_name = "LEVEL")]
    level: Option<String>,
}

#[derive(Debug, Clone, Default, Args, Serialize)]
struct TraceFlags {
    /// Address that takes traces by OTLP over HTTP, as http://127.0.0.1:4318/v1/traces [default:
    /// none].
    #[arg(
        id = "traces.endpoint",
        long = "trace-endpoint",
        env = "EDGEWIT_TRACE_ENDPOINT",
        value_name = "URL"
    )]
    endpoint: Option<String>,
    /// Part of requests that is traced, of those whose caller does not decide [default: 1.0].
    #[arg(id = "traces.ratio", long = "trace-ratio", env = "EDGEWIT_TRACE_RATIO", value_name = "PART")]
    ratio: Option<f64>,
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::config::Settings;

    /// The arguments, but for the file itself: their paths, and the defaults that their help tells.
    fn told() -> Vec<(String, Option<String>)> {
        let command = ServeFlags::augment_args(Command::new("serve"));
        let arguments = command.get_arguments().filter(|argument| argument.get_id() != "config");
        arguments
            .map(|argument| {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let default = help.split_once("[default: ").and_then(|(_, text)| text.split_once(']'));
                (argument.get_id().to_string(), default.map(|(text, _)| text.to_owned()))
            })
            .collect()
    }

    #[test]
    fn help_tells_the_defaults() {
        let settings = toml::Table::try_from(Settings::default()).unwrap();
        for (path, default) in told() {
            let (section, key) = path.split_once('.').unwrap();
            let value = settings.get(section).and_then(|section| section.get(key)).map(|value| match value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            // A setting without a default is left out of the table, and its help says what is done then.
            assert!(value.is_none() || value == default, "{path} is {value:?}, its help says {default:?}");
            assert!(default.is_some(), "the help of {path} tells no default");
        }
    }

    #[test]
    fn every_flag_is_a_setting() {
        for (path, _) in told() {
            let (section, key) = path.split_once('.').unwrap();
            let text = format!("[{section}]\n{key} = []");
            let error =
                toml::from_str::<Settings>(&text).map_or_else(|error| error.to_string(), |_| String::new());
            assert!(!error.contains("unknown field"), "{path}: {error}");
        }
    }
}
