//! What the benchmarks share: models packed and compiled, ready to be instantiated.

use std::path::Path;

use anyhow::{Context, Result};
use edgewit::pack::cache::ModelCache;
use edgewit::pack::source::Source;
use edgewit::pack::{PREDICTOR, pack};
use edgewit::progress::Progress;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Limits, Loader, Program};
use edgewit_core::rows::Rows;
use edgewit_core::{RowSchema, Tensor};
use serde_json::{Map, Value};

/// Rows by feature name, as requests carry them.
pub type NamedRows = Vec<Map<String, Value>>;

/// What `edgewit serve` allows a sandbox by default.
pub fn limits() -> Limits {
    Limits { memory: 512 << 20, ..Limits::default() }
}

/// The packed form of the model at `path`; machine code is kept in `cache`.
///
/// # Errors
/// When it cannot be packed.
pub fn packed(path: &Path, cache: &Path) -> Result<Vec<u8>> {
    let engine = Engine::new(&EngineConfig::default())?;
    let loader = Loader::new(&engine, &CompileCache::open(&cache.join("compiled"))?, PREDICTOR)?;
    Ok(pack(&loader, &Source::read(path)?, &Limits::packing(), &Progress::silent())?)
}

/// The model at `path` as `edgewit serve` would hold it, with room for `pool` sandboxes.
///
/// # Errors
/// When it cannot be packed or compiled.
pub fn program(path: &Path, cache: &Path, pool: u32) -> Result<Program> {
    let engine = Engine::new(&EngineConfig { pool, max_memory: limits().memory })?;
    let compiled = CompileCache::open(&cache.join("compiled"))?;
    Ok(ModelCache::new(&engine, &compiled).program(&Source::read(path)?, &Progress::silent())?)
}

/// A row with the answer that is right.
pub struct Golden {
    /// The row by feature name.
    pub row: Map<String, Value>,
    /// The probability of each class.
    pub probability: Vec<f64>,
}

/// The golden cases of `models/<name>/1`.
///
/// # Errors
/// When there are none.
pub fn golden(models: &Path, name: &str) -> Result<Vec<Golden>> {
    let path = models.join(name).join("1/golden/cases.json");
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let file: Value = serde_json::from_slice(&text)?;
    let cases = file["cases"].as_array().context("golden cases are a list")?.iter().map(|case| {
        let row = case["row"].as_object().context("a golden case has a row")?;
        let probability = serde_json::from_value(case["expect"]["probability"].clone())?;
        Ok(Golden { row: row.clone(), probability })
    });
    cases.collect()
}

/// The tensors of `rows` for the model of `program`.
///
/// # Errors
/// When the model cannot be asked by rows, or these rows are not for it.
pub fn tensors(program: &Program, rows: NamedRows) -> Result<Vec<Tensor>> {
    let metadata = program.instantiate(&limits())?.metadata()?;
    Ok(Rows::from_values(&RowSchema::new(&metadata)?, rows)?.inputs)
}
