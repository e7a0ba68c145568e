//! What the benchmarks share: packed models of this repository, ready to be instantiated.

use std::path::Path;

use edgewit::pack::source::Source;
use edgewit::pack::{PREDICTOR, pack};
use edgewit::progress::Progress;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Limits, Loader, Program};
use edgewit_core::rows::Rows;
use edgewit_core::{RowSchema, Tensor};
use serde_json::{Map, Value};

/// A model under the settings of `edgewit serve`, with rows to ask it.
pub struct Model {
    /// The compiled component.
    pub program: Program,
    /// How rows become tensors.
    pub schema: RowSchema,
    /// The rows of its golden cases.
    pub rows: Vec<Map<String, Value>>,
}

impl Model {
    /// Packs and compiles `models/<name>`, keeping machine code in `cache`.
    ///
    /// # Panics
    /// When the model does not load; a benchmark has nobody to report to.
    #[allow(clippy::unwrap_used, reason = "a benchmark stops at the first fault")]
    pub fn load(name: &str, cache: &Path) -> Model {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name);
        let source = Source::read(&folder).unwrap();
        let cache = CompileCache::open(cache).unwrap();
        let engine = Engine::new(&EngineConfig::default()).unwrap();
        let loader = Loader::new(&engine, &cache, PREDICTOR).unwrap();
        let packed = pack(&loader, &source, &Limits::packing(), &Progress::silent()).unwrap();

        let pooled = Engine::new(&EngineConfig { pool: 8, max_memory: 512 << 20 }).unwrap();
        let program = Program::new(&pooled, &cache, &packed).unwrap();
        let metadata = program.instantiate(&limits()).unwrap().metadata().unwrap();
        let cases = std::fs::read(source.folder.join("golden/cases.json")).unwrap();
        let cases: Value = serde_json::from_slice(&cases).unwrap();
        let rows =
            cases["cases"].as_array().unwrap().iter().map(|case| case["row"].as_object().unwrap().clone());
        Model { program, schema: RowSchema::new(&metadata).unwrap(), rows: rows.collect() }
    }

    /// The tensors of the first `count` rows.
    ///
    /// # Panics
    /// When there are not as many.
    #[allow(clippy::unwrap_used, reason = "a benchmark stops at the first fault")]
    pub fn tensors(&self, count: usize) -> Vec<Tensor> {
        Rows::from_values(&self.schema, self.rows[..count].to_vec()).unwrap().inputs
    }
}

/// What `edgewit serve` allows a sandbox by default.
pub fn limits() -> Limits {
    Limits { memory: 512 << 20, ..Limits::default() }
}
