//! ONNX operators that tract lacks or gets wrong, as a plain library.
//!
//! Its job: every operator of `ai.onnx.ml`, and what models of `ai.onnx` need beyond tract; rewrites of what has no
//! tensor form; a check that names every unsupported node at once; and an interpreter for graphs whose shapes depend on
//! values. Parsing and optimising stay with tract.
//!
//! Steps for a model: [`register`] the operators, ask [`unsupported`] and [`opset_fault`] of the decoded protobuf,
//! [`prepare`] it, then parse it and make a [`Plan`], or build an [`Interpreter`] where tract has no plan for it.
//!
//! ```
//! use tract_onnx::{pb::ModelProto, prelude::*};
//!
//! # fn main() -> TractResult<()> {
//! # let mut model = ModelProto { graph: Some(Default::default()), ..Default::default() };
//! let mut onnx = tract_onnx::onnx();
//! edgewit_operators::register(&mut onnx);
//! assert!(edgewit_operators::unsupported(&onnx, &model).is_empty());
//! edgewit_operators::prepare(&mut model, &[])?;
//! let plan = edgewit_operators::Plan::new(onnx.model_for_proto_model(&model)?.into_typed()?.into_decluttered()?)?;
//! # Ok(())
//! # }
//! ```

mod array;
mod attention;
mod attributes;
mod cast;
mod flatten;
mod interpreter;
mod kernel;
mod math;
mod microsoft;
mod ml;
mod nn;
mod plan;
mod prepare;
mod quantized;
mod support;
#[cfg(test)]
mod testing;
mod text;
mod typed;
mod upstream;

pub use interpreter::Interpreter;
pub use plan::Plan;
pub use prepare::{ExternalFile, entry_names, prepare};
pub use support::{
    MICROSOFT_OPERATORS, OLDEST_OPSET, Provider, UnsupportedNode, operator_counts, opset_fault, provider,
    unsupported,
};

/// Adds this crate's operators to `onnx`, in place of upstream's of the same name.
pub fn register(onnx: &mut tract_onnx::Onnx) {
    onnx.op_register.insert("Cast", cast::cast);
    onnx.op_register.insert("Flatten", flatten::flatten);
    onnx.op_register.insert("Loop", interpreter::looped);
    array::register(onnx);
    attention::register(onnx);
    math::register(onnx);
    microsoft::register(onnx);
    ml::register(onnx);
    nn::register(onnx);
    quantized::register(onnx);
    text::register(onnx);
}
