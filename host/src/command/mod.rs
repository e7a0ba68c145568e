//! The command line: one file for each command, each a thin layer over the library.

mod backup;
mod baseline;
mod check;
mod config;
mod drift;
mod export;
mod feedback;
mod health;
mod inspect;
mod key;
mod loading;
mod oci;
mod pack;
mod predict;
mod registry;
mod releases;
mod report;
mod sample;
mod serve;
mod verify;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::config::CacheArgs;
use crate::runtime::{CompileCache, Engine, EngineConfig};

/// ONNX in, one WebAssembly component out; the same file predicts on Spin, here, and in a browser.
#[derive(Debug, Parser)]
#[command(name = "edgewit", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Pack(pack::PackArgs),
    Inspect(inspect::InspectArgs),
    Predict(predict::PredictArgs),
    Verify(verify::VerifyArgs),
    Web(web::WebArgs),
    Serve(serve::ServeCommand),
    Health(health::HealthArgs),
    Config(config::ConfigArgs),
    Key(key::KeyArgs),
    Push(registry::PushArgs),
    Pull(registry::PullArgs),
    List(registry::ListArgs),
    Diff(registry::DiffArgs),
    Deploy(releases::DeployArgs),
    Promote(releases::PromoteArgs),
    Rollback(releases::RollbackArgs),
    Status(releases::StatusArgs),
    Oci(oci::OciArgs),
    Baseline(baseline::BaselineArgs),
    Drift(drift::DriftArgs),
    Feedback(feedback::FeedbackArgs),
    Export(export::ExportArgs),
    Report(report::ReportArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
}

impl Cli {
    /// Runs the command and says how the process should end.
    ///
    /// # Errors
    /// Whatever the command could not do, with its context.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Check(args) => check::run(args),
            Command::Pack(args) => pack::run(args),
            Command::Inspect(args) => inspect::run(args),
            Command::Predict(args) => predict::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Web(args) => web::run(args),
            Command::Serve(args) => serve::run(args),
            Command::Health(args) => health::run(args),
            Command::Config(args) => config::run(args),
            Command::Key(args) => key::run(args),
            Command::Push(args) => registry::push(args),
            Command::Pull(args) => registry::pull(args),
            Command::List(args) => registry::list(args),
            Command::Diff(args) => registry::diff(args),
            Command::Deploy(args) => releases::deploy(args),
            Command::Promote(args) => releases::promote(args),
            Command::Rollback(args) => releases::rollback(args),
            Command::Status(args) => releases::status(args),
            Command::Oci(args) => oci::run(args),
            Command::Baseline(args) => baseline::run(args),
            Command::Drift(args) => drift::run(args),
            Command::Feedback(args) => feedback::run(args),
            Command::Export(args) => export::run(args),
            Command::Report(args) => report::run(args),
            Command::Backup(args) => backup::backup(args),
            Command::Restore(args) => backup::restore(args),
        }
    }
}

/// What the one-off commands share: an engine without a pool, and the compile cache.
struct Workshop {
    engine: Engine,
    compiled: CompileCache,
}

impl Workshop {
    fn open(cache: &CacheArgs) -> Result<Workshop> {
        let folder = cache.folder()?;
        Ok(Workshop {
            engine: Engine::new(&EngineConfig::default())?,
            compiled: CompileCache::open(&folder.join("compiled"))?,
        })
    }
}

/// Runs what waits for a store, without threads of its own.
fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
