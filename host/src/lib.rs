//! Edgewit's host: packs ONNX models into WebAssembly components, and serves them.
//!
//! [`command`] is the command line, a thin layer over [`pack`] (ONNX to component),
//! [`golden`] (known answers), [`web`] (component to page), [`store`] and [`release`] (which versions there are, and which
//! answer), [`serving`] (which model answers, where) and [`http`]; all of them stand on [`runtime`], the only place that names
//! wasmtime. What was answered goes to [`records`] and [`monitor`]; [`backup`] copies
//! what hosts share.

pub mod auth;
pub mod backup;
pub mod command;
pub mod config;
pub mod digest;
pub mod golden;
pub mod http;
pub mod monitor;
pub mod oci;
pub mod pack;
pub mod progress;
pub mod records;
pub mod release;
pub mod report;
pub mod runtime;
pub mod serving;
pub mod store;
pub mod table;
pub mod telemetry;
pub mod web;
