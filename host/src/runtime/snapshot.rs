//! The predictor before it has a model: loading one into a sandbox, and taking the snapshot.
//!
//! wasmtime-wizer first adds exports to the component through which its memory can be read, then,
//! after the model is loaded, writes that memory back into the component as its initial state.
//! The added exports cost nothing, so one compiled predictor serves `pack` and `verify` alike.
//!
//! What goes into a snapshot is loaded twice. Loading takes several times the memory that it leaves; a sandbox that is
//! told beforehand which blocks will be left puts them in one piece and wipes the rest.

use std::sync::{Arc, OnceLock};

use wasmparser::{BinaryReaderError, DataKind, Operator, Parser, Payload};
use wasmtime_wizer::{ComponentContext, WasmtimeWizerComponent, Wizer};

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
    /// What wasmtime-wizer knows of the predictor, once it was asked: it takes longer than a snapshot.
    context: Arc<OnceLock<ComponentContext<'a>>>,
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
        Ok(Loader { predictor, program, context: Arc::default() })
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
        let (instance, load) = self.open(limits)?;
        fill(instance, &load, model, external, identity, planned)
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
        let load = self.load_of(&mut instance)?;
        instance.restart_clock();
        Ok((instance, load))
    }

    fn load_of(&self, instance: &mut Instance) -> Result<Guest, Error> {
        let indices =
            self.program.load.as_ref().ok_or_else(|| Error::Component("it has no `load`".into()))?;
        indices.load(&mut instance.store, &instance.instance).map_err(Error::component)
    }

    /// Loads a model as [`Loader::load`] did into `first`, into a sandbox whose memory is then that of the model alone.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub fn load_again(
        &self,
        mut first: Instance,
        model: &[u8],
        external: &[ExternalFile],
        identity: &Identity,
        planned: bool,
        limits: &Limits,
    ) -> Result<Instance, Error> {
        first.restart_clock();
        let load = self.load_of(&mut first)?;
        let residue = load.call_measure(&mut first.store).map_err(|error| first.fault(&error))?;
        // A large model leaves no room for two.
        drop(first);
        let (mut instance, load) = self.open(limits)?;
        load.call_arrange(&mut instance.store, &residue).map_err(|error| instance.fault(&error))?;
        fill(instance, &load, model, external, identity, planned)
    }

    /// Whether predictions of the model in `loaded` need the functions that planned and optimised it, too.
    ///
    /// # Errors
    /// A fault of the sandbox.
    pub fn plans_when_run(&self, loaded: &mut Instance) -> Result<bool, Error> {
        let load = self.load_of(loaded)?;
        load.call_plans_when_run(&mut loaded.store).map_err(|error| loaded.fault(&error))
    }

    /// Turns the memory of a loaded sandbox into a component that starts with it. The result
    /// still exports `load`.
    ///
    /// # Errors
    /// When the predictor holds state that a snapshot cannot carry.
    pub fn snapshot(&self, mut instance: Instance) -> Result<Vec<u8>, Error> {
        instance.restart_clock();
        let wizer = wizer();
        let context = match self.context.get() {
            Some(context) => context,
            None => {
                let (context, _) = wizer.instrument_component(self.predictor).map_err(Error::component)?;
                self.context.get_or_init(|| context)
            }
        };
        let mut source = WasmtimeWizerComponent { store: &mut instance.store, instance: instance.instance };
        // Nothing in a sandbox waits, so neither does this.
        let snapshot = pollster::block_on(wizer.snapshot_component(context, &mut source));
        let mut component = snapshot.map_err(Error::component)?;
        trim(&mut component).map_err(|error| Error::Component(error.to_string()))?;
        Ok(component)
    }
}

/// Gives a new sandbox its model.
fn fill(
    mut instance: Instance,
    load: &Guest,
    model: &[u8],
    external: &[ExternalFile],
    identity: &Identity,
    planned: bool,
) -> Result<Instance, Error> {
    let called = load.call_load(&mut instance.store, model, external, identity, planned);
    called.map_err(|error| instance.fault(&error))?.map_err(super::convert::error)?;
    Ok(instance)
}

/// The unit of a memory's size.
const PAGE: u64 = 1 << 16;

/// What a memory has at its end for predictions to work with, in pages: enough for small models never to ask for more,
/// which would cost each request two calls of the system.
const WORKING_PAGES: u64 = 16;

/// Lets the memory begin as large as its contents need, not as large as it once was while the model was loaded.
fn trim(component: &mut [u8]) -> Result<(), BinaryReaderError> {
    let mut memory = None;
    let mut end = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::MemorySection(section) => {
                for entry in section.into_iter_with_offsets() {
                    let (at, entry) = entry?;
                    memory = Some((at, entry.initial));
                }
            }
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment?;
                    if let DataKind::Active { offset_expr, .. } = segment.kind
                        && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
                    {
                        end = end.max(u64::from(value.cast_unsigned()) + segment.data.len() as u64);
                    }
                }
            }
            _ => {}
        }
    }
    let Some((at, initial)) = memory else { return Ok(()) };
    let needed = (end.div_ceil(PAGE) + WORKING_PAGES).min(initial);
    // A memory type is a byte of flags, then its least size in LEB128. The new size takes as many bytes as the old, so that
    // nothing else moves.
    let mut left = needed;
    for byte in &mut component[at as usize + 1..] {
        let more = *byte & 0x80;
        *byte = (left & 0x7f) as u8 | more;
        left >>= 7;
        if more == 0 {
            break;
        }
    }
    Ok(())
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // There is no initialisation function to remove: the host calls `load` itself.
    wizer.keep_init_func(true);
    wizer
}
