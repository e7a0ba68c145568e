//! The pure half of serving a model: bytes in, tensors out, and back again.
//!
//! The host, the Spin component and the command line all answer through this crate, so the same
//! body gives the same answer everywhere. It has no I/O, no clock and no threads.
//!
//! A request takes one of two roads:
//!
//! - *Rows*: [`rows::parse_row`] or [`rows::parse_batch`] makes the tensors of a [`RowSchema`];
//!   [`rows::respond`] reads the model's outputs as a prediction.
//! - *Tensors*: [`oip::read`] reads an Open Inference Protocol body and holds it against the model; the
//!   [`oip::Reply`] that comes with the tensors answers.
//!
//! Rows may also come from a CSV file: [`table`]. Into a component and out of it tensors go as messages: [`onnx`].

pub mod error;
mod json;
pub mod manifest;
pub mod oip;
pub mod onnx;
pub mod rows;
pub mod schema;
pub mod table;
pub mod tensor;
mod wit;

pub use error::ErrorBody;
pub use manifest::Manifest;
pub use rows::RowSchema;
pub use schema::{ModelMetadata, TensorMetadata};
pub use tensor::{Data, Datatype, Tensor};
