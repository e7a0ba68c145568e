//! Operators of `ai.onnx` that tract has, but for some attributes, types or values computes wrongly or not at all.

mod choice;
mod recurrent;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    for name in ["GRU", "LSTM", "RNN"] {
        register.insert(name, recurrent::recurrent);
    }
}
