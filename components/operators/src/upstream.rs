//! tract's own operators, kept for what they serve, and a kernel of ours for the rest.
//!
//! Many of tract's operators want parameters that are known before the run (pads, scales, statistics), and are fast then.
//! Here the choice is made per node once its inputs have their types: tract's operator where it fits, else the kernel.

use std::sync::LazyLock;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel};

static TRACT: LazyLock<OnnxOpRegister> = LazyLock::new(|| tract_onnx::onnx().op_register);

/// What tract makes of the node.
pub(crate) fn build(ctx: &ParsingContext, node: &NodeProto) -> Built {
    match TRACT.0.get(&node.op_type) {
        Some(builder) => builder(ctx, node),
        None => bail!("expected an operator of tract, got {}", node.op_type),
    }
}

/// Asks the rules of an operator whether it has so many inputs and outputs. Out of a plan it does not ask
/// them itself, and may read an input that is not there.
pub(crate) fn check_arity(operator: &dyn InferenceOp, node: &NodeProto) -> TractResult<()> {
    let open = InferenceFact::default();
    let facts = |names: &[String]| names.iter().filter(|name| !name.is_empty()).map(|_| &open).collect();
    let mut asked = tract_onnx::tract_core::dyn_clone::clone_box(operator);
    asked.infer_facts(facts(&node.input), facts(&node.output), tvec![]).map(|_| ())
}

/// Whether tract's operator serves, given the inputs as the operator has them.
pub(crate) type Fits = fn(&[Option<&TypedFact>]) -> bool;

/// tract's operator where it `fits`, else `kernel`.
pub(crate) fn build_or(ctx: &ParsingContext, node: &NodeProto, fits: Fits, kernel: impl Kernel) -> Built {
    let (usual, outer) = build(ctx, node)?;
    ensure!(outer.is_empty(), "expected an operator without subgraphs");
    let (own, _) = kernel::wire(ctx, node, kernel)?;
    let inputs = node.input.iter().map(|name| !name.is_empty()).collect();
    // With other inputs than it knows tract's would panic, and the kernel says what is wrong.
    let fits =
        if check_arity(usual.as_ref(), node).is_ok() { fits } else { |_: &[Option<&TypedFact>]| false };
    Ok((Box::new(Choice { usual, own, fits, inputs }), vec![]))
}

/// Whether the values of all these inputs are known before the run; an input that is left out is.
pub(crate) fn are_known(inputs: &[Option<&TypedFact>], which: &[usize]) -> bool {
    which.iter().all(|ix| inputs.get(*ix).copied().flatten().is_none_or(|fact| fact.konst.is_some()))
}

#[derive(Clone, Debug)]
struct Choice {
    usual: Box<dyn InferenceOp>,
    own: Box<dyn InferenceOp>,
    fits: Fits,
    /// Which of the operator's inputs the node has.
    inputs: TVec<bool>,
}

impl PartialEq for Choice {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Choice {}

impl Choice {
    fn takes_usual(&self, facts: &[TypedFact]) -> bool {
        let mut facts = facts.iter();
        let placed = self.inputs.iter().map(|present| if *present { facts.next() } else { None });
        (self.fits)(&placed.collect::<TVec<_>>())
    }
}

impl Op for Choice {
    fn name(&self) -> StaticName {
        self.usual.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Choice {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        let facts = inputs.iter().map(|value| TypedFact::try_from(value.clone().into_arc_tensor()));
        match self.takes_usual(&facts.collect::<TractResult<TVec<_>>>()?) {
            true => self.usual.eval_out_of_plan(inputs),
            false => self.own.eval_out_of_plan(inputs),
        }
    }

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.own.eval(ctx, inputs)
    }
}

impl InferenceOp for Choice {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let known = inputs.iter().map(|fact| kernel::typed(fact)).collect::<Option<TVec<_>>>();
        match known.is_some_and(|facts| !self.takes_usual(&facts)) {
            true => self.own.infer_facts(inputs, outputs, observed),
            false => self.usual.infer_facts(inputs, outputs, observed),
        }
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.own.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let fact = |outlet: &OutletId| target.outlet_fact(kernel::mapped(mapping, *outlet)?).cloned();
        let facts = node.inputs.iter().map(fact);
        match self.takes_usual(&facts.collect::<TractResult<TVec<_>>>()?) {
            true => self.usual.to_typed(source, node, target, mapping),
            false => self.own.to_typed(source, node, target, mapping),
        }
    }

    as_op!();
}
