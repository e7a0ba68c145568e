use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, TensorProto, ValueInfoProto};
use tract_onnx::tract_hir::internal::*;

use super::node::{float, floats, int, ints};
use super::*;
use crate::quantized::chain;
use crate::testing::{model_of, run_model, run_model_on};

/// A graph under way: nodes, constants, and one value after the other.
#[derive(Default)]
struct Net {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Net {
    fn constant(&mut self, data_type: DataType, dims: &[i64], raw_data: Vec<u8>) -> String {
        let name = format!("constant-{}", self.constants.len());
        let data_type = data_type as i32;
        self.constants.push(TensorProto {
            name: name.clone(),
            dims: dims.into(),
            data_type,
            raw_data,
            ..Default::default()
        });
        name
    }

    fn scale(&mut self, scales: &[f32]) -> String {
        let dims = [scales.len() as i64];
        let dims = if scales.len() == 1 { &[] } else { &dims[..] };
        self.constant(DataType::Float, dims, scales.iter().flat_map(|scale| scale.to_le_bytes()).collect())
    }

    fn node(&mut self, op_type: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = format!("value-{}", self.nodes.len());
        let input = inputs.iter().map(ToString::to_string).collect();
        self.nodes.push(NodeProto {
            name: output.clone(),
            input,
            output: vec![output.clone()],
            ..super::node::new(op_type, attribute)
        });
        output
    }

    fn quantize(&mut self, x: &str, scale: f32, zero: u8) -> String {
        let (scale, zero) = (self.scale(&[scale]), self.constant(DataType::Uint8, &[], vec![zero]));
        self.node("QuantizeLinear", &[x, &scale, &zero], vec![])
    }

    fn dequantize(&mut self, x: &str, scale: f32, zero: u8) -> String {
        let (scale, zero) = (self.scale(&[scale]), self.constant(DataType::Uint8, &[], vec![zero]));
        self.node("DequantizeLinear", &[x, &scale, &zero], vec![])
    }

    /// Quantizes and dequantizes, as exporters write it.
    fn through(&mut self, x: &str, scale: f32, zero: u8) -> String {
        let x = self.quantize(x, scale, zero);
        self.dequantize(&x, scale, zero)
    }

    /// Weights with a scale for each of the first axis.
    fn weights(&mut self, dims: &[i64]) -> String {
        let count = dims.iter().product::<i64>() as u64;
        let bytes = (0..count).map(|ix| (ix.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
        let weights = self.constant(DataType::Int8, dims, bytes);
        let scales = (0..dims[0]).map(|ix| 0.01 + ix as f32 * 0.001).collect::<Vec<_>>();
        let scale = self.scale(&scales);
        self.node("DequantizeLinear", &[&weights, &scale], vec![int("axis", 0)])
    }

    fn model(self, x: &Tensor, symbolic: bool, outputs: &[&str]) -> ModelProto {
        let mut model = model_of(self.nodes, &[("x", x)], symbolic, outputs);
        if let Some(graph) = &mut model.graph {
            graph.initializer = self.constants;
        }
        model
    }
}

/// What `fuse` leaves of the operators.
fn fused(model: &ModelProto) -> Vec<String> {
    let mut graph = model.graph.clone().unwrap();
    fuse(&mut graph);
    let mut names = graph.node.into_iter().map(|node| node.op_type).collect::<Vec<_>>();
    names.sort();
    names
}

/// The outputs without any rewriting.
fn as_written(model: &ModelProto, x: &Tensor) -> Vec<Tensor> {
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    let plan = onnx.model_for_proto_model(model).unwrap().into_optimized().unwrap().into_runnable().unwrap();
    plan.run(tvec!(x.clone().into_tvalue())).unwrap().into_iter().map(TValue::into_tensor).collect()
}

fn image() -> Tensor {
    let x = (0..2 * 3 * 9 * 7).map(|ix: i32| (ix * 37 % 101) as f32 * 0.02 - 1.0).collect::<Vec<_>>();
    tensor1(&x).into_shape(&[2, 3, 9, 7]).unwrap()
}

/// A residual net with every operator that keeps to bytes.
fn net() -> (Net, String) {
    let mut net = Net::default();
    let x = net.through("x", 0.01, 100);
    let (w, bias) =
        (net.weights(&[10, 3, 3, 3]), net.scale(&[0.3, -0.2, 0.1, 0.0, 0.5, 0.4, -0.4, 0.7, 0.2, 0.9]));
    let strided = vec![ints("pads", [1, 1, 0, 1]), ints("strides", [2, 1])];
    let y = net.node("Conv", &[&x, &w, &bias], strided);
    let y = net.node("Relu", &[&y], vec![]);
    let a = net.through(&y, 0.05, 0);
    let w = net.weights(&[10, 1, 3, 3]);
    let y = net.node("Conv", &[&a, &w], vec![int("group", 10), ints("pads", [1, 1, 1, 1])]);
    let six = [net.scale(&[0.0]), net.scale(&[6.0])];
    let y = net.node("Clip", &[&y, &six[0], &six[1]], vec![]);
    let b = net.through(&y, 0.03, 7);
    let sum = net.node("Add", &[&a, &b], vec![]);
    let y = net.through(&sum, 0.06, 3);
    let y = net.node("MaxPool", &[&y], vec![ints("kernel_shape", [2, 2]), ints("strides", [2, 2])]);
    let y = net.through(&y, 0.06, 3);
    let w = net.weights(&[8, 5, 1, 2]);
    let y = net.node("Conv", &[&y, &w], vec![int("group", 2)]);
    let y = net.through(&y, 0.1, 128);
    let y = net.node("Sigmoid", &[&y], vec![]);
    let y = net.through(&y, 1.0 / 256.0, 0);
    let y = net.node("GlobalAveragePool", &[&y], vec![]);
    let y = net.through(&y, 1.0 / 256.0, 0);
    let y = net.node("Flatten", &[&y], vec![]);
    let y = net.through(&y, 1.0 / 200.0, 2);
    let w = net.weights(&[5, 8]);
    let y = net.node("Gemm", &[&y, &w], vec![int("transB", 1)]);
    let y = net.through(&y, 0.02, 120);
    (net, y)
}

#[test]
fn a_net_of_bytes_is_within_a_step_of_its_floats_in_any_batch() {
    let x = image();
    for symbolic in [false, true] {
        let (net, y) = net();
        let model = net.model(&x, symbolic, &[&y]);
        let (expected, got) = (as_written(&model, &x), run_model(model.clone(), &x).unwrap());
        assert_eq!(got[0].shape(), [2, 5]);
        let of = |tensor: &Tensor| tensor.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
        for (got, expected) in of(&got[0]).iter().zip(of(&expected[0])) {
            assert!((got - expected).abs() < 0.0201, "{got} and {expected}");
        }
    }
}

#[test]
fn nothing_of_a_quantised_net_stays_in_floats() {
    let (net, y) = net();
    let names = fused(&net.model(&image(), false, &[&y]));
    let floats = names.iter().filter(|name| !name.starts_with("edgewit.")).collect::<Vec<_>>();
    assert_eq!(floats, ["Flatten", "QuantizeLinear"]);
    let count = |of: &str| names.iter().filter(|name| *name == of).count();
    // An image changes its order of axes where it comes in and where its mean goes out.
    assert_eq!([count("edgewit.ChannelsLast"), count("edgewit.ChannelsFirst")], [1, 1]);
    assert_eq!([count("edgewit.Convolution"), count("edgewit.Table")], [3, 2]);
}

/// A convolution between bytes, whose output `change` may use in another way.
fn convolution(change: impl FnOnce(&mut Net, &str, &str) -> Vec<String>) -> Vec<String> {
    let mut net = Net::default();
    let x = net.through("x", 0.01, 100);
    let w = net.weights(&[4, 3, 1, 1]);
    let y = net.node("Conv", &[&x, &w], vec![]);
    let z = net.through(&y, 0.05, 3);
    let mut outputs = change(&mut net, &x, &y);
    outputs.push(z);
    let outputs = outputs.iter().map(String::as_str).collect::<Vec<_>>();
    let model = net.model(&image(), false, &outputs);
    let (expected, got) = (as_written(&model, &image()), run_model(model.clone(), &image()).unwrap());
    for (got, expected) in got.iter().zip(&expected) {
        got.close_enough(expected, Approximation::Custom(0.0501, 0.0, 0.0)).unwrap();
    }
    fused(&model)
}

#[test]
fn a_value_that_something_else_reads_stays() {
    let is_float = |names: Vec<String>| names.iter().any(|name| name == "Conv");
    assert!(!is_float(convolution(|_, _, _| vec![])));
    // An output of the graph.
    assert!(is_float(convolution(|_, _, y| vec![y.into()])));
    // A second reader, and a second quantisation.
    assert!(is_float(convolution(|net, _, y| vec![net.node("Neg", &[y], vec![])])));
    assert!(is_float(convolution(|net, _, y| vec![net.through(y, 0.1, 3)])));
    // What is read before the convolution does not matter.
    assert!(!is_float(convolution(|net, x, _| vec![net.node("Neg", &[x], vec![])])));
}

#[test]
fn a_pool_between_different_scales_stays() {
    let pooled = |scale: f32| {
        let mut net = Net::default();
        let x = net.through("x", 0.01, 100);
        let y = net.node("MaxPool", &[&x], vec![ints("kernel_shape", [2, 2])]);
        let y = net.through(&y, scale, 100);
        fused(&net.model(&image(), false, &[&y])).iter().any(|name| name == "MaxPool")
    };
    assert!(pooled(0.02));
    assert!(!pooled(0.01));
}

#[test]
fn images_are_joined_along_their_channels() {
    let mut net = Net::default();
    let x = net.through("x", 0.01, 100);
    let w = net.weights(&[4, 3, 1, 1]);
    let halves = [0.05, 0.04].map(|scale| {
        let y = net.node("Conv", &[&x, &w], vec![]);
        net.through(&y, scale, 90)
    });
    let y = net.node("Concat", &[&halves[0], &halves[1]], vec![int("axis", 1)]);
    let y = net.through(&y, 0.05, 90);
    let model = net.model(&image(), false, &[&y]);
    let (expected, got) = (as_written(&model, &image()), run_model(model.clone(), &image()).unwrap());
    assert_eq!(got[0].shape(), [2, 8, 9, 7]);
    got[0].close_enough(&expected[0], Approximation::Custom(0.0501, 0.0, 0.0)).unwrap();
    assert!(!fused(&model).iter().any(|name| name == "Conv"));
}

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

#[test]
fn a_window_that_the_image_has_no_room_for_is_refused() {
    for symbolic in [false, true] {
        let mut net = Net::default();
        let x = net.through("x", 0.01, 100);
        let w = net.weights(&[4, 3, 10, 1]);
        let y = net.node("Conv", &[&x, &w], vec![ints("strides", [2, 1])]);
        let y = net.through(&y, 0.05, 3);
        let error = run_model(net.model(&image(), symbolic, &[&y]), &image()).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("expected an image that a window of [10, 1] fits in"), "{error}");
    }
    // Of the last window of a pool a part may be missing, but not all.
    let pool = |length: i64| {
        let mut net = Net::default();
        let x = net.through("x", 0.01, 100);
        let window = vec![ints("kernel_shape", [length, 1]), ints("strides", [2, 1]), int("ceil_mode", 1)];
        let y = net.node("MaxPool", &[&x], window);
        let y = net.through(&y, 0.01, 100);
        run_model(net.model(&image(), false, &[&y]), &image())
    };
    assert_eq!(pool(10).unwrap()[0].shape(), [2, 3, 1, 7]);
    assert!(format!("{:#}", pool(11).unwrap_err()).contains("fits in"));
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
fn what_has_another_rank_than_an_image_keeps_the_order_of_its_axes() {
    let x = image().slice(0, 0, 1).unwrap();
    let mut net = Net::default();
    let input = net.through("x", 0.01, 100);
    let convolution = |net: &mut Net, channels: i64| {
        let w = net.weights(&[channels, 3, 1, 1]);
        let y = net.node("Conv", &[&input, &w], vec![]);
        net.through(&y, 0.05, 100)
    };
    // As many channels as rows of pixels, so that the one could be taken for the other.
    let (image, rows) = (convolution(&mut net, 9), convolution(&mut net, 1));
    let shape = [1i64, 9, 7].iter().flat_map(|length| length.to_le_bytes()).collect();
    let shape = net.constant(DataType::Int64, &[3], shape);
    let rows = net.node("Reshape", &[&rows, &shape], vec![]);
    let rows = net.through(&rows, 0.05, 100);
    let mean = net.node("GlobalAveragePool", &[&rows], vec![]);
    let mean = net.through(&mean, 0.02, 100);
    let y = net.node("Add", &[&image, &mean], vec![]);
    let y = net.through(&y, 0.05, 100);
    let y = net.node("Add", &[&y, &rows], vec![]);
    let y = net.through(&y, 0.05, 100);
    let model = net.model(&x, false, &[&y]);
    assert!(!fused(&model).iter().any(|name| matches!(&**name, "Add" | "GlobalAveragePool")));
    let (expected, got) = (as_written(&model, &x), run_model(model, &x).unwrap());
    got[0].close_enough(&expected[0], Approximation::Custom(0.1001, 0.0, 0.0)).unwrap();
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
