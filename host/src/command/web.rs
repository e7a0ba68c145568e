//! `edgewit web`: a packed model as a folder for any web server.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::pack::cache::write;
use crate::web::{Origin, site};

/// Make a folder for browsers of a packed model: a page that predicts without a network, and an ES module.
#[derive(Debug, Args)]
pub(super) struct WebArgs {
    /// A packed component.
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// The folder to write; files of an earlier run in it are overwritten.
    #[arg(short, long, value_name = "FOLDER", default_value = "dist")]
    output: PathBuf,
}

pub(super) fn run(args: WebArgs) -> Result<ExitCode> {
    let path = args.component.display();
    let component = std::fs::read(&args.component).with_context(|| path.to_string())?;
    let output = args.output.display();
    ensure!(!args.output.is_file(), "--output {output}: expected a folder, got a file");
    let files = site(&component, Origin::Files).with_context(|| path.to_string())?;
    for file in &files {
        write(&args.output.join(&file.path), &file.bytes)?;
    }
    let bytes = files.iter().map(|file| file.bytes.len()).sum::<usize>();
    println!("{output}: {} files, {bytes} bytes; any web server can serve it, for example", files.len());
    println!("python3 -m http.server --bind 127.0.0.1 --directory {output}");
    Ok(ExitCode::SUCCESS)
}
