//! Operators of the domain `ai.onnx.ml`, one file each.

pub(crate) mod imputer;
pub(crate) mod one_hot_encoder;
pub(crate) mod scaler;
pub(crate) mod tree_ensemble;
