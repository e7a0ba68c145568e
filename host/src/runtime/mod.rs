//! Running components: the only place that names wasmtime.
//!
//! [`Engine`] compiles and holds the pool of sandboxes, [`CompileCache`] keeps machine code on
//! disk, [`Program`] is a component that is ready to be instantiated, its code shared with every other
//! (`split`), and an [`Instance`] is one sandbox with its memory limit and its deadline. Faults come out as [`Error`], with the reason.

mod cache;
mod convert;
mod engine;
mod error;
mod instance;
mod memory;
mod panic;
mod program;
mod snapshot;
mod split;

pub use cache::CompileCache;
pub use engine::{Engine, EngineConfig};
pub use error::Error;
pub use instance::{Execution, ExternalFile, Identity, Instance, Limits, Operator, Opset, Refusal, Report};
pub use memory::{keep_little, trim};
pub use program::Program;
pub use snapshot::Loader;

/// The Rust form of `wit/inference.wit`.
#[allow(missing_docs, unreachable_pub, reason = "generated; the documentation is in the WIT file")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "loader",
    });
}
