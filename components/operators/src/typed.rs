//! Upstream's operator until the types are known, and then one of ours, where there is one.
//!
//! Upstream reads attributes, finds the facts and refuses what does not fit; ours knows its weights, and takes in what
//! follows it ([`Successor`]).

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::{Max, Min};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{elements, mapped};

/// How an operator of ours is found.
pub(crate) trait Own: std::any::Any + std::fmt::Debug + Clone + Send + Sync {
    /// The operator, or None where upstream's must stay. `usual` is upstream's node that gives the output.
    fn typed(&self, usual: &TypedNode, inputs: &[&TypedFact]) -> TractResult<Option<Box<dyn TypedOp>>>;

    /// What it reads, given what upstream's node reads and what the model's does: of that the first.
    fn reads<'a>(&self, _usual: &'a [OutletId], inputs: &'a [OutletId]) -> &'a [OutletId] {
        &inputs[..1]
    }
}

/// `usual`, until `own` finds another.
pub(crate) fn instead(usual: Box<dyn InferenceOp>, own: impl Own) -> Box<dyn InferenceOp> {
    Box::new(Instead { usual, own })
}

#[derive(Clone, Debug)]
struct Instead<T> {
    usual: Box<dyn InferenceOp>,
    own: T,
}

/// Nothing merges operators before they are typed.
impl<T> PartialEq for Instead<T> {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl<T> Eq for Instead<T> {}

impl<T: Own> Op for Instead<T> {
    fn name(&self) -> StaticName {
        self.usual.name()
    }

    not_a_typed_op!();
}

impl<T: Own> EvalOp for Instead<T> {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.usual.eval_out_of_plan(inputs)
    }

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.usual.eval(ctx, inputs)
    }
}

impl<T: Own> InferenceOp for Instead<T> {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        self.usual.infer_facts(inputs, outputs, observed)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.usual.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        // Where it is replaced, upstream's node is dropped with all that no output needs.
        let outlets = self.usual.to_typed(source, node, target, mapping)?;
        let inputs = node.inputs.iter().map(|outlet| mapped(mapping, *outlet));
        let inputs = inputs.collect::<TractResult<TVec<_>>>()?;
        let usual = target.node(outlets[0].node);
        let facts = inputs.iter().map(|outlet| target.outlet_fact(*outlet));
        let own = self.own.typed(usual, &facts.collect::<TractResult<TVec<_>>>()?)?;
        let Some(op) = own else { return Ok(outlets) };
        let reads = TVec::from(self.own.reads(&usual.inputs, &inputs));
        target.wire_node(format!("{}.own", node.name), op, &reads)
    }

    as_op!();
}

/// The operator of two values that reads an output which nothing else reads, and gives one of the same shape.
pub(crate) struct Successor<'a> {
    model: &'a TypedModel,
    node: &'a TypedNode,
    pub(crate) operator: &'a TypedBinOp,
    /// What it reads besides.
    pub(crate) other: OutletId,
    pub(crate) other_fact: &'a TypedFact,
}

impl<'a> Successor<'a> {
    /// What follows `node`, which has one output.
    pub(crate) fn of(model: &'a TypedModel, node: &TypedNode) -> TractResult<Option<Self>> {
        let outlet = OutletId::new(node.id, 0);
        let &[inlet] = model.outlet_successors(outlet) else { return Ok(None) };
        let next = model.node(inlet.node);
        let Some(operator) = next.op_as::<TypedBinOp>() else { return Ok(None) };
        // The sum of a tensor with itself has two inlets, hence two successors.
        let other = next.inputs[1 - inlet.slot];
        let same_output = next.outputs[0].fact.without_value() == node.outputs[0].fact.without_value();
        if model.outputs.contains(&outlet) || !same_output || operator.1.is_some() {
            return Ok(None);
        }
        let other_fact = model.outlet_fact(other)?;
        Ok(Some(Self { model, node: next, operator, other, other_fact }))
    }

    /// `op` of `inputs` in place of the node and its successor.
    pub(crate) fn merged(
        &self,
        op: impl TypedOp,
        inputs: &[OutletId],
    ) -> TractResult<Option<TypedModelPatch>> {
        let mut patch = TypedModelPatch::default();
        let inputs = patch.taps(self.model, inputs)?;
        let output = patch.wire_node(&self.node.name, op, &inputs)?;
        patch.shunt_outside(self.model, self.node.id.into(), output[0])?;
        Ok(Some(patch))
    }
}

/// A constant as a value for each of `len` elements along `axis`, where it is one: a scalar, or no longer elsewhere.
pub(crate) fn along(constant: &Tensor, axis: usize, len: usize) -> TractResult<Option<Vec<f32>>> {
    if constant.datum_type() != f32::datum_type() || !constant.is_plain() {
        return Ok(None);
    }
    let values = elements::<f32>(constant)?;
    Ok(match values {
        [value] => Some(vec![*value; len]),
        values if values.len() == len && constant.shape().get(axis) == Some(&len) => Some(values.into()),
        _ => None,
    })
}

/// Between which values an output stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) floor: f32,
    pub(crate) ceiling: f32,
}

impl Limits {
    pub(crate) const NONE: Self = Self { floor: f32::NEG_INFINITY, ceiling: f32::INFINITY };

    /// With the limit that `operator` sets, if it is the same everywhere. NaN is none.
    pub(crate) fn with(self, operator: &TypedBinOp, values: &[f32]) -> Option<Self> {
        let limit = *values.first()?;
        if limit.is_nan() || values.iter().any(|value| *value != limit) {
            return None;
        }
        if operator.0.is::<Max>() {
            Some(Self { floor: self.floor.max(limit), ceiling: self.ceiling.max(limit) })
        } else if operator.0.is::<Min>() {
            Some(Self { floor: self.floor.min(limit), ceiling: self.ceiling.min(limit) })
        } else {
            None
        }
    }
}
