//! What flags and environment say, resolved once; inward go only these values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::http::RequestLimits;
use crate::runtime::{EngineConfig, Limits};
use crate::serving::Isolation;

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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(ServeConfig {
            models: args.models,
            listen: args.listen,
            default_model: args.default_model,
            isolation: args.isolation,
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
