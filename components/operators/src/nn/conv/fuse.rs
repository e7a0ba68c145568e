//! What follows a convolution and can be done to its sums before they are written.
//!
//! Factors and addends of a channel (batch normalisation) go into weights and bias; the sum with a tensor of the
//! output's shape (the shortcut of a residual block) and the limits of Relu and Clip into the writing.

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::{Add, Max, Min, Mul};
use tract_onnx::tract_hir::internal::*;

use super::Convolution;
use crate::kernel::elements;

/// The convolution with its successor in it, where there is one that can be.
pub(super) fn successor(
    convolution: &Convolution,
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let outlet = OutletId::new(node.id, 0);
    let &[inlet] = model.outlet_successors(outlet) else { return Ok(None) };
    let next = model.node(inlet.node);
    let Some(operator) = next.op_as::<TypedBinOp>() else { return Ok(None) };
    // The sum of a tensor with itself has two inlets, hence two successors.
    let other = next.inputs[1 - inlet.slot];
    let other_fact = model.outlet_fact(other)?;
    let same_output = next.outputs[0].fact.without_value() == node.outputs[0].fact.without_value();
    if model.outputs.contains(&outlet) || !same_output || operator.1.is_some() {
        return Ok(None);
    }
    let mut inputs = node.inputs.clone();
    let fused = match &other_fact.konst {
        Some(constant) => {
            let Some(values) = of_channels(constant, convolution.weights.channels())? else {
                return Ok(None);
            };
            with_constant(convolution, operator, &values)
        }
        None if operator.0.is::<Add>() && can_add(convolution, node, other_fact) => {
            inputs.push(other);
            Some(Convolution { adds: true, ..convolution.clone() })
        }
        None => None,
    };
    let Some(fused) = fused else { return Ok(None) };
    let mut patch = TypedModelPatch::default();
    let inputs = patch.taps(model, &inputs)?;
    let output = patch.wire_node(&next.name, fused, &inputs)?;
    patch.shunt_outside(model, next.id.into(), output[0])?;
    Ok(Some(patch))
}

fn can_add(convolution: &Convolution, node: &TypedNode, other: &TypedFact) -> bool {
    !convolution.adds && is_open(convolution) && other.without_value() == node.outputs[0].fact.without_value()
}

/// Whether no limits have been taken in: nothing else may follow them.
fn is_open(convolution: &Convolution) -> bool {
    convolution.floor == f32::NEG_INFINITY && convolution.ceiling == f32::INFINITY
}

fn with_constant(convolution: &Convolution, operator: &TypedBinOp, values: &[f32]) -> Option<Convolution> {
    let mut fused = convolution.clone();
    if operator.0.is::<Add>() && is_open(convolution) {
        fused.bias = (0..).zip(values).map(|(ix, value)| bias(convolution, ix) + value).collect();
    } else if operator.0.is::<Mul>() && is_open(convolution) && !convolution.adds {
        fused.bias = (0..).zip(values).map(|(ix, value)| bias(convolution, ix) * value).collect();
        fused.weights = Arc::new(convolution.weights.scaled(values));
    } else {
        // A limit is one for all channels. NaN is none.
        let limit = values[0];
        if limit.is_nan() || values.iter().any(|value| *value != limit) {
            return None;
        }
        if operator.0.is::<Max>() {
            fused.floor = fused.floor.max(limit);
            fused.ceiling = fused.ceiling.max(limit);
        } else if operator.0.is::<Min>() {
            fused.floor = fused.floor.min(limit);
            fused.ceiling = fused.ceiling.min(limit);
        } else {
            return None;
        }
    }
    Some(fused)
}

fn bias(convolution: &Convolution, channel: usize) -> f32 {
    convolution.bias.get(channel).copied().unwrap_or(0.0)
}

/// The constant as a value for each channel, where it is one: a scalar, or `[1, channels, 1, ..]`.
fn of_channels(constant: &Tensor, channels: usize) -> TractResult<Option<Vec<f32>>> {
    if constant.datum_type() != f32::datum_type() || !constant.is_plain() {
        return Ok(None);
    }
    let values = elements::<f32>(constant)?;
    let is_vector = constant.rank() > 1 && constant.shape()[1] == channels;
    Ok(match values {
        [value] => Some(vec![*value; channels]),
        values if values.len() == channels && is_vector => Some(values.into()),
        _ => None,
    })
}
