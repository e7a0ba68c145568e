//! The predictor before it has a model: loading one into a sandbox, and taking the snapshot.
//!
//! wasmtime-wizer first adds exports to the component through which its memory can be read, then,
//! after the model is loaded, writes that memory back into the component as its initial state.
//! The added exports cost nothing, so one compiled predictor serves `pack` and `verify` alike.

use wasmtime_wizer::{WasmtimeWizerComponent, Wizer};

use crate::digest::sha256;

use super::bindings::exports::edgewit::inference::load::{Effort, Guest};
use super::{
    CompileCache, Engine, Error, Execution, ExternalFile, Identity, Instance, Limits, Program, Report,
};

/// The unpacked predictor, compiled. Cheap to clone.
#[derive(Clone)]
pub struct Loader<'a> {
    predictor: &'a [u8],
    program: Program,
}

impl<'a> Loader<'a> {
    /// Compiles the predictor component, or takes it from the cache.
    ///
    /// # Errors
    /// When `predictor` is not the component it should be.
    pub fn new(engine: &Engine, cache: &CompileCache, predictor: &'a [u8]) -> Result<Loader<'a>, Error> {
        let name = format!("predictor-{}", &sha256(predictor)[..32]);
        let program = match Program::find(engine, cache, &name) {
            Some(program) => program,
            None => {
                let (_, instrumented) = wizer().instrument_component(predictor).map_err(Error::component)?;
                Program::named(engine, cache, &name, &instrumented)?
            }
        };
        Ok(Loader { predictor, program })
    }

    /// Loads an ONNX file into a new sandbox, which can then predict, in the way of running that
    /// [`Loader::check`] reported.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the file is not ONNX, [`Error::Unsupported`] when it cannot run,
    /// or a fault of the sandbox.
    pub fn load(
        &self,
        model: &[u8],
        external: &[ExternalFile],
        identity: &Identity,
        planned: bool,
        limits: &Limits,
    ) -> Result<Instance, Error> {
        let (mut instance, load) = self.open(limits)?;
        let called = load.call_load(&mut instance.store, model, external, identity, planned);
        called.map_err(|error| instance.fault(&error))?.map_err(super::convert::error)?;
        Ok(instance)
    }

    /// Says whether and how an ONNX file would run, in sandboxes that are then dropped.
    ///
    /// What brings the sandbox down while it is planned may still run node by node. If it does not,
    /// the model is loaded once more to learn which node it was.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the file is not ONNX, [`Error::AtNode`] when the model brings
    /// every sandbox down.
    pub fn check(&self, model: &[u8], external: &[ExternalFile], limits: &Limits) -> Result<Report, Error> {
        let check = |effort| {
            let (mut instance, load) = self.open(limits)?;
            let called = load.call_check(&mut instance.store, model, external, effort);
            called.map_err(|error| instance.fault(&error))?.map_err(super::convert::error)
        };
        let planning = match check(Effort::Plan) {
            Err(error @ (Error::Trap(_) | Error::Memory(_) | Error::Deadline(_))) => error,
            done => return done,
        };
        match check(Effort::Interpret) {
            Ok(mut report) if report.execution.is_some() => {
                report.execution = Some(Execution::Interpreted(format!("planning fails: {planning}")));
                Ok(report)
            }
            _ => check(Effort::Explain),
        }
    }

    /// A new sandbox, and what a model is given to in it.
    fn open(&self, limits: &Limits) -> Result<(Instance, Guest), Error> {
        let mut instance = self.program.instantiate(limits)?;
        let indices =
            self.program.load.as_ref().ok_or_else(|| Error::Component("it has no `load`".into()))?;
        let load = indices.load(&mut instance.store, &instance.instance).map_err(Error::component)?;
        instance.restart_clock();
        Ok((instance, load))
    }

    /// Turns the memory of a loaded sandbox into a component that starts with it. The result
    /// still exports `load`.
    ///
    /// # Errors
    /// When the predictor holds state that a snapshot cannot carry.
    pub fn snapshot(&self, mut instance: Instance) -> Result<Vec<u8>, Error> {
        instance.restart_clock();
        let wizer = wizer();
        let (context, _) = wizer.instrument_component(self.predictor).map_err(Error::component)?;
        let mut source = WasmtimeWizerComponent { store: &mut instance.store, instance: instance.instance };
        // Nothing in a sandbox waits, so neither does this.
        pollster::block_on(wizer.snapshot_component(&context, &mut source)).map_err(Error::component)
    }
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // There is no initialisation function to remove: the host calls `load` itself.
    wizer.keep_init_func(true);
    wizer
}
