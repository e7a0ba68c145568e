//! `edgewit verify`: golden cases through the sandbox.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::Result;
use clap::Args;
use edgewit_core::RowSchema;
use serde::Serialize;
use serde_json::json;

use super::Workshop;
use crate::config::CacheArgs;
use crate::golden::{self, Subject, Tolerance, Verdict};
use crate::pack;
use crate::pack::simd::Simd;
use crate::pack::source::Source;
use crate::progress::Progress;
use crate::runtime::{Limits, Loader, Program};

/// Pack a model, run its golden cases in the sandbox and compare.
///
/// What runs is what Spin or a page would: the packed model, of which nothing is kept.
///
/// A folder may hold golden/*.json (rows with expected answers), or ONNX's own layout
/// (model.onnx with test_data_set_*/input_*.pb and output_*.pb), or both. Exits 1 if a case fails.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Models' folders; any number.
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// Absolute tolerance [default: the case's own, 1e-7 for ONNX's layout].
    #[arg(long, value_name = "X")]
    atol: Option<f64>,
    /// Relative tolerance [default: 0 for rows, 1e-3 for ONNX's layout].
    #[arg(long, value_name = "X")]
    rtol: Option<f64>,
    /// Print JSON: the counts, and each case with the reason if it failed.
    #[arg(long)]
    json: bool,
    /// The SIMD instructions to run with.
    #[arg(long, value_enum, default_value_t)]
    simd: Simd,
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Serialize)]
struct Outcome {
    case: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

pub(super) fn run(args: VerifyArgs) -> Result<ExitCode> {
    let workshop = Workshop::open(&args.cache)?;
    let progress = Progress::count(args.models.len() as u64);
    let predictor = args.simd.predictor();
    let loader = Loader::new(&workshop.engine, &workshop.compiled, &predictor)?;
    let tolerance = Tolerance { absolute: args.atol, relative: args.rtol };

    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![]);
    let work = || {
        while let Some(folder) = args.models.get(next.fetch_add(1, Relaxed)) {
            let verdicts = verify(&workshop, &loader, folder, tolerance);
            let mut outcomes = outcomes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            for (case, verdict) in verdicts {
                let failed = verdict.err();
                if let Some(reason) = failed.as_ref().filter(|_| !args.json) {
                    progress.line(&format!("FAILED {case}: {reason}"));
                }
                outcomes.push(Outcome { case, failed });
            }
            progress.advance(folder.display().to_string());
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(args.models.len());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    drop(progress);

    let mut outcomes = outcomes.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let failed = outcomes.iter().filter(|outcome| outcome.failed.is_some()).count();
    let passed = outcomes.len() - failed;
    if args.json {
        outcomes.sort_by(|a, b| a.case.cmp(&b.case));
        println!("{}", json!({"passed": passed, "failed": failed, "cases": outcomes}));
    } else {
        println!("{passed} passed, {failed} failed");
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A model that cannot be loaded, or has no case, is one failed case.
fn verify(workshop: &Workshop, loader: &Loader, folder: &Path, tolerance: Tolerance) -> Vec<Verdict> {
    let run = || -> Result<Vec<Verdict>, String> {
        let source = Source::read(folder).map_err(text)?;
        let limits = Limits::packing();
        let component = pack::pack(loader, &source, &limits, &Progress::silent()).map_err(text)?;
        let program = Program::once(&workshop.engine, &workshop.compiled, &component);
        let mut instance = program.and_then(|program| program.instantiate(&limits)).map_err(text)?;
        drop(component);
        let metadata = instance.metadata().map_err(text)?;
        let rows = RowSchema::new(&metadata).map_err(text);
        let rows = rows.as_ref().map_err(Clone::clone);
        let mut subject = Subject { instance: &mut instance, metadata: &metadata, rows };
        golden::run(&source.folder, &mut subject, tolerance)
    };
    let alone = |reason| vec![(folder.display().to_string(), Err(reason))];
    match run() {
        Ok(verdicts) if verdicts.is_empty() => alone("there are no golden cases".into()),
        Ok(verdicts) => verdicts,
        Err(reason) => alone(reason),
    }
}
