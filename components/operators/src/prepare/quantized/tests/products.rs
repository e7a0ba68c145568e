//! Products of vectors.

use super::*;

#[test]
fn a_product_may_end_in_floats() {
    let mut net = Net::default();
    let x = net.through("x", 0.01, 100);
    let (w, bias) = (net.weights(&[5, 7]), net.scale(&[0.1, 0.2, 0.3, 0.4, 0.5]));
    let flat = net.node("Flatten", &[&x], vec![int("axis", 3)]);
    let flat = net.through(&flat, 0.01, 100);
    let y = net.node("Gemm", &[&flat, &w, &bias], vec![int("transB", 1)]);
    let model = net.model(&image(), false, &[&y]);
    let (expected, got) = (as_written(&model, &image()), run_model(model.clone(), &image()).unwrap());
    got[0].close_enough(&expected[0], Approximation::Custom(1e-5, 0.0, 0.0)).unwrap();
    assert!(fused(&model).contains(&"edgewit.Product".to_owned()));
}

#[test]
fn sums_that_integers_might_not_hold_end_in_floats() {
    let in_floats = |depth: usize, weight: u8, unit: f32, bias: f32, scale: f32| {
        let x = tensor1(&vec![255f32; depth]).into_shape(&[1, depth]).unwrap();
        let mut net = Net::default();
        let a = net.through("x", 1.0, 0);
        let bytes = net.constant(DataType::Uint8, &[1, depth as i64], vec![weight; depth]);
        let w = net.dequantize(&bytes, unit, 0);
        let bias = net.constant(DataType::Float, &[1], bias.to_le_bytes().into());
        let y = net.node("Gemm", &[&a, &w, &bias], vec![int("transB", 1)]);
        let y = net.through(&y, scale, 0);
        let model = net.model(&x, false, &[&y]);
        let (expected, got) = (as_written(&model, &x), run_model(model.clone(), &x).unwrap());
        got[0].close_enough(&expected[0], Approximation::Custom(scale * 1.001, 0.0, 0.0)).unwrap();
        fused(&model) != ["edgewit.Product"]
    };
    // 255 * 255 * 33,025 is less than 2^31.
    assert!(!in_floats(33_025, 255, 1.0, 0.0, 1e4));
    assert!(in_floats(33_026, 255, 1.0, 0.0, 1e4));
    // A bias that is a little less makes room, where the output is too coarse to tell.
    assert!(!in_floats(33_026, 255, 1.0, 0.0, 1e7));
    // A bias in units of the weights: none of 32 bits, one that leaves no room for a sum.
    assert!(in_floats(1, 127, 1e-12, 0.5, 0.01));
    assert!(!in_floats(1, 127, 1e-9, 2.147_483, 0.01));
    assert!(in_floats(1, 127, 1e-9, 2.147_483, 1e-6));
    // A bias that is a part of the unit: several steps of the output, less than half a step.
    assert!(in_floats(1, 1, 1.0, 0.4, 0.1));
    assert!(!in_floats(1, 1, 1.0, 0.4, 2.0));
}

/// A product between floats, as all of a quantised net of one layer.
fn layer(also: impl FnOnce(&mut Net, [String; 2]) -> Option<String>) -> (ModelProto, Tensor) {
    let x = tensor2(&[[-1f32, 0.53, 2.0], [9.0, -9.0, 0.1]]);
    let mut net = Net::default();
    let from = net.quantize("x", 0.05, 100);
    let (a, w) = (net.dequantize(&from, 0.05, 100), net.weights(&[5, 3]));
    let y = net.node("Gemm", &[&a, &w], vec![int("transB", 1)]);
    let to = net.quantize(&y, 0.1, 128);
    let y = net.dequantize(&to, 0.1, 128);
    let outputs = std::iter::once(y).chain(also(&mut net, [from, to])).collect::<Vec<_>>();
    let model = net.model(&x, true, &outputs.iter().map(String::as_str).collect::<Vec<_>>());
    (model, x)
}

#[test]
fn a_product_between_floats_is_one_node() {
    let (model, x) = layer(|_, _| None);
    assert_eq!(fused(&model), ["edgewit.Product"]);
    let (expected, got) = (as_written(&model, &x), run_model(model, &x).unwrap());
    got[0].close_enough(&expected[0], Approximation::Custom(0.1001, 0.0, 0.0)).unwrap();
}

#[test]
fn zero_points_that_differ_are_not_taken_for_one() {
    let x = tensor2(&[[-1f32, 0.53, 2.0], [9.0, -9.0, 0.1]]);
    let mut net = Net::default();
    let from = net.quantize("x", 0.05, 100);
    let (a, w) = (net.dequantize(&from, 0.05, 90), net.weights(&[5, 3]));
    let y = net.node("Gemm", &[&a, &w], vec![int("transB", 1)]);
    let to = net.quantize(&y, 0.1, 128);
    let y = net.dequantize(&to, 0.1, 120);
    let model = net.model(&x, true, &[&y]);
    assert_eq!(fused(&model), ["DequantizeLinear", "QuantizeLinear", "edgewit.Product"]);
    let (expected, got) = (as_written(&model, &x), run_model(model, &x).unwrap());
    got[0].close_enough(&expected[0], Approximation::Custom(0.1001, 0.0, 0.0)).unwrap();
}

#[test]
fn constants_may_be_inputs_and_outputs_too() {
    let (mut model, x) = layer(|_, _| None);
    let expected = run_model(model.clone(), &x).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let info = |name: &str| ValueInfoProto { name: name.into(), ..Default::default() };
    graph.input.extend(graph.initializer.iter().map(|constant| info(&constant.name)));
    let weights = graph.initializer.iter().find(|constant| constant.data_type == DataType::Int8 as i32);
    graph.output.push(info(&weights.unwrap().name));
    let got = run_model(model, &x).unwrap();
    assert_eq!((&got[0], got[1].shape()), (&expected[0], &[5, 3][..]));
}

#[test]
fn bytes_that_something_else_reads_stay() {
    let (model, x) = layer(|_, [from, _]| Some(from));
    assert_eq!(fused(&model), ["QuantizeLinear", "edgewit.Product"]);
    assert_eq!(run_model(model, &x).unwrap()[1], tensor2(&[[80u8, 111, 140], [255, 0, 102]]));
    let (model, x) = layer(|net, [_, to]| Some(net.node("Identity", &[&to], vec![])));
    assert_eq!(fused(&model), ["DequantizeLinear", "Identity", "edgewit.Product"]);
    run_model(model, &x).unwrap();
}

#[test]
fn floats_that_are_quantised_alone_are_rounded_in_one_step() {
    let x = tensor1(&[0.24f32, 0.26, -9.0, 0.75, 99.0]);
    let mut net = Net::default();
    let y = net.through("x", 0.5, 3);
    let model = net.model(&x, false, &[&y]);
    assert_eq!(fused(&model), ["edgewit.Round"]);
    assert_eq!(run_model(model, &x).unwrap(), [tensor1(&[0f32, 0.5, -1.5, 1.0, 99.0])]);
    let mut net = Net::default();
    let bytes = net.quantize("x", 0.5, 3);
    let y = net.dequantize(&bytes, 0.25, 3);
    let model = net.model(&x, false, &[&y]);
    assert_eq!(fused(&model), ["DequantizeLinear", "QuantizeLinear"]);
}

#[test]
fn a_dynamically_quantised_product_is_exact() {
    let x = tensor2(&[[0u8, 255, 7], [9, 8, 200]]);
    let mut net = Net::default();
    let b = net.constant(DataType::Uint8, &[3, 2], vec![255, 0, 3, 77, 9, 128]);
    let zero =
        [net.constant(DataType::Uint8, &[], vec![5]), net.constant(DataType::Uint8, &[2], vec![1, 200])];
    let y = net.node("MatMulInteger", &["x", &b, &zero[0], &zero[1]], vec![]);
    let model = net.model(&x, true, &[&y]);
    assert_eq!(fused(&model), ["edgewit.Product"]);
    let expected = tensor2(&[[-754i32, -29894], [2582, -15209]]);
    assert_eq!(run_model(model, &x).unwrap(), [expected]);
}

/// In how many steps three layers of bytes run; the output is that of one after the other.
fn steps(also: impl FnOnce(&mut Net, &str) -> Option<String>) -> usize {
    let x = tensor2(&[[-1f32, 0.53, 2.0], [9.0, -9.0, 0.1]]);
    let mut net = Net::default();
    let mut y = net.through("x", 0.05, 100);
    let mut second = None;
    for (inputs, outputs, zero) in [(3, 9, 128), (9, 5, 3), (5, 2, 131)] {
        let w = net.weights(&[outputs, inputs]);
        let product = net.node("Gemm", &[&y, &w], vec![int("transB", 1)]);
        let bytes = net.quantize(&product, 0.1, zero);
        second = second.or((inputs == 9).then(|| bytes.clone()));
        y = net.dequantize(&bytes, 0.1, zero);
    }
    let outputs = std::iter::once(y).chain(also(&mut net, &second.unwrap())).collect::<Vec<_>>();
    let mut model = net.model(&x, true, &outputs.iter().map(String::as_str).collect::<Vec<_>>());
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    crate::prepare(&mut model, &[]).unwrap();
    let apart = onnx.model_for_proto_model(&model).unwrap().into_typed().unwrap().into_decluttered().unwrap();
    let mut chained = apart.clone();
    chain::fuse(&mut chained).unwrap();
    chained.compact().unwrap();
    let count = chained.nodes().iter().filter(|node| node.op.name().contains("Product")).count();
    let run = |model: TypedModel| model.into_runnable().unwrap().run(tvec!(x.clone().into_tvalue())).unwrap();
    assert_eq!(run(chained), run(apart));
    count
}

#[test]
fn layers_of_bytes_are_one_step_as_far_as_nothing_else_reads_between_them() {
    assert_eq!(steps(|_, _| None), 1);
    assert_eq!(steps(|_, second| Some(second.to_owned())), 2);
    assert_eq!(steps(|net, second| Some(net.dequantize(second, 0.1, 3))), 2);
}
