//! The predictor's allocator: it tells what loading a model leaves, and lets a packed model hold that and nothing else.
//!
//! It is for WebAssembly alone, where it becomes the global allocator of whatever links it.

#[cfg(target_arch = "wasm32")]
mod bits;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(target_arch = "wasm32")]
mod pages;
#[cfg(any(target_arch = "wasm32", test))]
mod small;

#[cfg(target_arch = "wasm32")]
pub use memory::{Residue, arrange, held, loaded, loading, residue};
