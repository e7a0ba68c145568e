//! Stub.
use std::collections::BTreeMap;
use tract_onnx::{Onnx, pb::ModelProto};
pub struct UnsupportedNode;
impl std::fmt::Display for UnsupportedNode { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
pub fn unsupported(_: &Onnx, _: &ModelProto) -> Vec<UnsupportedNode> { vec![] }
pub fn operator_counts(_: &ModelProto) -> BTreeMap<(String, String), u32> { BTreeMap::new() }
