//! Operators of `ai.onnx` that sequence models are made of, one file each.

mod causal_conv_with_state;
mod linear_attention;
mod scaled_dot_product;
mod swiglu;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("Attention", scaled_dot_product::attention);
    register.insert("CausalConvWithState", causal_conv_with_state::causal_conv_with_state);
    register.insert("LinearAttention", linear_attention::linear_attention);
    register.insert("SwiGLU", swiglu::swiglu);
}
