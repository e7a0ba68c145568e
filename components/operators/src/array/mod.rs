//! Operators of `ai.onnx` that move elements of arrays or search among them, one file each.

mod bit_cast;
mod center_crop_pad;
mod compress;
mod cumulative;
mod det;
mod one_hot;
mod pad;
pub(crate) mod pick;
mod reshape;
mod reverse_sequence;
mod slice;
mod space_to_depth;
mod split;
mod tensor_scatter;
mod tile;
mod unique;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("BitCast", bit_cast::bit_cast);
    register.insert("CenterCropPad", center_crop_pad::center_crop_pad);
    register.insert("Compress", compress::compress);
    register.insert("ConstantOfShape", reshape::constant_of_shape);
    register.insert("CumProd", cumulative::cum_prod);
    register.insert("CumSum", cumulative::cum_sum);
    register.insert("Det", det::det);
    register.insert("Expand", reshape::expand);
    register.insert("OneHot", one_hot::one_hot);
    register.insert("Pad", pad::pad);
    register.insert("Reshape", reshape::reshape);
    register.insert("ReverseSequence", reverse_sequence::reverse_sequence);
    register.insert("Slice", slice::slice);
    register.insert("SpaceToDepth", space_to_depth::space_to_depth);
    register.insert("Split", split::split);
    register.insert("Squeeze", reshape::squeeze);
    register.insert("TensorScatter", tensor_scatter::tensor_scatter);
    register.insert("Tile", tile::tile);
    register.insert("Unique", unique::unique);
    register.insert("Unsqueeze", reshape::unsqueeze);
}
