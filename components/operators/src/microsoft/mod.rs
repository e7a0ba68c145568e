//! Operators of ONNX Runtime's domain `com.microsoft` that exporters of classical models write, one file each.

mod c_dist;
mod murmur_hash3;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("CDist", c_dist::c_dist);
    register.insert("MurmurHash3", murmur_hash3::murmur_hash3);
}
