//! What cargo alone cannot do: add the wasm targets, and build the components from within the
//! build of the crates that need them.

pub mod components;
pub mod setup;
