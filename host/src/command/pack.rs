//! `edgewit pack`: a model to a component.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Workshop;
use crate::config::CacheArgs;
use crate::pack::cache::write;
use crate::pack::pack;
use crate::pack::simd::Simd;
use crate::pack::source::Source;
use crate::progress::Progress;
use crate::runtime::{Limits, Loader};

/// Pack a model into one WebAssembly component that imports nothing.
#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// A model's folder (models/churn/1, or models/churn for its highest version) or an ONNX file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Where to write the component [default: <name>-<version>.wasm].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The SIMD instructions that the engines which run the component have.
    #[arg(long, value_enum, default_value_t)]
    simd: Simd,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn run(args: PackArgs) -> Result<ExitCode> {
    let source = Source::read(&args.model)?;
    let workshop = Workshop::open(&args.cache)?;
    let progress = Progress::steps();
    progress.step("preparing the predictor (compiled once, then cached)".into());
    let predictor = args.simd.predictor();
    let loader = Loader::new(&workshop.engine, &workshop.compiled, &predictor)?;
    let component = pack(&loader, &source, &Limits::packing(), &progress)?;
    let output = args.output.unwrap_or_else(|| format!("{}-{}.wasm", source.name, source.version).into());
    write(&output, &component)?;
    drop(progress);
    println!(
        "{}: {} {}, {} bytes, sha256 {}",
        output.display(),
        source.name,
        source.version,
        component.len(),
        source.digest
    );
    Ok(ExitCode::SUCCESS)
}
