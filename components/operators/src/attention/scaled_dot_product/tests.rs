//! Attention of few heads and keys, small enough to follow by hand.

use tract_onnx::pb::AttributeProto;

use super::*;
use crate::testing::{compute, expect, float, int, node};

/// With `scale` 1, unless the attributes say otherwise.
fn attention(mut attributes: Vec<AttributeProto>) -> NodeProto {
    attributes.push(float("scale", 1.0));
    node("", "Attention", attributes)
}

/// One head of size 1 in a batch of 1.
fn one_head(values: &[f32]) -> Option<Tensor> {
    Some(tensor1(values).into_shape(&[1, 1, values.len(), 1]).unwrap())
}

fn refused(node: NodeProto, inputs: &[Option<Tensor>], expected: &str) {
    let error = format!("{:#}", compute(node, inputs).unwrap_err());
    assert!(error.contains(expected), "{error}");
}

const LN_3: f32 = 1.098_612_3;

#[test]
fn a_query_weighs_the_values_by_its_products_with_the_keys() {
    let inputs = [one_head(&[1.0, 0.0]), one_head(&[0.0, LN_3]), one_head(&[0.0, 4.0])];
    expect(attention(vec![]), &inputs, &[one_head(&[3.0, 2.0]).unwrap()]);
}

#[test]
fn half_and_double_keep_their_type() {
    let inputs = [one_head(&[1.0, 0.0]), one_head(&[0.0, 0.0]), one_head(&[0.0, 4.0])];
    for dt in [DatumType::F16, DatumType::F64] {
        let typed = inputs.clone().map(|x| Some(x?.cast_to_dt(dt).unwrap().into_owned()));
        let output = one_head(&[2.0, 2.0]).unwrap().cast_to_dt(dt).unwrap().into_owned();
        expect(attention(vec![int("softmax_precision", 11)]), &typed, &[output]);
    }
}

#[test]
fn packed_heads_of_the_query_share_one_of_the_keys() {
    let heads = vec![int("q_num_heads", 2), int("kv_num_heads", 1)];
    let query = tensor1(&[0f32, 1.0]).into_shape(&[1, 1, 2]).unwrap();
    let keys = tensor1(&[0f32, LN_3]).into_shape(&[1, 2, 1]).unwrap();
    let values = tensor1(&[0f32, 4.0]).into_shape(&[1, 2, 1]).unwrap();
    let output = tensor1(&[2f32, 3.0]).into_shape(&[1, 1, 2]).unwrap();
    expect(attention(heads), &[Some(query), Some(keys), Some(values)], &[output]);
}

#[test]
fn the_past_goes_before_the_new_keys_and_a_causal_query_sees_it() {
    let mut node = attention(vec![int("is_causal", 1)]);
    node.output = vec!["y".into(), "key".into(), "value".into()];
    let inputs = [
        one_head(&[0.0, 0.0]),
        one_head(&[1.0, 2.0]),
        one_head(&[4.0, 9.0]),
        None,
        one_head(&[3.0]),
        one_head(&[2.0]),
    ];
    let outputs = [&[3.0, 5.0][..], &[3.0, 1.0, 2.0], &[2.0, 4.0, 9.0]];
    expect(node, &inputs, &outputs.map(|values| one_head(values).unwrap()));
}

#[test]
fn a_window_bounds_what_a_query_sees() {
    let window = vec![int("left_window_size", 1), int("right_window_size", 0)];
    let inputs = [one_head(&[0.0; 3]), one_head(&[0.0; 3]), one_head(&[2.0, 4.0, 8.0])];
    expect(attention(window), &inputs, &[one_head(&[2.0, 3.0, 6.0]).unwrap()]);
}

#[test]
fn padding_is_not_seen_and_moves_the_causal_diagonal() {
    let mut inputs = vec![one_head(&[0.0; 2]), one_head(&[0.0; 4]), one_head(&[2.0, 4.0, 6.0, f32::NAN])];
    inputs.extend([None, None, None, Some(tensor1(&[3i64]))]);
    expect(attention(vec![]), &inputs, &[one_head(&[4.0, 4.0]).unwrap()]);
    expect(attention(vec![int("is_causal", 1)]), &inputs, &[one_head(&[3.0, 4.0]).unwrap()]);
    // The first of two queries stands before the only key.
    inputs[6] = Some(tensor1(&[1i64]));
    expect(attention(vec![int("is_causal", 1)]), &inputs, &[one_head(&[0.0, 2.0]).unwrap()]);
}

#[test]
fn a_query_that_may_attend_nothing_gives_zero() {
    let mask = Some(tensor2(&[[true, false], [false, false]]));
    let inputs = [one_head(&[0.0, f32::INFINITY]), one_head(&[1.0; 2]), one_head(&[2.0, 4.0]), mask];
    expect(attention(vec![]), &inputs, &[one_head(&[2.0, 0.0]).unwrap()]);
}

#[test]
fn a_mask_of_numbers_is_added_and_a_short_one_hides_the_rest() {
    let inputs = |mask| [one_head(&[0.0]), one_head(&[0.0; 3]), one_head(&[0.0, 4.0, 100.0]), Some(mask)];
    expect(attention(vec![]), &inputs(tensor1(&[0f32, LN_3])), &[one_head(&[3.0]).unwrap()]);
    refused(attention(vec![]), &inputs(tensor1(&[0f32; 4])), "expected a mask for (1, 1, 1, 3), got [4]");
}

#[test]
fn the_fourth_output_shows_the_scores_at_each_step() {
    let inputs = [
        one_head(&[2.0]),
        one_head(&[0.0, 1.0]),
        one_head(&[0.0, 0.0]),
        Some(tensor1(&[f32::NEG_INFINITY, 0.0])),
    ];
    // 2 tanh(2 / 2)
    let capped = 1.523_188_3;
    let steps = [[0.0, 2.0], [0.0, capped], [f32::NEG_INFINITY, capped], [0.0, 1.0]];
    for (mode, scores) in steps.iter().enumerate() {
        let mut node = attention(vec![float("softcap", 2.0), int("qk_matmul_output_mode", mode as i64)]);
        node.output = vec!["y".into(), String::new(), String::new(), "scores".into()];
        let scores = tensor1(scores).into_shape(&[1, 1, 1, 2]).unwrap();
        expect(node, &inputs, &[one_head(&[0.0]).unwrap(), scores]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let rank_3 = Some(tensor3(&[[[1f32]]]));
    refused(attention(vec![]), &[rank_3.clone(), rank_3.clone(), rank_3], "expected q_num_heads");
    let keys = one_head(&[1.0, 2.0]);
    refused(attention(vec![]), &[keys.clone(), keys.clone(), one_head(&[1.0])], "that fit each other");
    let without = [keys.clone(), keys.clone(), keys.clone(), None, keys.clone()];
    refused(attention(vec![]), &without, "one is missing");
    let wrong = attention(vec![int("left_window_size", -2)]);
    refused(wrong, &[keys.clone(), keys.clone(), keys], "left_window_size to be at least -1");
}
