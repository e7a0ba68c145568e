//! Against upstream's convolution, and what may be taken into one.

use tract_onnx::pb::{ModelProto, NodeProto};

use super::inverted_residual::InvertedResidual;
use super::*;
use crate::testing::{float, initializer, int, ints, model, numbers, run_model, step};

fn graph(nodes: Vec<NodeProto>, x: &Tensor, symbolic: bool, constants: &[(&str, &Tensor)]) -> ModelProto {
    let mut model = model(nodes, x, symbolic, &["y"]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = constants.iter().map(|(name, tensor)| initializer(name, tensor)).collect();
    model
}

fn optimised(model: &ModelProto) -> TypedModel {
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    onnx.model_for_proto_model(model).unwrap().into_optimized().unwrap()
}

/// Compares with upstream's operators; with a symbolic batch, too. All operators but the source and `others` are
/// convolutions of ours.
fn check(nodes: &[NodeProto], x: &Tensor, constants: &[(&str, &Tensor)], others: usize) {
    for symbolic in [false, true] {
        let proto = graph(nodes.to_vec(), x, symbolic, constants);
        let plan = tract_onnx::onnx().model_for_proto_model(&proto).unwrap();
        let plan = plan.into_optimized().unwrap().into_runnable().unwrap();
        let expected = plan.run(tvec!(x.clone().into_tvalue())).unwrap();
        let model = optimised(&proto);
        let ours = |node: &TypedNode| node.op_is::<Convolution>() || node.op_is::<InvertedResidual>();
        let left = model.nodes.iter().filter(|node| !ours(node) && !node.inputs.is_empty());
        let left = left.map(|node| node.op.name().to_string()).collect::<Vec<_>>();
        assert_eq!(left.len(), others, "{left:?}");
        let got = run_model(proto, x).unwrap();
        got[0].close_enough(&expected[0], Approximation::Approximate).unwrap();
    }
}

#[test]
fn upstreams_answer_for_every_window() {
    let x = numbers(&[2, 4, 9, 10], 5);
    let bias = numbers(&[8], 3);
    let attributes = [
        vec![],
        vec![ints("pads", &[1, 1, 1, 1])],
        vec![ints("pads", &[0, 1, 2, 0]), ints("strides", &[2, 1])],
        vec![ints("pads", &[2, 2, 2, 2]), ints("dilations", &[2, 2])],
        vec![int("group", 2), ints("strides", &[2, 2])],
        vec![int("group", 4), ints("pads", &[1, 1, 1, 1])],
        vec![crate::testing::string("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])],
        vec![crate::testing::string("auto_pad", "SAME_LOWER"), ints("strides", &[2, 2])],
    ];
    for attributes in attributes {
        let groups = attributes.iter().find(|attribute| attribute.name == "group").map_or(1, |group| group.i);
        let weights = numbers(&[8, 4 / groups as usize, 3, 3], 7);
        let conv = [step("Conv", &["x", "w", "b"], "y", attributes)];
        check(&conv, &x, &[("w", &weights), ("b", &bias)], 0);
    }
}

#[test]
fn rows_are_images_of_one_row() {
    let (x, weights) = (numbers(&[3, 5, 17], 5), numbers(&[6, 5, 4], 7));
    let conv = [step("Conv", &["x", "w"], "y", vec![ints("pads", &[2, 1]), ints("strides", &[2])])];
    check(&conv, &x, &[("w", &weights)], 0);
}

#[test]
fn many_channels_take_winograds_algorithm() {
    let (x, weights) = (numbers(&[2, 32, 28, 28], 5), numbers(&[24, 32, 3, 3], 7));
    let conv = [step("Conv", &["x", "w"], "y", vec![ints("pads", &[1, 1, 1, 1])])];
    check(&conv, &x, &[("w", &weights)], 0);
}

#[test]
fn normalisation_shortcut_and_limit_are_taken_in() {
    let (x, weights) = (numbers(&[2, 4, 6, 6], 5), numbers(&[4, 4, 3, 3], 7));
    let positive = tensor1(&[0.5f32, 1.0, 2.0, 4.0]);
    let nodes = [
        step("Conv", &["x", "w"], "c", vec![ints("pads", &[1, 1, 1, 1])]),
        step("BatchNormalization", &["c", "s", "s", "s", "s"], "n", vec![float("epsilon", 1e-3)]),
        step("Add", &["n", "x"], "a", vec![]),
        step("Relu", &["a"], "y", vec![]),
    ];
    check(&nodes, &x, &[("w", &weights), ("s", &positive)], 0);
}

#[test]
fn both_limits_of_a_clip_are_taken_in() {
    let (x, weights) = (numbers(&[1, 6, 5, 5], 5), numbers(&[6, 1, 3, 3], 7));
    let nodes = [
        step("Conv", &["x", "w"], "c", vec![int("group", 6)]),
        step("Clip", &["c", "low", "high"], "y", vec![]),
    ];
    check(&nodes, &x, &[("w", &weights), ("low", &tensor0(-0.5f32)), ("high", &tensor0(0.75f32))], 0);
}

#[test]
fn what_follows_a_limit_stays_behind_it() {
    let (x, weights) = (numbers(&[1, 4, 5, 5], 5), numbers(&[4, 4, 1, 1], 7));
    let nodes = [
        step("Conv", &["x", "w"], "c", vec![]),
        step("Relu", &["c"], "r", vec![]),
        step("Add", &["r", "x"], "y", vec![]),
    ];
    check(&nodes, &x, &[("w", &weights)], 1);
}

#[test]
fn a_value_that_is_read_twice_stays() {
    let (x, weights) = (numbers(&[1, 4, 5, 5], 5), numbers(&[4, 4, 1, 1], 7));
    let nodes = [
        step("Conv", &["x", "w"], "c", vec![]),
        step("Relu", &["c"], "r", vec![]),
        step("Add", &["c", "r"], "y", vec![]),
    ];
    check(&nodes, &x, &[("w", &weights)], 2);
}

#[test]
fn weights_of_the_run_are_upstreams() {
    let x = numbers(&[1, 4, 5, 5], 5);
    let conv = [step("Conv", &["x", "x"], "y", vec![])];
    let model = optimised(&graph(conv.to_vec(), &x, false, &[]));
    assert!(!model.nodes.iter().any(|node| node.op_is::<Convolution>()));
}

/// Eight channels widened to 24, filtered with steps of two or not, and narrowed again.
fn inverted_residual(steps: i64, shortcut: bool) -> Vec<NodeProto> {
    let limits = |from, to| step("Clip", &[from, "low", "high"], to, vec![]);
    let filter = vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[steps, steps]), int("group", 24)];
    let mut nodes = vec![
        step("Conv", &["x", "widen", "b"], "widened", vec![]),
        limits("widened", "w"),
        step("Conv", &["w", "filter"], "filtered", filter),
        limits("filtered", "f"),
        step("Conv", &["f", "narrow"], if shortcut { "narrowed" } else { "y" }, vec![]),
    ];
    if shortcut {
        nodes.push(step("Add", &["x", "narrowed"], "y", vec![]));
    }
    nodes
}

#[test]
fn an_inverted_residual_is_one_operator() {
    let x = numbers(&[2, 8, 11, 14], 5);
    let constants = [
        ("widen", &numbers(&[24, 8, 1, 1], 7)),
        ("b", &numbers(&[24], 3)),
        ("filter", &numbers(&[24, 1, 3, 3], 5)),
        ("narrow", &numbers(&[8, 24, 1, 1], 9)),
        ("low", &tensor0(0f32)),
        ("high", &tensor0(6f32)),
    ];
    for (nodes, read_elsewhere) in [
        (inverted_residual(1, true), false),
        (inverted_residual(2, false), false),
        ([inverted_residual(1, false), vec![step("Relu", &["f"], "y2", vec![])]].concat(), true),
    ] {
        let mut proto = graph(nodes.clone(), &x, false, &constants);
        if read_elsewhere {
            let graph = proto.graph.as_mut().unwrap();
            let mut second = graph.output[0].clone();
            second.name = "y2".into();
            graph.output.push(second);
        } else {
            check(&nodes, &x, &constants, 0);
        }
        let blocks = optimised(&proto).nodes.iter().filter(|node| node.op_is::<InvertedResidual>()).count();
        assert_eq!(blocks, usize::from(!read_elsewhere));
    }
}
