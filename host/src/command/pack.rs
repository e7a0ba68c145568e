//! `edgewit pack`: models to components.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail, ensure};
use clap::Args;

use super::Workshop;
use crate::config::CacheArgs;
use crate::pack::cache::write;
use crate::pack::pack;
use crate::pack::simd::Simd;
use crate::pack::source::Source;
use crate::progress::Progress;
use crate::runtime::{Limits, Loader};

/// Pack models, each into one WebAssembly component that imports nothing.
#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// A model's folder (models/churn/1, or models/churn for its highest version) or an ONNX file;
    /// several are packed at once, on all cores.
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Where to write the component; of several models the folder [default: <name>-<version>.wasm
    /// in the working folder].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The SIMD instructions that the engines which run the component have.
    #[arg(long, value_enum, default_value_t)]
    simd: Simd,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn run(args: PackArgs) -> Result<ExitCode> {
    let count = args.models.len();
    let several = count > 1;
    if let Some(file) = args.output.as_ref().filter(|output| several && output.is_file()) {
        bail!("--output {}: expected a folder for several models, got a file", file.display());
    }
    let workshop = Workshop::open(&args.cache)?;
    let progress = if several { Progress::count(count as u64) } else { Progress::steps() };
    progress.step("preparing the predictor (compiled once, then cached)".into());
    let predictor = args.simd.predictor();
    let packing = Packing {
        loader: Loader::new(&workshop.engine, &workshop.compiled, &predictor)?,
        output: args.output,
        several,
        taken: Mutex::default(),
    };
    if let [model] = args.models.as_slice() {
        let packed = packing.pack(model, &progress)?;
        drop(progress);
        println!("{packed}");
        return Ok(ExitCode::SUCCESS);
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(count) {
            scope.spawn(|| {
                while let Some(model) = args.models.get(next.fetch_add(1, Relaxed)) {
                    match packing.pack(model, &Progress::silent()) {
                        Ok(packed) => progress.line(&packed),
                        Err(error) => {
                            failed.fetch_add(1, Relaxed);
                            progress.line(&format!("{}: {error:#}", model.display()));
                        }
                    }
                    progress.advance(model.display().to_string());
                }
            });
        }
    });
    drop(progress);
    let failed = failed.into_inner();
    ensure!(failed == 0, "{failed} of {count} models could not be packed");
    Ok(ExitCode::SUCCESS)
}

/// What the models of one command have in common.
struct Packing<'a> {
    loader: Loader<'a>,
    output: Option<PathBuf>,
    /// `output` is a folder.
    several: bool,
    /// The files that are written to.
    taken: Mutex<HashSet<PathBuf>>,
}

impl Packing<'_> {
    /// Packs one model into its file, and says what was made.
    fn pack(&self, model: &Path, progress: &Progress) -> Result<String> {
        let source = Source::read(model)?;
        let file = PathBuf::from(format!("{}-{}.wasm", source.name, source.version));
        let output = match &self.output {
            Some(folder) if self.several => folder.join(file),
            Some(output) => output.clone(),
            None => file,
        };
        let free = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(output.clone());
        ensure!(free, "{} is another model's; give them other names or pack them apart", output.display());
        let component = pack(&self.loader, &source, &Limits::packing(), progress)?;
        write(&output, &component)?;
        let Source { name, version, digest, .. } = &source;
        Ok(format!("{}: {name} {version}, {} bytes, sha256 {digest}", output.display(), component.len()))
    }
}
