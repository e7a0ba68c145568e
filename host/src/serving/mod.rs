//! Which model answers, on which thread, in which sandbox. Knows neither HTTP nor wasmtime.
//!
//! A request finds its [`Deployment`] in the [`Registry`], waits in the bounded queue of the
//! [`Workers`], and is answered there in a sandbox of its own.

mod answer;
mod deployment;
mod error;
mod registry;
mod workers;

pub use answer::answer;
pub use deployment::{Deployment, Isolation};
pub use error::Error;
pub use registry::{ModelState, Registry, State};
pub use workers::Workers;
