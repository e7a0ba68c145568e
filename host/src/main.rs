//! The `edgewit` command: parses, dispatches, chooses the exit code.

use std::process::ExitCode;

use clap::Parser;
use edgewit::command::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("edgewit: {error:#}");
            ExitCode::FAILURE
        }
    }
}
