//! Flags of who may ask, and how much.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::auth::TokenAlgorithm;

#[derive(Debug, Clone, Default, Args, Serialize)]
pub(super) struct AuthFlags {
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
pub(super) struct LimitFlags {
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
pub(super) struct CorsFlags {
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
