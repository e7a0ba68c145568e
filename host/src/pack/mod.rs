//! ONNX to component: read the model, load it into a predictor, snapshot, seal.
//!
//! 1. [`source`] finds the ONNX file, the manifest, the name and the version.
//! 2. The predictor parses and optimises the model, in a sandbox.
//! 3. The sandbox's memory becomes the initial memory of a component.
//! 4. [`prune`] takes out what only loading needed.
//! 5. [`seal`] hides `load` and adds a description; the result exports `types` and `predict`
//!    and imports nothing.
//!
//! The same model, manifest and predictor give the same bytes.

pub mod cache;
pub mod description;
mod external;
pub mod prune;
mod seal;
pub mod simd;
pub mod source;

use edgewit_core::manifest::ManifestError;
use edgewit_core::{ModelMetadata, RowSchema};

use crate::progress::Progress;
use crate::runtime::{self, Execution, Identity, Instance, Limits, Loader, Report};
use description::{Description, DescriptionError};
use source::{Source, SourceError};

/// The predictor component that a model is loaded into. Built with this binary. A static: a constant
/// would be in the binary once for each use.
pub static PREDICTOR: &[u8] = include_bytes!(env!("EDGEWIT_PREDICTOR"));

/// The SHA-256 of [`PREDICTOR`].
const PREDICTOR_DIGEST: &str = env!("EDGEWIT_PREDICTOR_DIGEST");

/// Why a model cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The files are not what a model consists of.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The model cannot run.
    #[error("{model}: {}", refusal(.report))]
    Refused {
        /// The ONNX file.
        model: String,
        /// Why not: its refused nodes, or its fault.
        report: Box<Report>,
    },
    /// The model cannot be loaded.
    #[error("{model}: {error}")]
    Load {
        /// The ONNX file.
        model: String,
        /// What the predictor said.
        error: runtime::Error,
    },
    /// The manifest does not fit the model.
    #[error("{model}: model.toml does not fit the model: {error}")]
    Manifest {
        /// The ONNX file.
        model: String,
        /// The first place where it does not fit.
        error: ManifestError,
    },
    /// The snapshot could not be taken.
    #[error("snapshot: {0}")]
    Snapshot(runtime::Error),
    /// The packed component could not be compiled.
    #[error("compiling: {0}")]
    Compile(runtime::Error),
    /// The snapshot could not be wrapped.
    #[error("seal: {0}")]
    Seal(String),
    /// The description could not be added or read.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A packed file could not be written or read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
}

/// A model in a sandbox, not packed: what `verify` runs.
pub struct Loaded {
    /// The sandbox.
    pub instance: Instance,
    /// The model's own description.
    pub metadata: ModelMetadata,
    /// How rows become its inputs; an error text for a model that cannot be asked by rows.
    pub rows: Result<RowSchema, String>,
    /// Its operators, and whether it is planned or interpreted.
    pub report: Report,
}

/// Loads the model of `source` into a sandbox and holds its manifest against it.
///
/// # Errors
/// [`PackError::Refused`] naming every unsupported node, [`PackError::Load`], [`PackError::Manifest`].
pub fn load(loader: &Loader, source: &Source, limits: &Limits) -> Result<Loaded, PackError> {
    let model = || source.model_path.display().to_string();
    let fault = |error| PackError::Load { model: model(), error };
    let identity = identity(source)?;
    let report = check(loader, source, limits)?;
    let planned = match &report.execution {
        Some(execution) => matches!(execution, Execution::Planned),
        None => return Err(PackError::Refused { model: model(), report: Box::new(report) }),
    };
    let loaded = loader.load(&source.model, &source.external, &identity, planned, limits);
    let mut instance = loaded.map_err(fault)?;
    let metadata = instance.metadata().map_err(fault)?;
    metadata
        .manifest
        .check(&metadata.inputs, &metadata.outputs)
        .map_err(|error| PackError::Manifest { model: model(), error })?;
    let rows = RowSchema::new(&metadata).map_err(|error| error.to_string());
    Ok(Loaded { instance, metadata, rows, report })
}

fn identity(source: &Source) -> Result<Identity, SourceError> {
    Ok(Identity {
        name: source.name.clone(),
        version: source.version.clone(),
        digest: source.digest.clone(),
        manifest: source.manifest.to_json().map_err(SourceError::Json)?,
    })
}

/// Why the model of `report` cannot run, in words.
fn refusal(report: &Report) -> String {
    let fault = report.fault.iter().cloned();
    if report.refusals.is_empty() {
        return fault.collect();
    }
    let nodes = report.refusals.iter().map(|refusal| {
        let dot = if refusal.domain.is_empty() { "" } else { "." };
        let operator = format!("{}{dot}{}", refusal.domain, refusal.operator);
        let advice = refusal.advice.iter().map(|advice| format!("; {advice}")).collect::<String>();
        format!("\n  node `{}`: {operator}: {}{advice}", refusal.node, refusal.reason)
    });
    let nodes = nodes.collect::<String>();
    let refused = format!("{} of the model's nodes cannot run:{nodes}", report.refusals.len());
    std::iter::once(refused).chain(fault).collect::<Vec<_>>().join("\n  ")
}

/// Says whether and how the model of `source` would run.
///
/// # Errors
/// [`PackError::Load`] for a file that is not ONNX, or a fault of the sandbox.
pub fn check(loader: &Loader, source: &Source, limits: &Limits) -> Result<Report, PackError> {
    loader
        .check(&source.model, &source.external, limits)
        .map_err(|error| PackError::Load { model: source.model_path.display().to_string(), error })
}

/// Packs the model of `source` and returns the component's bytes.
///
/// # Errors
/// As [`load`], or when the snapshot cannot be taken.
pub fn pack(
    loader: &Loader,
    source: &Source,
    limits: &Limits,
    progress: &Progress,
) -> Result<Vec<u8>, PackError> {
    assemble(loader, source, limits, progress, true)
}

/// As [`pack`]; only if `pruned` without what loading needed.
fn assemble(
    loader: &Loader,
    source: &Source,
    limits: &Limits,
    progress: &Progress,
    pruned: bool,
) -> Result<Vec<u8>, PackError> {
    progress.step(format!(
        "{} {}: loading {} bytes of ONNX",
        source.name,
        source.version,
        source.model.len()
    ));
    let Loaded { instance, metadata, report, .. } = load(loader, source, limits)?;
    progress.step(format!("{} {}: taking the snapshot", source.name, source.version));
    let planned = matches!(report.execution, Some(Execution::Planned));
    let identity = identity(source)?;
    let snapshot = loader
        .load_again(instance, &source.model, &source.external, &identity, planned, limits)
        .and_then(|mut instance| {
            let prunes = pruned && !loader.plans_when_run(&mut instance)?;
            let snapshot = loader.snapshot(instance)?;
            if prunes { prune::prune(&snapshot) } else { Ok(snapshot) }
        })
        .map_err(PackError::Snapshot)?;
    progress.step(format!("{} {}: sealing", source.name, source.version));
    let mut component = seal::seal(snapshot).map_err(|error| PackError::Seal(format!("{error:#}")))?;
    Description::new(metadata, report).append_to(&mut component)?;
    Ok(component)
}
