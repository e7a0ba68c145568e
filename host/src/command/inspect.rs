//! `edgewit inspect`: what a packed component holds.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use edgewit_core::TensorMetadata;
use serde::Serialize;

use crate::pack::description::{Description, Outline};
use crate::pack::simd::Simd;

/// Show what a packed component holds, without running it.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A packed component.
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    description: Description,
    #[serde(flatten)]
    outline: Outline,
}

pub(super) fn run(args: InspectArgs) -> Result<ExitCode> {
    let path = args.component.display();
    let component = std::fs::read(&args.component).with_context(|| path.to_string())?;
    let read = || -> Result<Report, crate::pack::description::DescriptionError> {
        Ok(Report { description: Description::read(&component)?, outline: Outline::read(&component)? })
    };
    let report = read().with_context(|| path.to_string())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", text(&report)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report) -> Result<String> {
    let model = &report.description.model;
    let outline = &report.outline;
    let mut text = String::new();
    writeln!(text, "model      {} {}", model.name, model.version)?;
    writeln!(text, "sha256     {}", model.digest)?;
    tensors(&mut text, "inputs", &model.inputs)?;
    tensors(&mut text, "outputs", &model.outputs)?;
    let operators = report.description.operators.iter().map(|operator| match &*operator.domain {
        "" => format!("{} x{}", operator.name, operator.nodes),
        domain => format!("{domain}.{} x{}", operator.name, operator.nodes),
    });
    writeln!(text, "operators  {}", operators.collect::<Vec<_>>().join(", "))?;
    let execution = if report.description.interpreted.is_some() { "node by node" } else { "planned" };
    writeln!(text, "execution  {execution}")?;
    let list = |names: &[String]| if names.is_empty() { "none".into() } else { names.join(", ") };
    writeln!(text, "imports    {}", list(&outline.imports))?;
    writeln!(text, "exports    {}", list(&outline.exports))?;
    writeln!(text, "simd       {}", if outline.simd == Simd::Relaxed { "relaxed" } else { "baseline" })?;
    let (bytes, code, data) = (outline.bytes, outline.code_bytes, outline.data_bytes);
    writeln!(text, "size       {bytes} bytes: code {code}, memory image {data}")?;
    Ok(text)
}

fn tensors(text: &mut String, title: &str, tensors: &[TensorMetadata]) -> Result<()> {
    for (ix, tensor) in tensors.iter().enumerate() {
        let title = if ix == 0 { title } else { "" };
        let shape = tensor.shape.iter().map(|axis| if *axis < 0 { "N".into() } else { axis.to_string() });
        let shape = shape.collect::<Vec<_>>().join(", ");
        write!(text, "{title:<10} {} {} [{shape}]", tensor.name, tensor.datatype)?;
        let labels =
            if tensor.labels.is_empty() { String::new() } else { format!(": {}", tensor.labels.join(", ")) };
        writeln!(text, "{labels}")?;
    }
    Ok(())
}
