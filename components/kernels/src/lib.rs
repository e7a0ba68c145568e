//! The arithmetic that must be fast: loops over slices, in wasm SIMD where it pays.
//!
//! Its job: the inner loops of the operators. It knows neither ONNX nor graphs; `edgewit-operators` picks a kernel by
//! shape and registers it. Everything here is built for speed, everything else of the predictor for size.

pub mod conv;
pub mod dense;
mod depthwise;
pub mod exp;
pub mod int8;
pub mod pool;
mod product;
mod simd;
mod tile;
pub mod trees;
mod winograd;
