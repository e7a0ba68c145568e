//! Flags of the process: where it listens, and what it tells of itself.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::http::{Address, ClientCertificates};
use crate::telemetry::LogFormat;

#[derive(Debug, Clone, Default, Args, Serialize)]
pub(super) struct ServerFlags {
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
pub(super) struct TlsFlags {
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
pub(super) struct LogFlags {
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
pub(super) struct TraceFlags {
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
