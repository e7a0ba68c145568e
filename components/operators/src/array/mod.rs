//! Operators of `ai.onnx` that move elements of arrays or search among them, one file each.

mod bit_cast;
mod center_crop_pad;
mod compress;
mod cumulative;
mod det;
mod pad;
pub(crate) mod pick;
mod reverse_sequence;
mod space_to_depth;
mod tensor_scatter;
mod tile;
mod unique;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("BitCast", bit_cast::bit_cast);
    register.insert("CenterCropPad", center_crop_pad::center_crop_pad);
    register.insert("Compress", compress::compress);
    register.insert("CumProd", cumulative::cum_prod);
    register.insert("CumSum", cumulative::cum_sum);
    register.insert("Det", det::det);
    register.insert("Pad", pad::pad);
    register.insert("ReverseSequence", reverse_sequence::reverse_sequence);
    register.insert("SpaceToDepth", space_to_depth::space_to_depth);
    register.insert("TensorScatter", tensor_scatter::tensor_scatter);
    register.insert("Tile", tile::tile);
    register.insert("Unique", unique::unique);
}
