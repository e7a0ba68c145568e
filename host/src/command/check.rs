//! `edgewit check`: can this model run, and if not, why.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::Workshop;
use crate::config::CacheArgs;
use crate::pack::source::Source;
use crate::pack::{self, PREDICTOR};
use crate::progress::Progress;
use crate::runtime::{Execution, Limits, Loader, Report};

/// Say whether a model can run, and what to change where it cannot.
///
/// Shows opsets, operators with their counts, every node that is not supported with the reason, and
/// whether the model is planned when it is packed or interpreted node by node. Exits 1 if it cannot
/// run.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A model's folder or an ONNX file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn run(args: CheckArgs) -> Result<ExitCode> {
    let source = Source::read(&args.model)?;
    let workshop = Workshop::open(&args.cache)?;
    let progress = Progress::steps();
    progress.step("preparing the predictor (compiled once, then cached)".into());
    let loader = Loader::new(&workshop.engine, &workshop.compiled, PREDICTOR)?;
    progress.step(format!("{} {}: checking", source.name, source.version));
    let report = pack::check(&loader, &source, &Limits::packing())?;
    drop(progress);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&to_json(&source, &report))?);
    } else {
        print!("{}", text(&source, &report)?);
    }
    Ok(if report.execution.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(source: &Source, report: &Report) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "model      {}", source.model_path.display())?;
    let opsets = report.opsets.iter().map(|opset| format!("{} {}", domain(&opset.domain), opset.version));
    writeln!(text, "opsets     {}", opsets.collect::<Vec<_>>().join(", "))?;
    writeln!(text, "operators  {} in {} nodes", report.operators.len(), nodes(report))?;
    for operator in most_used(report) {
        writeln!(text, "  {:>6} x {}", operator.nodes, qualified(&operator.domain, &operator.name))?;
    }
    for refusal in &report.refusals {
        let operator = qualified(&refusal.domain, &refusal.operator);
        writeln!(text, "refused    node `{}`: {operator}: {}", refusal.node, refusal.reason)?;
        if let Some(advice) = &refusal.advice {
            writeln!(text, "           {advice}")?;
        }
    }
    if let Some(fault) = &report.fault {
        writeln!(text, "refused    {fault}")?;
    }
    let verdict = match &report.execution {
        Some(Execution::Planned) => "it runs: planned when it is packed".into(),
        Some(Execution::Interpreted(reason)) => format!(
            "it runs, node by node: slower than a plan, which it cannot have, for shapes depend on values\n           \
             ({reason})"
        ),
        None => "it cannot run".to_owned(),
    };
    writeln!(text, "verdict    {verdict}")?;
    Ok(text)
}

fn to_json(source: &Source, report: &Report) -> Value {
    let (execution, interpreted) = match &report.execution {
        Some(Execution::Planned) => (Some("planned"), None),
        Some(Execution::Interpreted(reason)) => (Some("interpreted"), Some(reason)),
        None => (None, None),
    };
    json!({
        "model": source.model_path,
        "sha256": source.digest,
        "runs": execution.is_some(),
        "execution": execution,
        "interpreted_because": interpreted,
        "fault": report.fault,
        "opsets": report.opsets.iter().map(|opset| json!({
            "domain": domain(&opset.domain), "version": opset.version,
        })).collect::<Vec<_>>(),
        "operators": most_used(report).iter().map(|operator| json!({
            "domain": domain(&operator.domain), "name": operator.name, "nodes": operator.nodes,
        })).collect::<Vec<_>>(),
        "refused": report.refusals.iter().map(|refusal| json!({
            "node": refusal.node, "domain": domain(&refusal.domain), "operator": refusal.operator,
            "reason": refusal.reason, "advice": refusal.advice,
        })).collect::<Vec<_>>(),
    })
}

fn nodes(report: &Report) -> u32 {
    report.operators.iter().map(|operator| operator.nodes).sum()
}

fn most_used(report: &Report) -> Vec<&crate::runtime::Operator> {
    let mut operators = report.operators.iter().collect::<Vec<_>>();
    operators.sort_by(|a, b| b.nodes.cmp(&a.nodes).then_with(|| a.name.cmp(&b.name)));
    operators
}

fn domain(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

fn qualified(domain: &str, operator: &str) -> String {
    if domain.is_empty() { operator.into() } else { format!("{domain}.{operator}") }
}
