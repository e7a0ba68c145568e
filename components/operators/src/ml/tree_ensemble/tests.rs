//! The classifier through tract, on trees small enough to follow by hand.

use tract_onnx::pb::AttributeProto;

use super::*;
use crate::testing::{doubles, floats, ints, node, refuse, run, string, strings};

/// One tree: node 0 compares feature 0 with 1.5, node 1 is the leaf where it holds, node 2 where it does not.
/// `weights` are (node, class, weight).
fn stump(mode: &str, labels: &[i64], weights: &[(i64, i64, f32)], more: Vec<AttributeProto>) -> NodeProto {
    let mut attributes = stump_without_values(mode, weights);
    attributes.push(ints("classlabels_int64s", labels));
    attributes.push(floats("nodes_values", &[1.5, 0.0, 0.0]));
    attributes.push(floats("class_weights", &weights.iter().map(|w| w.2).collect::<Vec<_>>()));
    attributes.extend(more);
    classifier(attributes)
}

fn stump_without_values(mode: &str, weights: &[(i64, i64, f32)]) -> Vec<AttributeProto> {
    vec![
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[0, 0, 0]),
        strings("nodes_modes", &[mode, "LEAF", "LEAF"]),
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("class_treeids", &vec![0; weights.len()]),
        ints("class_nodeids", &weights.iter().map(|w| w.0).collect::<Vec<_>>()),
        ints("class_ids", &weights.iter().map(|w| w.1).collect::<Vec<_>>()),
    ]
}

fn classifier(attributes: Vec<AttributeProto>) -> NodeProto {
    let mut node = node("ai.onnx.ml", "TreeEnsembleClassifier", attributes);
    node.output = vec!["label".into(), "scores".into()];
    node
}

fn replaced(mut node: NodeProto, by: AttributeProto) -> NodeProto {
    node.attribute.retain(|attribute| attribute.name != by.name);
    node.attribute.push(by);
    node
}

/// Expects `labels` and, within the last digits of a float, `scores`.
fn check(node: NodeProto, x: Tensor, labels: Tensor, scores: Tensor) {
    let outputs = run(node, x).unwrap();
    assert_eq!(outputs[0], labels);
    outputs[1].close_enough(&scores, Approximation::Close).unwrap();
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

const MARGINS: [(i64, i64, f32); 2] = [(1, 0, -1.0), (2, 0, 2.0)];
const SHARES: [(i64, i64, f32); 2] = [(1, 0, 0.25), (2, 0, 0.75)];
const THREE: [(i64, i64, f32); 4] = [(1, 0, 2.0), (1, 1, 1.0), (2, 2, 3.0), (2, 1, -1.0)];

#[test]
fn every_mode_compares_as_its_name_says() {
    let x = || tensor2(&[[1f32], [1.5], [2.0], [f32::NAN]]);
    let shares = [(1, 0, 1.0), (2, 0, 0.0)];
    for (mode, holds) in [
        ("BRANCH_LEQ", [1, 1, 0, 0]),
        ("BRANCH_LT", [1, 0, 0, 0]),
        ("BRANCH_GTE", [0, 1, 1, 0]),
        ("BRANCH_GT", [0, 0, 1, 0]),
        ("BRANCH_EQ", [0, 1, 0, 0]),
        ("BRANCH_NEQ", [1, 0, 1, 1]),
    ] {
        assert_eq!(
            run(stump(mode, &[0, 1], &shares, vec![]), x()).unwrap()[0],
            tensor1(&holds.map(i64::from)),
            "{mode}"
        );
        let missing = vec![ints("nodes_missing_value_tracks_true", &[1, 0, 0])];
        let tracked = [holds[0], holds[1], holds[2], 1].map(i64::from);
        assert_eq!(run(stump(mode, &[0, 1], &shares, missing), x()).unwrap()[0], tensor1(&tracked), "{mode}");
    }
}

#[test]
fn one_column_of_positive_weights_is_the_probability_of_the_second_class() {
    let x = || tensor2(&[[1f32], [2.0]]);
    let expect = || tensor2(&[[0.75f32, 0.25], [0.25, 0.75]]);
    check(stump("BRANCH_LEQ", &[4, 5], &SHARES, vec![]), x(), tensor1(&[4i64, 5]), expect());
    let second = SHARES.map(|(node, _, weight)| (node, 1, weight));
    check(stump("BRANCH_LEQ", &[4, 5], &second, vec![]), x(), tensor1(&[4i64, 5]), expect());
    // The only transform that onnxruntime applies to them; the label stays.
    let logistic = vec![string("post_transform", "LOGISTIC")];
    let expect = [0.25, 0.75].map(|share| [sigmoid(-share), sigmoid(share)]);
    check(stump("BRANCH_LEQ", &[4, 5], &SHARES, logistic), x(), tensor1(&[4i64, 5]), tensor2(&expect));
}

#[test]
fn one_column_of_mixed_weights_is_the_margin_of_the_second_class() {
    let x = || tensor2(&[[1f32], [2.0]]);
    let node = |more| stump("BRANCH_LEQ", &[4, 5], &MARGINS, more);
    check(node(vec![]), x(), tensor1(&[4i64, 5]), tensor2(&[[1f32, -1.0], [-2.0, 2.0]]));
    let expect = tensor2(&[[sigmoid(1.0), sigmoid(-1.0)], [sigmoid(-2.0), sigmoid(2.0)]]);
    check(node(vec![string("post_transform", "LOGISTIC")]), x(), tensor1(&[4i64, 5]), expect);
}

#[test]
fn one_base_value_moves_the_margin_and_the_label() {
    let more = vec![string("post_transform", "LOGISTIC"), floats("base_values", &[-3.0])];
    let expect = tensor2(&[[sigmoid(4.0), sigmoid(-4.0)], [sigmoid(1.0), sigmoid(-1.0)]]);
    check(
        stump("BRANCH_LEQ", &[4, 5], &MARGINS, more),
        tensor2(&[[1f32], [2.0]]),
        tensor1(&[4i64, 4]),
        expect,
    );
}

#[test]
fn of_two_base_values_one_column_takes_that_of_its_class() {
    let more = vec![floats("base_values", &[0.5, 9.0])];
    let expect = tensor2(&[[0.5f32, -0.5], [-2.5, 2.5]]);
    check(
        stump("BRANCH_LEQ", &[4, 5], &MARGINS, more),
        tensor2(&[[1f32], [2.0]]),
        tensor1(&[4i64, 5]),
        expect,
    );
}

#[test]
fn two_columns_are_decided_by_the_greater() {
    let weights = [(1, 0, 0.7), (1, 1, 0.3), (2, 0, 0.2), (2, 1, 0.8)];
    let more = vec![floats("base_values", &[0.5, -0.5])];
    let expect = tensor2(&[[1.2f32, -0.2], [0.7, 0.3]]);
    check(
        stump("BRANCH_LEQ", &[4, 5], &weights, more),
        tensor2(&[[1f32], [2.0]]),
        tensor1(&[4i64, 4]),
        expect,
    );
}

#[test]
fn one_base_value_of_two_columns_is_that_of_the_first() {
    let weights = [(1, 0, 0.7), (1, 1, 0.3), (2, 0, 0.2), (2, 1, 0.8)];
    let node = stump("BRANCH_LEQ", &[4, 5], &weights, vec![floats("base_values", &[0.5])]);
    let expect = tensor2(&[[1.2f32, 0.3], [0.7, 0.8]]);
    check(node, tensor2(&[[1f32], [2.0]]), tensor1(&[4i64, 5]), expect);
}

#[test]
fn many_classes_sum_apart_with_a_base_value_each() {
    let more = vec![floats("base_values", &[0.5, 0.0, -4.0])];
    let expect = tensor2(&[[2.5f32, 1.0, -4.0], [0.5, -1.0, -1.0]]);
    check(
        stump("BRANCH_LEQ", &[7, 8, 9], &THREE, more),
        tensor2(&[[1f32], [2.0]]),
        tensor1(&[7i64, 7]),
        expect,
    );
}

#[test]
fn every_post_transform_gives_its_formula() {
    let e = f32::exp;
    let labels = [7, 8, 9];
    let with = |name: &str| stump("BRANCH_LEQ", &labels, &THREE, vec![string("post_transform", name)]);
    let expect =
        |name, scores: [f32; 3]| check(with(name), tensor2(&[[1f32]]), tensor1(&[7i64]), tensor2(&[scores]));
    let sum = 1.0 + e(-1.0) + e(-2.0);
    expect("NONE", [2.0, 1.0, 0.0]);
    expect("LOGISTIC", [sigmoid(2.0), sigmoid(1.0), 0.5]);
    expect("SOFTMAX", [1.0 / sum, e(-1.0) / sum, e(-2.0) / sum]);
    expect("SOFTMAX_ZERO", [1.0 / (1.0 + e(-1.0)), e(-1.0) / (1.0 + e(-1.0)), 0.0]);
}

/// Quantiles of the normal distribution from a table; the approximation is good to three digits.
#[test]
fn probit_is_the_normal_quantile() {
    let more = || vec![string("post_transform", "PROBIT")];
    let near = |node, expect: &[f32]| {
        let outputs = run(node, tensor2(&[[1f32]])).unwrap();
        let scores = outputs[1].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap();
        assert!(scores.iter().zip(expect).all(|(a, b)| (a - b).abs() < 5e-3), "{scores:?}");
    };
    near(
        stump("BRANCH_LEQ", &[0, 1, 2], &[(1, 0, 0.5), (1, 1, 0.975), (1, 2, 0.025)], more()),
        &[0.0, 1.96, -1.96],
    );
    near(stump("BRANCH_LEQ", &[0, 1], &SHARES, more()), &[0.6745, -0.6745]);
}

#[test]
fn labels_may_be_strings() {
    let mut node = stump("BRANCH_LEQ", &[], &SHARES, vec![strings("classlabels_strings", &["No", "Yes"])]);
    node.attribute.retain(|attribute| attribute.name != "classlabels_int64s");
    let outputs = run(node, tensor2(&[[2f32], [1.0]])).unwrap();
    assert_eq!(outputs[0], tensor1(&["Yes".to_string(), "No".to_string()]));
}

#[test]
fn every_number_type_of_input_gives_floats() {
    let node = || stump("BRANCH_LEQ", &[4, 5], &SHARES, vec![]);
    let expect = || tensor2(&[[0.75f32, 0.25], [0.25, 0.75]]);
    check(node(), tensor2(&[[1i64], [2]]), tensor1(&[4i64, 5]), expect());
    check(node(), tensor2(&[[1i32], [2]]), tensor1(&[4i64, 5]), expect());
    check(node(), tensor2(&[[1f64], [2.0]]), tensor1(&[4i64, 5]), expect());
    check(node(), tensor1(&[2f32]), tensor1(&[5i64]), tensor2(&[[0.25f32, 0.75]]));
}

#[test]
fn doubles_are_compared_as_doubles() {
    // Above 1.5 by less than a float can say.
    let x = 1.5 + 1e-12;
    let shares = stump("BRANCH_LEQ", &[4, 5], &SHARES, vec![]);
    assert_eq!(run(shares.clone(), tensor2(&[[x]])).unwrap()[0], tensor1(&[5i64]));
    assert_eq!(run(shares, tensor2(&[[x as f32]])).unwrap()[0], tensor1(&[4i64]));
}

#[test]
fn attributes_given_as_double_tensors_are_evaluated_in_double() {
    let weights = [(1, 0, 0.0), (2, 0, 0.0)];
    let mut attributes = stump_without_values("BRANCH_LEQ", &weights);
    attributes.push(ints("classlabels_int64s", &[4, 5]));
    attributes.push(doubles("nodes_values_as_tensor", &[1.5 - 1e-12, 0.0, 0.0]));
    attributes.push(doubles("class_weights_as_tensor", &[-1.0, 1.0]));
    attributes.push(doubles("base_values_as_tensor", &[0.5]));
    let node = classifier(attributes);
    check(node, tensor2(&[[1.5f32], [1.0]]), tensor1(&[5i64, 4]), tensor2(&[[-1.5f32, 1.5], [0.5, -0.5]]));
}

#[test]
fn trees_are_summed_over_more_rows_than_a_block() {
    let shares = [(1, 0, 0.25), (2, 0, 0.75)];
    let rows: Vec<f32> = (0..200).map(|row| (row % 3) as f32).collect();
    let labels: Vec<i64> = (0..200).map(|row| i64::from(row % 3 == 2)).collect();
    let x = tensor1(&rows).into_shape(&[200, 1]).unwrap();
    assert_eq!(run(stump("BRANCH_LEQ", &[0, 1], &shares, vec![]), x).unwrap()[0], tensor1(&labels));
}

#[test]
fn a_batch_without_rows_gives_no_rows() {
    let x = Tensor::zero::<f32>(&[0, 1]).unwrap();
    let outputs = run(stump("BRANCH_LEQ", &[0, 1], &SHARES, vec![]), x).unwrap();
    assert_eq!((outputs[0].shape(), outputs[1].shape()), (&[0][..], &[0, 2][..]));
}

#[test]
fn nodes_in_any_order_and_tree_ids_with_gaps_are_one_ensemble() {
    let node = classifier(vec![
        ints("classlabels_int64s", &[0, 1]),
        ints("nodes_treeids", &[9, 9, 9, 3]),
        ints("nodes_nodeids", &[5, 2, 7, 0]),
        ints("nodes_featureids", &[1, 0, 0, 0]),
        strings("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"]),
        ints("nodes_truenodeids", &[7, 0, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0, 0]),
        floats("nodes_values", &[0.0, 0.0, 0.0, 0.0]),
        ints("class_treeids", &[3, 9, 9]),
        ints("class_nodeids", &[0, 2, 7]),
        ints("class_ids", &[0, 0, 0]),
        floats("class_weights", &[-10.0, 1.0, 12.0]),
    ]);
    let x = tensor2(&[[5f32, -1.0], [5.0, 1.0]]);
    check(node, x, tensor1(&[1i64, 0]), tensor2(&[[-2f32, 2.0], [9.0, -9.0]]));
}

#[test]
fn only_the_named_outputs_are_given() {
    let mut node = stump("BRANCH_LEQ", &[4, 5], &SHARES, vec![]);
    node.output = vec!["label".into()];
    assert_eq!(run(node, tensor2(&[[2f32]])).unwrap(), vec![tensor1(&[5i64])]);
}

#[test]
fn a_tree_that_has_no_end_is_refused() {
    let node = || stump("BRANCH_LEQ", &[0, 1], &SHARES, vec![]);
    let x = || tensor2(&[[1f32]]);
    refuse(replaced(node(), ints("nodes_truenodeids", &[0, 0, 0])), x(), "its own descendant");
    let both = replaced(node(), strings("nodes_modes", &["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"]));
    let both = replaced(both, ints("nodes_falsenodeids", &[2, 2, 0]));
    refuse(both, x(), "its own descendant");
}

#[test]
fn attributes_that_do_not_fit_are_refused_by_name() {
    let node = || stump("BRANCH_LEQ", &[0, 1], &SHARES, vec![]);
    let refused = |by, expect: &str| refuse(replaced(node(), by), tensor2(&[[1f32]]), expect);
    refused(ints("nodes_truenodeids", &[7, 0, 0]), "nodes_truenodeids: tree 0 has no node 7");
    refused(ints("nodes_falsenodeids", &[7]), "nodes_falsenodeids has 1 values, nodes_treeids has 3");
    refused(ints("nodes_nodeids", &[0, 1, 1]), "node 1 of tree 0 is listed twice");
    refused(ints("nodes_featureids", &[-1, 0, 0]), "nodes_featureids: -1");
    refused(ints("nodes_featureids", &[i64::from(u32::MAX), 0, 0]), "is not below 2^24");
    refused(strings("nodes_modes", &["BRANCH", "LEAF", "LEAF"]), "nodes_modes: \"BRANCH\" is no mode");
    refused(floats("nodes_values", &[1.0]), "nodes_values has 1 values");
    refused(ints("class_ids", &[0, 2]), "class_ids: 2 is none of the 2 columns");
    refused(ints("class_nodeids", &[0, 9]), "class_nodeids: tree 0 has no node 9");
    refused(floats("class_weights", &[1.0]), "class_weights has 1 values");
    refused(floats("base_values", &[1.0, 2.0, 3.0]), "expected none or 2 values, got 3");
    refused(string("post_transform", "TANH"), "\"TANH\" is no transform");
    refused(strings("classlabels_strings", &["a", "b"]), "both are set");
    refused(ints("nodes_treeids", &[]), "at least one node");
}

#[test]
fn a_feature_beyond_the_columns_is_refused() {
    let node = replaced(stump("BRANCH_LEQ", &[0, 1], &SHARES, vec![]), ints("nodes_featureids", &[3, 0, 0]));
    refuse(node, tensor2(&[[1f32, 2.0]]), "look at feature 3, the input has 2 columns");
}
