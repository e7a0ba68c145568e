//! Operators of `ai.onnx` that move elements of arrays or search among them, one file each.

pub(crate) mod pick;

pub(crate) fn register(_onnx: &mut tract_onnx::Onnx) {}
