//! `edgewit config`: what `edgewit serve` would run with.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::config::{Loaded, ServeConfig, ServeFlags};

/// Check or show the settings that `edgewit serve` would run with.
///
/// They come from a file (edgewit.toml), over it from the environment (EDGEWIT_*), and over that
/// from flags.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check them all, as `edgewit serve` does before it starts; takes the same flags.
    Check(ServeFlags),
    /// Print them as a file of settings, defaults included; takes the same flags.
    Show(ServeFlags),
}

pub(super) fn run(args: ConfigArgs) -> Result<ExitCode> {
    let (ConfigCommand::Check(flags) | ConfigCommand::Show(flags)) = &args.command;
    let loaded = Loaded::new(flags)?;
    let from = match &loaded.file {
        Some(file) => format!("{}, the environment and flags", file.display()),
        None => "the environment and flags; there is no edgewit.toml here".into(),
    };
    loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    match args.command {
        ConfigCommand::Check(_) => {
            ServeConfig::new(loaded.settings)?;
            println!("ok: {from}");
        }
        ConfigCommand::Show(_) => {
            print!("# From {from}.\n\n{}", toml::to_string_pretty(&loaded.settings)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
