//! Flags of what is served: models, where they are published, and what is kept of them.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::serving::{BatchingMode, Isolation};

#[derive(Debug, Clone, Default, Args, Serialize)]
pub(super) struct ModelFlags {
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
pub(super) struct RegistryFlags {
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
pub(super) struct CacheFlags {
    /// Folder for packed components and compiled code [default: the user's cache folder].
    #[arg(id = "cache.folder", long = "cache", env = "EDGEWIT_CACHE", value_name = "DIR")]
    folder: Option<PathBuf>,
}
