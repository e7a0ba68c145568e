//! Nodes and their attributes.

use edgewit_kernels::int8::Side;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

pub(super) fn new(op_type: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { op_type: op_type.into(), attribute, ..NodeProto::default() }
}

/// With the name of the operator that it stands for.
pub(super) fn of(operator: &NodeProto, op_type: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { name: operator.name.clone(), ..new(op_type, attribute) }
}

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: r#type as i32, ..AttributeProto::default() }
}

pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub(super) fn ints(name: &str, ints: impl IntoIterator<Item = i64>) -> AttributeProto {
    AttributeProto { ints: ints.into_iter().collect(), ..attribute(name, AttributeType::Ints) }
}

pub(super) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

pub(super) fn floats(name: &str, floats: impl IntoIterator<Item = f32>) -> AttributeProto {
    AttributeProto { floats: floats.into_iter().collect(), ..attribute(name, AttributeType::Floats) }
}

pub(super) fn sides(sides: &[Side]) -> AttributeProto {
    ints("sides", sides.iter().copied().flat_map(side))
}

/// A side as in the attribute `sides`.
pub(super) fn side(side: Side) -> [i64; 2] {
    [side.zero.into(), side.signed.into()]
}

fn tensor(name: &str, tensor: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(tensor), ..attribute(name, AttributeType::Tensor) }
}

/// A tensor of int8 or uint8.
pub(super) fn bytes(name: &str, shape: &[usize], bytes: Vec<u8>, signed: bool) -> AttributeProto {
    let data_type = if signed { DataType::Int8 } else { DataType::Uint8 };
    tensor(
        name,
        TensorProto {
            dims: shape.iter().map(|length| *length as i64).collect(),
            data_type: data_type as i32,
            raw_data: bytes,
            ..TensorProto::default()
        },
    )
}

/// A vector of int32.
pub(super) fn words(name: &str, words: Vec<i32>) -> AttributeProto {
    tensor(
        name,
        TensorProto {
            dims: vec![words.len() as i64],
            data_type: DataType::Int32 as i32,
            int32_data: words,
            ..TensorProto::default()
        },
    )
}
