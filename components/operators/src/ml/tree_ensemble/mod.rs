//! Stub.
use tract_onnx::{model::ParsingContext, pb::NodeProto, prelude::*, tract_hir::internal::InferenceOp};
pub(crate) fn tree_ensemble_classifier(ctx: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    (tract_onnx::onnx().op_register.0["TreeEnsembleClassifier"])(ctx, node)
}
