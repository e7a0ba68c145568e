//! A compiled component, checked and ready to be instantiated.

use std::sync::Arc;

use wasmtime::component::{Component, InstancePre, Linker};

use super::bindings::exports::edgewit::inference::{load, predict};
use super::instance::{Instance, Limits, State};
use super::{CompileCache, Engine, Error};

/// A component that exports `edgewit:inference/predict` and imports nothing. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pub(super) engine: Engine,
    pub(super) pre: InstancePre<State>,
    pub(super) predict: Arc<predict::GuestIndices>,
    /// Only the unpacked predictor has it.
    pub(super) load: Option<Arc<load::GuestIndices>>,
}

impl Program {
    /// Compiles `component`, or takes its machine code from `cache`.
    ///
    /// # Errors
    /// When it is not a component, imports something, or does not export `predict`.
    pub fn new(engine: &Engine, cache: &CompileCache, component: &[u8]) -> Result<Program, Error> {
        let component = cache.component(engine, component)?;
        Program::from_component(engine, &component)
    }

    pub(super) fn from_component(engine: &Engine, component: &Component) -> Result<Program, Error> {
        // An empty linker: whatever imports something is refused here.
        let linker = Linker::<State>::new(engine.inner());
        let pre = linker.instantiate_pre(component).map_err(Error::component)?;
        let predict = Arc::new(predict::GuestIndices::new(&pre).map_err(Error::component)?);
        let load = load::GuestIndices::new(&pre).ok().map(Arc::new);
        Ok(Program { engine: engine.clone(), pre, predict, load })
    }

    /// Makes a sandbox with nothing in it but the model.
    ///
    /// # Errors
    /// When the pool is exhausted or the component's memory is over the limit.
    pub fn instantiate(&self, limits: &Limits) -> Result<Instance, Error> {
        Instance::new(self, limits)
    }
}
