//! `ai.onnx.ConstantOfShape`: tract's, whose value is a double zero where the node gives none.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html>: the default is a float zero.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use crate::kernel::Built;
use crate::upstream;

pub(crate) fn constant_of_shape(ctx: &ParsingContext, node: &NodeProto) -> Built {
    if node.attribute.iter().any(|attribute| attribute.name == "value") {
        return upstream::build(ctx, node);
    }
    let zero = TensorProto {
        dims: vec![1],
        data_type: DataType::Float as i32,
        float_data: vec![0.0],
        ..TensorProto::default()
    };
    let value = AttributeProto {
        name: "value".into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(zero),
        ..AttributeProto::default()
    };
    let mut node = node.clone();
    node.attribute.push(value);
    upstream::build(ctx, &node)
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::internal::*;

    use super::*;
    use crate::testing::{model, node, run_model};

    #[test]
    fn without_a_value_it_is_float_zeros() {
        let mut shape = node("", "Shape", vec![]);
        (shape.name, shape.output) = ("shape".into(), vec!["s".into()]);
        let mut constant = node("", "ConstantOfShape", vec![]);
        constant.input = vec!["s".into()];
        let x = tensor2(&[[1i64, 2]]);
        let outputs = run_model(model(vec![shape, constant], &x, true, &["y"]), &x);
        assert_eq!(outputs.unwrap()[0], tensor2(&[[0f32, 0.]]));
    }
}
