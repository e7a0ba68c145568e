//! What flags and environment say, resolved once; inward go only these values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::http::RequestLimits;
use crate::runtime::{EngineConfig, Limits};
use crate::serving::{BatchingConfig, BatchingMode, Isolation};

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
        match &self.cache {
            Some(folder) => Ok(folder.clone()),
            None => Ok(directories::ProjectDirs::from("", "", "edgewit")
                .context("there is no home folder to cache in; give --cache DIR")?
                .cache_dir()
                .to_owned()),
        }
    }
}

/// The flags of `edgewit serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Folder of models: <name>/<version>/model.onnx.
    #[arg(long, env = "EDGEWIT_MODELS", default_value = "models", value_name = "DIR")]
    models: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "EDGEWIT_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Model of requests that name none [default: the only model, else the first by name].
    #[arg(long, env = "EDGEWIT_DEFAULT_MODEL", value_name = "NAME")]
    default_model: Option<String>,
    /// Whether requests share a sandbox.
    #[arg(long, env = "EDGEWIT_ISOLATION", value_enum, default_value_t)]
    isolation: Isolation,
    /// Which models predict requests together, which takes --isolation reuse.
    #[arg(long, env = "EDGEWIT_BATCHING", value_enum, default_value_t)]
    batching: BatchingMode,
    /// Most rows of such a batch, where model.toml does not say.
    #[arg(long, env = "EDGEWIT_BATCH_MAX_SIZE", default_value_t = 32, value_name = "ROWS")]
    batch_max_size: u32,
    /// How long a request waits for others of a batch, in microseconds, where model.toml does not
    /// say; 0 waits for a free thread and no longer.
    #[arg(long, env = "EDGEWIT_BATCH_MAX_DELAY_US", default_value_t = 0, value_name = "US")]
    batch_max_delay_us: u64,
    /// Memory for outputs of models whose model.toml has response_cache = true, in MiB; 0 keeps none.
    #[arg(long, env = "EDGEWIT_RESPONSE_CACHE_MB", default_value_t = 0, value_name = "MIB")]
    response_cache_mb: u64,
    /// Time for one prediction, in milliseconds.
    #[arg(long, env = "EDGEWIT_DEADLINE_MS", default_value_t = 10_000, value_name = "MS")]
    deadline_ms: u64,
    /// Memory of one sandbox, in MiB.
    #[arg(long, env = "EDGEWIT_MEMORY_MB", default_value_t = 512, value_name = "MIB")]
    memory_mb: usize,
    /// Threads that predict [default: one per core].
    #[arg(long, env = "EDGEWIT_WORKERS", value_name = "N")]
    workers: Option<usize>,
    /// Requests that may wait for a thread; one more gets a 503.
    #[arg(long, env = "EDGEWIT_QUEUE", default_value_t = 256, value_name = "N")]
    queue: usize,
    /// Largest request body, in MiB.
    #[arg(long, env = "EDGEWIT_MAX_BODY_MB", default_value_t = 16, value_name = "MIB")]
    max_body_mb: usize,
    /// Most rows in a batch.
    #[arg(long, env = "EDGEWIT_MAX_ROWS", default_value_t = 10_000, value_name = "N")]
    max_rows: usize,
    /// Time for requests in flight after a signal to stop, in seconds.
    #[arg(long, env = "EDGEWIT_DRAIN_SECONDS", default_value_t = 30, value_name = "S")]
    drain_seconds: u64,
    #[command(flatten)]
    cache: CacheArgs,
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// The folder of models.
    pub models: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
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
    /// How long to wait for requests in flight at the end.
    pub drain: Duration,
    /// The cache folder.
    pub cache: PathBuf,
}

impl ServeConfig {
    /// Checks the flags.
    ///
    /// # Errors
    /// The text names the flag and what it takes.
    pub fn new(args: ServeArgs) -> Result<ServeConfig> {
        ensure!(args.models.is_dir(), "--models {}: there is no such folder", args.models.display());
        ensure!(args.deadline_ms > 0, "--deadline-ms must be at least 1");
        ensure!((16..=4096).contains(&args.memory_mb), "--memory-mb must be between 16 and 4096");
        ensure!(args.workers != Some(0), "--workers must be at least 1");
        ensure!(args.queue > 0, "--queue must be at least 1");
        ensure!(
            args.batching == BatchingMode::Manifest || args.isolation == Isolation::Reuse,
            "--batching auto takes --isolation reuse: a batch shares a sandbox"
        );
        ensure!(args.batch_max_size > 1, "--batch-max-size must be at least 2");
        ensure!(args.response_cache_mb <= 1 << 20, "--response-cache-mb must be at most 1048576");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(ServeConfig {
            models: args.models,
            listen: args.listen,
            default_model: args.default_model,
            isolation: args.isolation,
            batching: BatchingConfig {
                mode: args.batching,
                max_size: args.batch_max_size,
                max_delay: Duration::from_micros(args.batch_max_delay_us),
            },
            response_cache: args.response_cache_mb << 20,
            limits: Limits {
                memory: args.memory_mb << 20,
                deadline: Duration::from_millis(args.deadline_ms),
            },
            workers: args.workers.unwrap_or(cores),
            queue: args.queue,
            requests: RequestLimits { body: args.max_body_mb << 20, rows: args.max_rows },
            drain: Duration::from_secs(args.drain_seconds),
            cache: args.cache.folder()?,
        })
    }

    /// An engine with room for every worker in every model, so that a used slot is found again by
    /// the same model, with its pages still mapped.
    pub fn engine(&self, models: usize) -> EngineConfig {
        let pool = (self.workers + 1) * models.max(4);
        EngineConfig { pool: u32::try_from(pool).unwrap_or(u32::MAX), max_memory: self.limits.memory }
    }
}
