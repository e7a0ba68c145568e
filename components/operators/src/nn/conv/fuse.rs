//! What follows a convolution and can be done to its sums before they are written.
//!
//! Factors and addends of a channel (batch normalisation) go into weights and bias; the sum with a tensor of the
//! output's shape (the shortcut of a residual block) and the limits of Relu and Clip into the writing.

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::{Add, Mul};
use tract_onnx::tract_hir::internal::*;

use super::Convolution;
use crate::typed::{self, Limits, Successor};

/// The convolution with its successor in it, where there is one that can be.
pub(super) fn successor(
    convolution: &Convolution,
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let Some(next) = Successor::of(model, node)? else { return Ok(None) };
    let mut inputs = node.inputs.clone();
    let fused = match &next.other_fact.konst {
        Some(constant) => {
            let Some(values) = typed::along(constant, 1, convolution.weights.channels())? else {
                return Ok(None);
            };
            with_constant(convolution, next.operator, &values)
        }
        None if next.operator.0.is::<Add>() && can_add(convolution, node, next.other_fact) => {
            inputs.push(next.other);
            Some(Convolution { adds: true, ..convolution.clone() })
        }
        None => None,
    };
    fused.map_or(Ok(None), |fused| next.merged(fused, &inputs))
}

fn can_add(convolution: &Convolution, node: &TypedNode, other: &TypedFact) -> bool {
    !convolution.adds && is_open(convolution) && other.without_value() == node.outputs[0].fact.without_value()
}

/// Whether no limits have been taken in: nothing else may follow them.
fn is_open(convolution: &Convolution) -> bool {
    convolution.limits == Limits::NONE
}

fn with_constant(convolution: &Convolution, operator: &TypedBinOp, values: &[f32]) -> Option<Convolution> {
    let mut fused = convolution.clone();
    if operator.0.is::<Add>() && is_open(convolution) {
        fused.bias = (0..).zip(values).map(|(ix, value)| bias(convolution, ix) + value).collect();
    } else if operator.0.is::<Mul>() && is_open(convolution) && !convolution.adds {
        fused.bias = (0..).zip(values).map(|(ix, value)| bias(convolution, ix) * value).collect();
        fused.weights = Arc::new(convolution.weights.scaled(values));
    } else {
        fused.limits = convolution.limits.with(operator, values)?;
    }
    Some(fused)
}

fn bias(convolution: &Convolution, channel: usize) -> f32 {
    convolution.bias.get(channel).copied().unwrap_or(0.0)
}
