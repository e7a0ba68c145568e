//! ONNX operators that tract lacks or gets wrong, as a plain library.
//!
//! Its job: what a scikit-learn pipeline exported by skl2onnx needs (imputing, scaling, one-hot encoding of strings,
//! tree ensembles), a rewrite of what has no tensor form (`ZipMap`), and a check that names every unsupported node at
//! once. It is not a runtime: parsing, optimising and running stay with tract.
//!
//! Steps for a model: [`prepare`] the decoded protobuf, [`register`] the operators, ask [`unsupported`], then parse.
//!
//! ```
//! use tract_onnx::{pb::ModelProto, prelude::*};
//!
//! # fn main() -> TractResult<()> {
//! # let mut model = ModelProto { graph: Some(Default::default()), ..Default::default() };
//! edgewit_operators::prepare(&mut model, &[])?;
//! let mut onnx = tract_onnx::onnx();
//! edgewit_operators::register(&mut onnx);
//! assert!(edgewit_operators::unsupported(&onnx, &model).is_empty());
//! let plan = onnx.model_for_proto_model(&model)?.into_optimized()?.into_runnable()?;
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
mod prepare;
mod support;
#[cfg(test)]
mod testing;
mod text;
mod upstream;

pub use interpreter::Interpreter;
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
    text::register(onnx);
}
