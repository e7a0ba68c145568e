//! Operators of `ai.onnx` that tract has, but for some attributes, types or values computes wrongly or not at
//! all.

mod activation;
mod bit_shift;
mod dense;
mod divide;
mod elementwise;
mod indices;
mod log_softmax;
mod matmul;
mod number;
mod power;
mod quantize;
mod range;
mod recurrent;
mod reduce;
mod softmax;
mod top_k;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("BitShift", bit_shift::bit_shift);
    register.insert("Celu", activation::celu);
    register.insert("DequantizeLinear", quantize::dequantize_linear);
    register.insert("Div", divide::divide);
    register.insert("Equal", elementwise::equal);
    register.insert("Gather", indices::gather);
    register.insert("GatherND", indices::gather_nd);
    register.insert("Gemm", matmul::gemm);
    register.insert("LogSoftmax", log_softmax::log_softmax);
    register.insert("MatMul", matmul::mat_mul);
    register.insert("Mod", divide::divide);
    register.insert("Pow", power::pow);
    register.insert("QLinearMatMul", matmul::q_linear_mat_mul);
    register.insert("QuantizeLinear", quantize::quantize_linear);
    register.insert("Range", range::range);
    register.insert("ScatterElements", indices::scatter_elements);
    register.insert("ScatterND", indices::scatter_nd);
    register.insert("Softmax", softmax::softmax);
    register.insert("Swish", activation::swish);
    register.insert("TopK", top_k::top_k);
    for name in elementwise::ON_DOUBLES {
        register.insert(name, elementwise::on_doubles);
    }
    for name in reduce::OPERATORS {
        register.insert(name, reduce::reduce);
    }
    for name in ["GRU", "LSTM", "RNN"] {
        register.insert(name, recurrent::recurrent);
    }
}
