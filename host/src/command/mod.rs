//! The command line: one file for each command, each a thin layer over the library.

mod check;
mod config;
mod inspect;
mod key;
mod loading;
mod pack;
mod predict;
mod serve;
mod verify;

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
    Serve(serve::ServeCommand),
    Config(config::ConfigArgs),
    Key(key::KeyArgs),
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
            Command::Serve(args) => serve::run(args),
            Command::Config(args) => config::run(args),
            Command::Key(args) => key::run(args),
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
