//! An operator that is tract's where that one is right and fast, and a kernel for the rest.
//!
//! The choice is made by what is known of the inputs, so not before their types are.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel};
use crate::upstream::check_arity;

/// What tract itself builds from the node.
pub(super) fn upstream(ctx: &ParsingContext, node: &NodeProto) -> Built {
    match tract_onnx::onnx().op_register.0.get(&node.op_type) {
        Some(build) => build(ctx, node),
        None => bail!("tract has no operator {}", node.op_type),
    }
}

/// tract's operator for inputs that `suits` accepts, and `own` for others.
pub(super) fn upstream_if(
    ctx: &ParsingContext,
    node: &NodeProto,
    suits: impl Fn(&[TypedFact]) -> bool + Send + Sync + 'static,
    own: impl Kernel,
) -> Built {
    let (upstream, outer) = upstream(ctx, node)?;
    ensure!(outer.is_empty(), "expected {} to read nothing but its inputs", node.op_type);
    let (own, _) = kernel::wire(ctx, node, own)?;
    // With other inputs than it knows tract's would panic, and the kernel says what is wrong.
    let knows = check_arity(upstream.as_ref(), node).is_ok();
    let suits = move |facts: &[TypedFact]| knows && suits(facts);
    Ok((Box::new(Choice { upstream, own, suits: Suits(Arc::new(suits)) }), vec![]))
}

#[derive(Clone, Debug)]
struct Choice {
    upstream: Box<dyn InferenceOp>,
    own: Box<dyn InferenceOp>,
    suits: Suits,
}

#[derive(Clone)]
struct Suits(Arc<Test>);

type Test = dyn Fn(&[TypedFact]) -> bool + Send + Sync;

impl std::fmt::Debug for Suits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Suits")
    }
}

/// Nothing merges operators before they are typed, and then the choice is made.
impl PartialEq for Choice {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Choice {}

impl Choice {
    fn made(&self, inputs: &[TypedFact]) -> &dyn InferenceOp {
        if (self.suits.0)(inputs) { &*self.upstream } else { &*self.own }
    }
}

impl Op for Choice {
    fn name(&self) -> StaticName {
        self.own.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Choice {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        let facts = inputs.iter().map(|value| TypedFact::try_from(value.clone().into_arc_tensor()));
        self.made(&facts.collect::<TractResult<Vec<_>>>()?).eval_out_of_plan(inputs)
    }
}

impl InferenceOp for Choice {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let typed: Option<Vec<_>> = inputs.iter().map(|fact| TypedFact::try_from(*fact).ok()).collect();
        match typed {
            Some(facts) if !(self.suits.0)(&facts) => self.own.infer_facts(inputs, outputs, observed),
            Some(_) => self.upstream.infer_facts(inputs, outputs, observed),
            // The kernel would wait for the types; tract may find them, or object too early.
            None => match self.upstream.infer_facts(inputs.clone(), outputs.clone(), observed.clone()) {
                Ok(facts) => Ok(facts),
                Err(_) => self.own.infer_facts(inputs, outputs, observed),
            },
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
        let facts = facts.collect::<TractResult<Vec<_>>>()?;
        self.made(&facts).to_typed(source, node, target, mapping)
    }

    as_op!();
}
