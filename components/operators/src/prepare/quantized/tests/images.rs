//! Nets of images.

use super::*;

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
