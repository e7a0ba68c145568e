//! Stub.
use tract_onnx::{model::ParsingContext, pb::NodeProto, prelude::*, tract_hir::internal::InferenceOp};
pub(crate) fn cast(ctx: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    (tract_onnx::onnx().op_register.0["Cast"])(ctx, node)
}
