//! What cargo alone cannot do: add the wasm targets, build the components from within the build of
//! the crates that need them, and make the Python and JavaScript environments of tests and benchmarks.

pub mod components;
pub mod node;
pub mod python;
pub mod setup;
mod turn;
