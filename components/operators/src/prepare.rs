//! Stub.
pub fn prepare(_: &mut tract_onnx::pb::ModelProto) -> tract_onnx::prelude::TractResult<()> { Ok(()) }
