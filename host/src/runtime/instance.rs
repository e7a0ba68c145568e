//! One sandbox: its store, its limits, and the calls into it.

use std::time::Duration;

use edgewit_core::{ModelMetadata, Tensor, onnx};
use wasmtime::{ResourceLimiter, Store, Trap, WasmCoreDump};

use super::bindings::exports::edgewit::inference::predict;
use super::engine::TICK;
use super::{Error, Program, convert, panic};

pub use super::bindings::exports::edgewit::inference::load::{
    Execution, ExternalFile, Identity, Operator, Opset, Refusal, Report,
};

/// What one sandbox may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory in bytes.
    pub memory: usize,
    /// Time for one call.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory: 1 << 30, deadline: Duration::from_secs(10) }
    }
}

impl Limits {
    /// For loading models: large ones take all that a 32-bit memory has, and optimising takes time.
    pub fn packing() -> Limits {
        Limits { memory: 4 << 30, deadline: Duration::from_secs(300) }
    }
}

/// The data of a store: the limit, and whether the guest ran into it.
pub(super) struct State {
    max_memory: usize,
    refused_memory: bool,
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.max_memory;
        self.refused_memory |= !granted;
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }
}

/// A sandbox. After a fault it must be dropped; dropping gives its slot back to the pool.
pub struct Instance {
    pub(super) store: Store<State>,
    pub(super) instance: wasmtime::component::Instance,
    predict: predict::Guest,
    limits: Limits,
}

impl Instance {
    pub(super) fn new(program: &Program, limits: &Limits) -> Result<Instance, Error> {
        let mut store =
            Store::new(program.engine.inner(), State { max_memory: limits.memory, refused_memory: false });
        store.limiter(|state| state);
        // The snapshot of a large model leaves its memory through one call.
        store.set_hostcall_fuel(usize::MAX);
        start_clock(&mut store, limits.deadline);
        let instance = program.pre.instantiate(&mut store).map_err(Error::engine)?;
        let predict = program.predict.load(&mut store, &instance).map_err(Error::component)?;
        Ok(Instance { store, instance, predict, limits: limits.clone() })
    }

    /// Describes the model.
    ///
    /// # Errors
    /// When the guest traps, or its manifest is not one.
    pub fn metadata(&mut self) -> Result<ModelMetadata, Error> {
        start_clock(&mut self.store, self.limits.deadline);
        let metadata = self.predict.call_metadata(&mut self.store).map_err(|error| self.fault(&error))?;
        convert::metadata(metadata)
    }

    /// Computes the outputs for one batch; `outputs` selects, none selects all.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for the caller's mistakes; after any other the instance is spent.
    pub fn predict(&mut self, inputs: &[Tensor], outputs: Option<&[String]>) -> Result<Vec<Tensor>, Error> {
        start_clock(&mut self.store, self.limits.deadline);
        let called = self.predict.call_predict_protobuf(&mut self.store, &onnx::encode(inputs), outputs);
        let outputs = called.map_err(|error| self.fault(&error))?.map_err(convert::error)?;
        onnx::decode(&outputs).map_err(|error| Error::Component(error.to_string()))
    }

    /// What a failed call means.
    pub(super) fn fault(&mut self, error: &wasmtime::Error) -> Error {
        let dump = error.downcast_ref::<WasmCoreDump>();
        let fault = if self.store.data().refused_memory {
            Error::Memory(self.limits.memory)
        } else if let Some(Trap::Interrupt) = error.downcast_ref() {
            Error::Deadline(self.limits.deadline)
        } else {
            let message = dump.and_then(|dump| panic::message(dump, &self.store));
            Error::Trap(message.unwrap_or_else(|| match error.downcast_ref::<Trap>() {
                Some(trap) => trap.to_string(),
                None => format!("{error:#}"),
            }))
        };
        match dump.and_then(|dump| panic::node(dump, &self.store)) {
            Some(node) => Error::AtNode { node, fault: Box::new(fault) },
            None => fault,
        }
    }

    /// Gives the next call `deadline`.
    pub(super) fn restart_clock(&mut self) {
        start_clock(&mut self.store, self.limits.deadline);
    }
}

/// A deadline in ticks of the epoch. One more than asked: the current tick is already running.
fn start_clock(store: &mut Store<State>, deadline: Duration) {
    let ticks = deadline.as_nanos().div_ceil(TICK.as_nanos());
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2).saturating_add(1));
}
