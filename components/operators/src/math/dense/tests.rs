//! Against upstream's products, and what may be taken into one.

use tract_onnx::pb::{ModelProto, NodeProto};

use super::*;
use crate::testing::{float, initializer, int, model, numbers, run_model, step};

fn graph(nodes: &[NodeProto], x: &Tensor, symbolic: bool, constants: &[(&str, &Tensor)]) -> ModelProto {
    let mut model = model(nodes.to_vec(), x, symbolic, &["y"]);
    model.graph.as_mut().unwrap().initializer =
        constants.iter().map(|(name, tensor)| initializer(name, tensor)).collect();
    model
}

/// The operators that compute something.
fn names(model: &ModelProto) -> Vec<String> {
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    let model = onnx.model_for_proto_model(model).unwrap().into_typed().unwrap().into_decluttered().unwrap();
    let nodes = model.nodes.iter().filter(|node| !node.inputs.is_empty());
    nodes.map(|node| node.op.name().to_string()).collect()
}

/// Compares with upstream's operators, with a symbolic batch, too, and checks the names of what is left.
fn check(nodes: &[NodeProto], x: &Tensor, constants: &[(&str, &Tensor)], left: &[&str]) {
    for symbolic in [false, true] {
        let proto = graph(nodes, x, symbolic, constants);
        let plan = tract_onnx::onnx().model_for_proto_model(&proto).unwrap();
        let plan = plan.into_optimized().unwrap().into_runnable().unwrap();
        let expected = plan.run(tvec!(x.clone().into_tvalue())).unwrap();
        assert_eq!(names(&proto), left);
        let got = run_model(proto, x).unwrap();
        got[0].close_enough(&expected[0], Approximation::Approximate).unwrap();
    }
}

#[test]
fn a_gemm_is_one_layer() {
    let (x, bias) = (numbers(&[5, 7], 5), numbers(&[11], 3));
    let (plain, transposed) = (numbers(&[7, 11], 7), numbers(&[11, 7], 7));
    let without = [step("Gemm", &["x", "w"], "y", vec![])];
    check(&without, &x, &[("w", &plain)], &["Dense"]);
    for (matrix, attributes) in [(&plain, vec![]), (&transposed, vec![int("transB", 1)])] {
        let nodes = [step("Gemm", &["x", "w", "b"], "r", attributes), step("Relu", &["r"], "y", vec![])];
        for bias in [&bias, &numbers(&[1, 11], 3), &tensor1(&[0.5f32])] {
            check(&nodes, &x, &[("w", matrix), ("b", bias)], &["Dense"]);
        }
    }
}

#[test]
fn a_product_takes_in_a_sum_and_limits() {
    let (matrix, bias) = (numbers(&[6, 9], 7), numbers(&[9], 3));
    let nodes = [
        step("MatMul", &["x", "w"], "p", vec![]),
        step("Add", &["b", "p"], "s", vec![]),
        step("Clip", &["s", "low", "high"], "y", vec![]),
    ];
    let (low, high) = (tensor0(-0.5f32), tensor0(2.0f32));
    let constants = [("w", &matrix), ("b", &bias), ("low", &low), ("high", &high)];
    for shape in [&[4, 6][..], &[2, 3, 6], &[2, 1, 5, 6]] {
        check(&nodes, &numbers(shape, 5), &constants, &["Dense"]);
    }
}

#[test]
fn a_product_with_a_vector_is_a_layer_of_one_output() {
    let nodes = [step("MatMul", &["x", "w"], "p", vec![]), step("Add", &["p", "b"], "y", vec![])];
    let bias = tensor1(&[0.5f32]);
    for len in [1, 7, 16, 45] {
        for (matrix, x) in [(&[len][..], &[3, len][..]), (&[len], &[2, 3, len]), (&[len, 1], &[1, len])] {
            check(&nodes, &numbers(x, 5), &[("w", &numbers(matrix, 7)), ("b", &bias)], &["Dense"]);
        }
    }
}

#[test]
fn what_follows_a_limit_stays_behind_it() {
    let nodes = [
        step("MatMul", &["x", "w"], "p", vec![]),
        step("Relu", &["p"], "r", vec![]),
        step("Add", &["r", "b"], "y", vec![]),
    ];
    let constants = [("w", &numbers(&[6, 9], 7)), ("b", &numbers(&[9], 3))];
    check(&nodes, &numbers(&[4, 6], 5), &constants, &["Dense", "Add"]);
}

#[test]
fn a_sum_for_each_row_stays_behind() {
    let nodes = [step("MatMul", &["x", "w"], "p", vec![]), step("Add", &["p", "b"], "y", vec![])];
    // As many rows as columns, so that the length alone does not tell.
    let (matrix, column) = (numbers(&[6, 4], 7), numbers(&[4, 1], 3));
    let proto = graph(&nodes, &numbers(&[4, 6], 5), false, &[("w", &matrix), ("b", &column)]);
    assert_eq!(names(&proto), ["Dense", "Add"]);
}

#[test]
fn factors_and_summands_of_the_run_are_upstreams() {
    let x = numbers(&[4, 4], 5);
    let matrix = numbers(&[4, 4], 7);
    let dense =
        |node: NodeProto| names(&graph(&[node], &x, false, &[("w", &matrix)])).contains(&"Dense".into());
    assert!(dense(step("Gemm", &["x", "w"], "y", vec![])));
    assert!(!dense(step("MatMul", &["x", "x"], "y", vec![])));
    assert!(!dense(step("MatMul", &["w", "x"], "y", vec![])));
    assert!(!dense(step("Gemm", &["x", "w", "x"], "y", vec![])));
    assert!(!dense(step("Gemm", &["x", "w"], "y", vec![int("transA", 1)])));
    assert!(!dense(step("Gemm", &["x", "w"], "y", vec![float("alpha", 0.5)])));
}
