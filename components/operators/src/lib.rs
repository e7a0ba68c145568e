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
//! edgewit_operators::prepare(&mut model)?;
//! let mut onnx = tract_onnx::onnx();
//! edgewit_operators::register(&mut onnx);
//! assert!(edgewit_operators::unsupported(&onnx, &model).is_empty());
//! let plan = onnx.model_for_proto_model(&model)?.into_optimized()?.into_runnable()?;
//! # Ok(())
//! # }
//! ```

mod attention;
mod attributes;
mod cast;
mod kernel;
mod math;
mod ml;
mod prepare;
mod support;
#[cfg(test)]
mod testing;

pub use prepare::prepare;
pub use support::{UnsupportedNode, operator_counts, unsupported};

/// Adds this crate's operators to `onnx`, replacing upstream's `Cast` and `TreeEnsembleClassifier`.
///
/// Operators of `ai.onnx.ml`: `Imputer`, `OneHotEncoder`, `Scaler`, `TreeEnsembleClassifier`. Of `ai.onnx`: `Cast`, what
/// attention is made of, and what tract has but for some attributes, types or values computes wrongly or not at all.
pub fn register(onnx: &mut tract_onnx::Onnx) {
    attention::register(onnx);
    math::register(onnx);
    let register = &mut onnx.op_register;
    register.insert("Cast", cast::cast);
    register.insert("Imputer", ml::imputer::imputer);
    register.insert("OneHotEncoder", ml::one_hot_encoder::one_hot_encoder);
    register.insert("Scaler", ml::scaler::scaler);
    register.insert("TreeEnsembleClassifier", ml::tree_ensemble::tree_ensemble_classifier);
}
