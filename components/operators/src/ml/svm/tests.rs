//! Support vector machines through tract, small enough to follow by hand.

use tract_onnx::pb::AttributeProto;

use super::*;
use crate::testing::{expect, floats, int, ints, node, refuse, string, strings};

fn machine(op_type: &str, attributes: Vec<AttributeProto>, more: Vec<AttributeProto>) -> NodeProto {
    let mut node = node("ai.onnx.ml", op_type, attributes);
    node.attribute.retain(|attribute| more.iter().all(|by| by.name != attribute.name));
    node.attribute.extend(more);
    if op_type == "SVMClassifier" {
        node.output = vec!["label".into(), "scores".into()];
    }
    node
}

/// Two classes with a support vector each; the score of the pair is `0.4 * x - 0.5`.
fn binary(more: Vec<AttributeProto>) -> NodeProto {
    let attributes = vec![
        ints("classlabels_ints", &[4, 5]),
        floats("coefficients", &[0.3, 0.2]),
        floats("support_vectors", &[1.0, 0.5]),
        ints("vectors_per_class", &[1, 1]),
        floats("rho", &[-0.5]),
    ];
    machine("SVMClassifier", attributes, more)
}

/// Three classes, by the sign of the score of each two of them.
fn three(more: Vec<AttributeProto>) -> NodeProto {
    let attributes = vec![
        strings("classlabels_strings", &["a", "b", "c"]),
        floats("coefficients", &[1.0, -0.5, -1.0, 0.5, 0.25, -2.0]),
        floats("support_vectors", &[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]),
        ints("vectors_per_class", &[1, 1, 1]),
        floats("rho", &[0.25, -0.125, 0.0]),
    ];
    machine("SVMClassifier", attributes, more)
}

fn regressor(more: Vec<AttributeProto>) -> NodeProto {
    let attributes = vec![
        int("n_supports", 2),
        floats("coefficients", &[2.0, -1.0]),
        floats("support_vectors", &[1.0, 0.0, 0.0, 1.0]),
        floats("kernel_params", &[0.5, 1.0, 3.0]),
        floats("rho", &[0.25]),
    ];
    machine("SVMRegressor", attributes, more)
}

fn x() -> [Option<Tensor>; 1] {
    [Some(tensor2(&[[1f32], [2.0]]))]
}

/// The scores are onnxruntime's.
#[test]
fn two_classes_have_the_score_of_their_pair_twice() {
    let check = |name, scores: [[f32; 2]; 2]| {
        let node = binary(vec![string("post_transform", name)]);
        expect(node, &x(), &[tensor1(&[5i64, 4]), tensor2(&scores)]);
    };
    check("NONE", [[0.1, -0.1], [-0.3, 0.3]]);
    check("LOGISTIC", [[0.524_979_2, 0.475_020_83], [0.425_557_5, 0.574_442_5]]);
    check("SOFTMAX", [[1.1, -0.1], [0.7, 0.3]]);
}

/// The scores are onnxruntime's.
#[test]
fn sigmoids_make_probabilities_of_scores() {
    let check = |name, scores: [[f32; 2]; 2]| {
        let sigmoids = vec![floats("prob_a", &[-1.5]), floats("prob_b", &[0.1])];
        let node = binary(sigmoids.into_iter().chain([string("post_transform", name)]).collect());
        expect(node, &x(), &[tensor1(&[5i64, 4]), tensor2(&scores)]);
    };
    check("NONE", [[0.437_692_9, 0.562_307_1], [0.586_269, 0.413_731]]);
    check("LOGISTIC", [[0.607_709_17, 0.636_986_2], [0.642_508_6, 0.601_982_1]]);
    check("SOFTMAX", [[0.468_886_7, 0.531_113_3], [0.543_027_8, 0.456_972_18]]);
}

#[test]
fn every_two_of_many_classes_have_a_score_and_a_vote() {
    // Similarities 2, 1 and -3. a to b: 1 * 2 - 0.5 * 1 + 0.25, a to c: 0.5 * 2 + 3 - 0.125, b to c: 0.25 * 1
    // + 6.
    let node = three(vec![]);
    let x = [Some(tensor2(&[[2f32, 1.0]]))];
    expect(node, &x, &[tensor1(&["a".to_string()]), tensor2(&[[1.75f32, 3.875, 6.25]])]);
}

/// With a fair chance in every pair, every class has the same.
#[test]
fn probabilities_of_pairs_are_coupled() {
    let node = three(vec![floats("prob_a", &[0.0; 3]), floats("prob_b", &[0.0; 3])]);
    let x = [Some(tensor2(&[[2f32, 1.0]]))];
    expect(node, &x, &[tensor1(&["a".to_string()]), tensor2(&[[1f32 / 3.0; 3]])]);
}

/// The labels and scores are onnxruntime's: with a negative coefficient among two classes, any score above 0
/// means the second; without one, any from 0.5.
#[test]
fn without_support_vectors_every_class_has_a_score() {
    let node = |coefficients: &[f32]| {
        binary(vec![
            floats("coefficients", coefficients),
            floats("support_vectors", &[]),
            ints("vectors_per_class", &[]),
            string("kernel_type", "RBF"),
        ])
    };
    let scores = tensor2(&[[0.1f32, -0.7], [0.7, -0.9]]);
    expect(node(&[0.6, -0.2]), &x(), &[tensor1(&[5i64, 5]), scores]);
    let scores = tensor2(&[[0.1f32, -0.3], [0.7, -0.1]]);
    expect(node(&[0.6, 0.2]), &x(), &[tensor1(&[4i64, 5]), scores]);
}

#[test]
fn every_kernel_has_its_formula() {
    // Products 2 and -1, squared distances 2 and 8.
    let x = tensor2(&[[2i64, -1]]);
    let check = |name, [first, second]: [f32; 2]| {
        let y = tensor2(&[[2.0 * first - second + 0.25]]);
        for datum_type in NUMBERS {
            let x = x.cast_to_dt(datum_type).unwrap().into_owned();
            expect(regressor(vec![string("kernel_type", name)]), &[Some(x)], std::slice::from_ref(&y));
        }
    };
    check("LINEAR", [2.0, -1.0]);
    check("POLY", [8.0, 0.125]);
    check("RBF", [f32::exp(-1.0), f32::exp(-4.0)]);
    check("SIGMOID", [f32::tanh(2.0), f32::tanh(0.5)]);
    let fourth = vec![string("kernel_type", "POLY"), floats("kernel_params", &[1.0, 0.0, 4.0])];
    expect(regressor(fourth), &[Some(tensor1(&[2f32, -1.0]))], &[tensor2(&[[31.25f32]])]);
}

#[test]
fn of_one_class_the_sign_is_told() {
    let x = [Some(tensor2(&[[1f32, 0.0], [-1.0, 0.0], [-0.125, 0.0]]))];
    let y = tensor2(&[[1f32], [-1.0], [-1.0]]);
    expect(regressor(vec![int("one_class", 1)]), &x, &[y]);
}

#[test]
fn a_regressor_without_support_vectors_is_linear() {
    let node = regressor(vec![int("n_supports", 0), string("kernel_type", "RBF")]);
    expect(node, &[Some(tensor1(&[1f32, 0.5]))], &[tensor2(&[[1.75f32]])]);
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let refused = |more, message: &str| refuse(binary(vec![more]), tensor2(&[[1f32]]), message);
    refused(ints("vectors_per_class", &[2]), "vectors_per_class has 1 values");
    refused(ints("vectors_per_class", &[1, -1]), "-1 is no number of vectors");
    refused(ints("vectors_per_class", &[i64::MAX; 3]), "9223372036854775807");
    refused(ints("vectors_per_class", &[2, 1]), "expected 3 coefficients and 1 values of rho, got 2 and 1");
    refused(floats("rho", &[]), "rho has 0 values");
    refused(floats("prob_a", &[1.0]), "prob_b has 0 values, expected 1");
    refused(floats("support_vectors", &[1.0; 3]), "3 values are not 2 vectors");
    refused(floats("support_vectors", &[1.0; 4]), "an input of 2 columns, got 1");
    refused(floats("kernel_params", &[1.0]), "expected 3 values, got 1");
    refused(string("kernel_type", "COSINE"), "\"COSINE\" is no kernel");
    refuse(regressor(vec![int("n_supports", 3)]), tensor2(&[[1f32, 2.0]]), "n_supports is 3");
    refuse(regressor(vec![]), tensor2(&[[1f32]]), "an input of 2 columns, got 1");
}
