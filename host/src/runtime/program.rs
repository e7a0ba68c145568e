//! A compiled component, checked and ready to be instantiated.

use std::sync::Arc;

use wasmtime::Module;
use wasmtime::component::{Component, InstancePre, Linker};

use super::bindings::exports::edgewit::inference::{load, predict};
use super::instance::{Instance, Limits, State};
use super::split;
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
    /// Compiles `component`, or takes its machine code from `cache`. What it shares with other components is
    /// compiled and held once for all.
    ///
    /// # Errors
    /// When it is not a component, imports something, or does not export `predict`.
    pub fn new(engine: &Engine, cache: &CompileCache, component: &[u8]) -> Result<Program, Error> {
        Ok(Program::compile(engine, cache, component)?.0)
    }

    /// As [`Program::new`], for a component that will not be asked for again: `cache` keeps of it only what it shares
    /// with others.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn once(engine: &Engine, cache: &CompileCache, component: &[u8]) -> Result<Program, Error> {
        let Some(parts) = split::split(component) else {
            let whole = Component::new(engine.inner(), component).map_err(Error::component)?;
            return Program::whole(engine, &whole);
        };
        let (shell, _) = cache.component(engine, &parts.shell)?;
        let (code, _) = cache.module(engine, &parts.code, true)?;
        let image = Module::new(engine.inner(), &parts.image).map_err(Error::component)?;
        Program::assemble(engine, &shell, &code, &image)
    }

    /// As [`Program::new`], and notes in `cache` that `name` is this program.
    ///
    /// # Errors
    /// As [`Program::new`], or when the note cannot be written.
    pub fn named(
        engine: &Engine,
        cache: &CompileCache,
        name: &str,
        component: &[u8],
    ) -> Result<Program, Error> {
        let (program, compiled) = Program::compile(engine, cache, component)?;
        cache.note(engine, name, &compiled)?;
        Ok(program)
    }

    /// The program that was called `name` when it was compiled by an engine of the same settings, if all of it is
    /// still in `cache`. Neither the component nor the model is read.
    pub fn find(engine: &Engine, cache: &CompileCache, name: &str) -> Option<Program> {
        let compiled = cache.noted(engine, name)?;
        let program = match &compiled {
            Compiled::Whole { component } => {
                Program::whole(engine, &cache.find_component(engine, component)?)
            }
            Compiled::Parts { shell, code, image } => Program::assemble(
                engine,
                &cache.find_component(engine, shell)?,
                &cache.find_module(engine, code, true)?,
                &cache.find_module(engine, image, false)?,
            ),
        };
        program.inspect_err(|error| tracing::debug!(%error, name, "compile cache entry ignored")).ok()
    }

    fn compile(
        engine: &Engine,
        cache: &CompileCache,
        component: &[u8],
    ) -> Result<(Program, Compiled), Error> {
        let Some(parts) = split::split(component) else {
            let (whole, key) = cache.component(engine, component)?;
            return Ok((Program::whole(engine, &whole)?, Compiled::Whole { component: key }));
        };
        let (shell, shell_key) = cache.component(engine, &parts.shell)?;
        let (code, code_key) = cache.module(engine, &parts.code, true)?;
        let (image, image_key) = cache.module(engine, &parts.image, false)?;
        let program = Program::assemble(engine, &shell, &code, &image)?;
        Ok((program, Compiled::Parts { shell: shell_key, code: code_key, image: image_key }))
    }

    fn assemble(engine: &Engine, shell: &Component, code: &Module, image: &Module) -> Result<Program, Error> {
        let mut linker = Linker::new(engine.inner());
        let mut root = linker.root();
        root.module(split::CODE, code).map_err(Error::component)?;
        root.module(split::IMAGE, image).map_err(Error::component)?;
        Program::link(engine, &linker, shell)
    }

    /// An empty linker: whatever imports something is refused here.
    fn whole(engine: &Engine, component: &Component) -> Result<Program, Error> {
        Program::link(engine, &Linker::new(engine.inner()), component)
    }

    fn link(engine: &Engine, linker: &Linker<State>, component: &Component) -> Result<Program, Error> {
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

/// What a program consists of, by the keys of its parts in the compile cache.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum Compiled {
    /// Taken apart.
    Parts {
        /// The component around the code.
        shell: String,
        /// The code, which other programs have, too.
        code: String,
        /// The memory.
        image: String,
    },
    /// Of another form than ours.
    Whole {
        /// The component.
        component: String,
    },
}
