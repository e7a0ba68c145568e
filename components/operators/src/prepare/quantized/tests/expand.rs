//! Operators that are written as others.

use super::*;

#[test]
fn operators_of_onnx_runtime_are_written_as_those_of_onnx() {
    let x = tensor2(&[[-1f32, 0.5, 2.0]]);
    let mut net = Net::default();
    let q = net.quantize("x", 0.5, 10);
    let own = [net.scale(&[0.5]), net.constant(DataType::Uint8, &[], vec![10])];
    let (w, w_scale) =
        (net.constant(DataType::Int8, &[2, 3], vec![1, 2, 3, 255, 0, 4]), net.scale(&[1.0, 0.5]));
    let w_zero = net.constant(DataType::Int8, &[2], vec![0, 0]);
    let bias =
        net.constant(DataType::Int32, &[2], [3i32, -4].iter().flat_map(|bias| bias.to_le_bytes()).collect());
    let to = [net.scale(&[0.25]), net.constant(DataType::Uint8, &[], vec![20])];
    let inputs = [&q, &own[0], &own[1], &w, &w_scale, &w_zero, &bias, &to[0], &to[1]].map(String::as_str);
    let y = net.node("QGemm", &inputs, vec![int("transB", 1)]);
    net.nodes.last_mut().unwrap().domain = "com.microsoft".into();
    let y = net.node("QLinearAdd", &[&y, &to[0], &to[1], &y, &to[0], &to[1], &to[0], &to[1]], vec![]);
    net.nodes.last_mut().unwrap().domain = "com.microsoft".into();
    let model = net.model(&x, false, &[&y]);
    assert_eq!(fused(&model), ["edgewit.Product", "edgewit.Sum"]);
    // (-1 + 1 + 6) + 3 * 0.5 = 7.5 and (0.5 + 4) - 4 * 0.25 = 3.5, twice, in steps of 0.25 from 20.
    assert_eq!(run_model(model, &x).unwrap(), [tensor2(&[[80u8, 48]])]);
}

#[test]
fn an_output_without_a_zero_point_has_the_type_of_its_input() {
    let x = tensor1(&[-10i8, 10]);
    let mut net = Net::default();
    let (scale, zero) = (net.scale(&[1.0]), net.constant(DataType::Int8, &[], vec![0]));
    let y = net.node("QLinearLeakyRelu", &["x", &scale, &zero, &scale], vec![float("alpha", 0.5)]);
    net.nodes.last_mut().unwrap().domain = "com.microsoft".into();
    let model = net.model(&x, false, &[&y]);
    assert_eq!(run_model(model, &x).unwrap(), [tensor1(&[-5i8, 10])]);
}

#[test]
fn operators_of_onnx_runtime_may_be_in_a_branch() {
    let branch = |name: &str, op_type: &str| {
        let mut net = Net::default();
        let (scale, zero) = (net.scale(&[1.0]), net.constant(DataType::Uint8, &[], vec![0]));
        let y = net.node(op_type, &["x", &scale, &zero, "x", &scale, &zero, &scale, &zero], vec![]);
        net.nodes.last_mut().unwrap().domain = "com.microsoft".into();
        let graph = GraphProto {
            node: net.nodes,
            initializer: net.constants,
            output: vec![ValueInfoProto { name: y, ..Default::default() }],
            ..Default::default()
        };
        AttributeProto { name: name.into(), r#type: 5, g: Some(graph), ..Default::default() }
    };
    let branches = vec![branch("then_branch", "QLinearAdd"), branch("else_branch", "QLinearMul")];
    let mut choice = super::node::new("If", branches);
    (choice.input, choice.output) = (vec!["condition".into()], vec!["y".into()]);
    let (condition, x) = (tensor0(false), tensor1(&[3u8, 20]));
    let model = model_of(vec![choice], &[("condition", &condition), ("x", &x)], false, &["y"]);
    assert_eq!(run_model_on(model, &[&condition, &x]).unwrap(), [tensor1(&[9u8, 255])]);
}

#[test]
fn an_operator_of_no_file_is_refused_in_one() {
    let net =
        Net { nodes: vec![super::node::new("edgewit.Sum", vec![floats("scales", [1.0])])], ..Net::default() };
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    let mut model = net.model(&tensor1(&[1f32]), false, &[]);
    model.graph.as_mut().unwrap().output = Vec::<ValueInfoProto>::new();
    assert_eq!(crate::unsupported(&onnx, &model).len(), 1);
}
