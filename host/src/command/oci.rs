//! `edgewit oci push`: a component to a registry of containers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::oci::{Artifact, Registry};

/// Publish components in a registry of containers (OCI), as wkg, Spin and wasmCloud read them.
#[derive(Debug, Args)]
pub(super) struct OciArgs {
    #[command(subcommand)]
    command: OciCommand,
}

#[derive(Debug, Subcommand)]
enum OciCommand {
    Push(PushArgs),
}

/// Push a component, and print its name with its digest, by which it can be signed and pulled.
///
/// The same component has the same digest whenever it is pushed. Credentials are those of `docker login`.
#[derive(Debug, Args)]
struct PushArgs {
    /// A packed model, or any other component.
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// Where to, as registry.example.com/models/churn:1.0.0.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// A note in the manifest, as org.opencontainers.image.source=https://example.com/churn; may be given several times.
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,
    /// Talk to the registry without TLS.
    #[arg(long)]
    plain_http: bool,
}

pub(super) fn run(args: OciArgs) -> Result<ExitCode> {
    let OciCommand::Push(args) = args.command;
    let path = args.component.display();
    let component = std::fs::read(&args.component).with_context(|| path.to_string())?;
    let artifact = Artifact::new(component, args.annotations).with_context(|| path.to_string())?;
    let registry = Registry::of(&args.reference, args.plain_http)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", runtime.block_on(registry.push(artifact))?);
    Ok(ExitCode::SUCCESS)
}

fn annotation(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let pair = pair.ok_or_else(|| format!("expected KEY=VALUE, got `{text}`"))?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}
