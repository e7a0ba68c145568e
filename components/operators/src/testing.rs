//! For the tests: a node becomes a model, and the model runs as one from a file would.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};
use tract_onnx::tract_hir::internal::*;

pub(crate) fn node(domain: &str, op_type: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        name: "tested".into(),
        domain: domain.into(),
        op_type: op_type.into(),
        input: vec!["x".into()],
        output: vec!["y".into()],
        attribute,
        ..NodeProto::default()
    }
}

/// Some floats, the same each time.
pub(crate) fn numbers(shape: &[usize], step: usize) -> Tensor {
    let len = shape.iter().product::<usize>();
    let values = (0..len).map(|ix| ((ix * step) % 23) as f32 / 8.0 - 1.25).collect::<Vec<_>>();
    tract_ndarray::ArrayD::from_shape_vec(shape, values).unwrap().into_tensor()
}

/// A node that reads `inputs` and gives `output`.
pub(crate) fn step(
    op_type: &str,
    inputs: &[&str],
    output: &str,
    attributes: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        name: output.into(),
        input: inputs.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        ..node("", op_type, attributes)
    }
}

/// A tensor of floats as a constant of a graph.
pub(crate) fn initializer(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: tensor.shape().iter().map(|len| *len as i64).collect(),
        data_type: DataType::Float as i32,
        float_data: crate::kernel::elements::<f32>(tensor).unwrap().into(),
        ..TensorProto::default()
    }
}

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: r#type as i32, ..AttributeProto::default() }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub(crate) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

pub(crate) fn string(name: &str, s: &str) -> AttributeProto {
    AttributeProto { s: s.into(), ..attribute(name, AttributeType::String) }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.into(), ..attribute(name, AttributeType::Ints) }
}

pub(crate) fn floats(name: &str, values: &[f32]) -> AttributeProto {
    AttributeProto { floats: values.into(), ..attribute(name, AttributeType::Floats) }
}

pub(crate) fn strings(name: &str, values: &[&str]) -> AttributeProto {
    let strings = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}

pub(crate) fn doubles(name: &str, values: &[f64]) -> AttributeProto {
    let tensor = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DataType::Double as i32,
        double_data: values.into(),
        ..TensorProto::default()
    };
    AttributeProto { t: Some(tensor), ..attribute(name, AttributeType::Tensor) }
}

fn data_type(datum_type: DatumType) -> DataType {
    match datum_type {
        DatumType::F32 => DataType::Float,
        DatumType::F64 => DataType::Double,
        DatumType::I64 => DataType::Int64,
        DatumType::I32 => DataType::Int32,
        DatumType::I16 => DataType::Int16,
        DatumType::I8 => DataType::Int8,
        DatumType::U64 => DataType::Uint64,
        DatumType::U32 => DataType::Uint32,
        DatumType::U16 => DataType::Uint16,
        DatumType::U8 => DataType::Uint8,
        DatumType::F16 => DataType::Float16,
        DatumType::Bool => DataType::Bool,
        DatumType::String => DataType::String,
        other => panic!("no test uses {other:?}"),
    }
}

/// A model of `nodes` with the input `x` and the outputs `outputs`. A symbolic first dimension is called N.
pub(crate) fn model(nodes: Vec<NodeProto>, x: &Tensor, symbolic: bool, outputs: &[&str]) -> ModelProto {
    model_of(nodes, &[("x", x)], symbolic, outputs)
}

/// As [`model`], with any inputs.
pub(crate) fn model_of(
    nodes: Vec<NodeProto>,
    inputs: &[(&str, &Tensor)],
    symbolic: bool,
    outputs: &[&str],
) -> ModelProto {
    let output = |name: &&str| ValueInfoProto { name: (*name).into(), ..ValueInfoProto::default() };
    ModelProto {
        ir_version: 10,
        opset_import: vec![
            OperatorSetIdProto { domain: String::new(), version: 24 },
            OperatorSetIdProto { domain: "ai.onnx.ml".into(), version: 5 },
        ],
        graph: Some(GraphProto {
            node: nodes,
            input: inputs.iter().map(|(name, tensor)| info(name, tensor, symbolic)).collect(),
            output: outputs.iter().map(output).collect(),
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn info(name: &str, tensor: &Tensor, symbolic: bool) -> ValueInfoProto {
    let dim = |(axis, len): (usize, &usize)| Dimension {
        value: Some(match axis {
            0 if symbolic => dimension::Value::DimParam("N".into()),
            _ => dimension::Value::DimValue(*len as i64),
        }),
        ..Dimension::default()
    };
    let r#type = type_proto::Tensor {
        elem_type: data_type(tensor.datum_type()) as i32,
        shape: Some(TensorShapeProto { dim: tensor.shape().iter().enumerate().map(dim).collect() }),
    };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(r#type)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..ValueInfoProto::default() }
}

/// Prepares, parses, optimises and runs `model`.
pub(crate) fn run_model(model: ModelProto, x: &Tensor) -> TractResult<Vec<Tensor>> {
    run_model_on(model, &[x])
}

/// As [`run_model`], for any number of inputs.
pub(crate) fn run_model_on(mut model: ModelProto, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    let refused = crate::unsupported(&onnx, &model);
    ensure!(refused.is_empty(), "unsupported: {refused:?}");
    crate::prepare(&mut model, &[])?;
    let plan = onnx.model_for_proto_model(&model)?.into_optimized()?.into_runnable()?;
    let outputs = plan.run(inputs.iter().map(|input| (*input).clone().into_tvalue()).collect())?;
    Ok(outputs.into_iter().map(TValue::into_tensor).collect())
}

/// The outputs of `node`, which are the same whether the first dimension of `x` is known to the model or symbolic.
pub(crate) fn run(node: NodeProto, x: Tensor) -> TractResult<Vec<Tensor>> {
    let outputs = node.output.clone();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let known = run_model(model(vec![node.clone()], &x, false, &outputs), &x)?;
    let symbolic = run_model(model(vec![node], &x, true, &outputs), &x)?;
    assert_eq!(format!("{known:?}"), format!("{symbolic:?}"));
    Ok(known)
}

/// As [`run`], for a node of one output.
pub(crate) fn check(node: NodeProto, x: Tensor, expect: Tensor) {
    let outputs = run(node, x).unwrap();
    assert_eq!(outputs[0].datum_type(), expect.datum_type());
    if expect.datum_type().is_float() {
        // NaN is not itself, so not by `==`.
        outputs[0].close_enough(&expect, Approximation::Exact).unwrap();
    } else {
        assert_eq!(outputs[0], expect);
    }
}

/// The outputs of a node of any number of inputs. An input that is `None` is left out. They are the same whether the
/// node runs in a plan or its values are known while the model is typed.
pub(crate) fn compute(mut node: NodeProto, inputs: &[Option<Tensor>]) -> TractResult<Vec<Tensor>> {
    let names: Vec<String> = (0..inputs.len()).map(|ix| format!("x{ix}")).collect();
    let given: Vec<(&str, &Tensor)> =
        names.iter().zip(inputs).filter_map(|(name, input)| Some((name.as_str(), input.as_ref()?))).collect();
    node.input =
        names.iter().zip(inputs).map(|(n, x)| if x.is_some() { n.clone() } else { String::new() }).collect();
    let outputs: Vec<&str> = node.output.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let tensors: Vec<&Tensor> = given.iter().map(|(_, tensor)| *tensor).collect();
    let planned = run_model_on(model_of(vec![node.clone()], &given, false, &outputs), &tensors)?;

    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    let proto = model_of(vec![node.clone()], &given, false, &outputs);
    let ctx = ParsingContext {
        onnx_operator_set_version: 24,
        framework: &onnx,
        model: &proto,
        parent_graphs: proto.graph.iter().collect(),
        model_dir: None,
        template: InferenceModel::default(),
    };
    let (op, _) = onnx.op_register.0[&node.op_type](&ctx, &node)?;
    let values = tensors.iter().map(|tensor| (*tensor).clone().into_tvalue()).collect();
    if let Some(alone) = op.eval_out_of_plan(values)? {
        let alone: Vec<Tensor> = alone.into_iter().map(TValue::into_tensor).collect();
        assert_eq!(format!("{planned:?}"), format!("{alone:?}"));
    }
    Ok(planned)
}

/// Runs a node on `inputs` and compares every output: numbers within 1e-5 (absolute and relative), the rest exactly.
pub(crate) fn expect(node: NodeProto, inputs: &[Option<Tensor>], outputs: &[Tensor]) {
    let got = compute(node, inputs).unwrap();
    assert_eq!(got.len(), outputs.len());
    for (got, expected) in got.iter().zip(outputs) {
        assert_eq!(got.datum_type(), expected.datum_type());
        if expected.datum_type().is_float() {
            got.close_enough(expected, Approximation::Close).unwrap();
        } else {
            assert_eq!(got, expected);
        }
    }
}

pub(crate) fn refuse(node: NodeProto, x: Tensor, expect: &str) {
    let error = format!("{:#}", run(node, x).unwrap_err());
    assert!(error.contains(expect), "{error}");
}
