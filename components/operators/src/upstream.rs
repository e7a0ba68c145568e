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

/// tract's operator where it `fits`, else `kernel`, which serves all that the operator is for.
pub(crate) fn build_or(ctx: &ParsingContext, node: &NodeProto, fits: Fits, kernel: impl Kernel) -> Built {
    let inputs = node.input.iter().map(|name| !name.is_empty()).collect::<TVec<_>>();
    let fits = move |facts: &[TypedFact]| {
        let mut facts = facts.iter();
        let placed = inputs.iter().map(|present| if *present { facts.next() } else { None });
        fits(&placed.collect::<TVec<_>>())
    };
    choice(ctx, node, fits, kernel, true)
}

/// tract's operator where it `fits`, else `kernel`, which serves only the rest. `fits` is given the inputs that the node
/// has.
pub(crate) fn build_if(
    ctx: &ParsingContext,
    node: &NodeProto,
    fits: impl Fn(&[TypedFact]) -> bool + Send + Sync + 'static,
    kernel: impl Kernel,
) -> Built {
    choice(ctx, node, fits, kernel, false)
}

fn choice(
    ctx: &ParsingContext,
    node: &NodeProto,
    fits: impl Fn(&[TypedFact]) -> bool + Send + Sync + 'static,
    kernel: impl Kernel,
    serves_all: bool,
) -> Built {
    let (usual, outer) = build(ctx, node)?;
    ensure!(outer.is_empty(), "expected {} to read nothing but its inputs", node.op_type);
    let (own, _) = kernel::wire(ctx, node, kernel)?;
    // With other inputs than it knows tract's would panic, and the kernel says what is wrong.
    let known = check_arity(usual.as_ref(), node).is_ok();
    let fits = move |facts: &[TypedFact]| known && fits(facts);
    Ok((Box::new(Choice { usual, own, fits: Test(Arc::new(fits)), serves_all }), vec![]))
}

/// Whether the values of all these inputs are known before the run; an input that is left out is.
pub(crate) fn are_known(inputs: &[Option<&TypedFact>], which: &[usize]) -> bool {
    which.iter().all(|ix| inputs.get(*ix).copied().flatten().is_none_or(|fact| fact.konst.is_some()))
}

#[derive(Clone, Debug)]
struct Choice {
    usual: Box<dyn InferenceOp>,
    own: Box<dyn InferenceOp>,
    fits: Test,
    /// Whether the kernel could do without tract's operator, if slower.
    serves_all: bool,
}

#[derive(Clone)]
struct Test(Arc<TestFn>);

type TestFn = dyn Fn(&[TypedFact]) -> bool + Send + Sync;

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Test")
    }
}

/// Nothing merges operators before they are typed, and then the choice is made.
impl PartialEq for Choice {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Choice {}

impl Op for Choice {
    fn name(&self) -> StaticName {
        self.usual.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Choice {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        // Only upstream computes with symbols. Of numbers, folding constants is no matter of speed, and a kernel that
        // serves all refuses what upstream panics on.
        let own = if self.serves_all {
            !inputs.iter().any(|value| value.datum_type().is_tdim())
        } else {
            let facts = inputs.iter().map(|value| TypedFact::try_from(value.clone().into_arc_tensor()));
            !(self.fits.0)(&facts.collect::<TractResult<TVec<_>>>()?)
        };
        if own { self.own.eval_out_of_plan(inputs) } else { self.usual.eval_out_of_plan(inputs) }
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
        let known = inputs.iter().map(|fact| TypedFact::try_from(*fact).ok()).collect::<Option<TVec<_>>>();
        match known {
            Some(facts) if (self.fits.0)(&facts) => self.usual.infer_facts(inputs, outputs, observed),
            Some(_) if self.serves_all => {
                // The kernel refuses what upstream would panic on. Its facts are only for what upstream refuses: lengths
                // that are unknown to it may become known later, and then there are two.
                let own = self.own.infer_facts(inputs.clone(), outputs.clone(), observed.clone())?;
                Ok(self.usual.infer_facts(inputs, outputs, observed).unwrap_or(own))
            }
            Some(_) => self.own.infer_facts(inputs, outputs, observed),
            // The kernel waits for the types; tract may find them, or object too early.
            None => match self.usual.infer_facts(inputs.clone(), outputs.clone(), observed.clone()) {
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
        match (self.fits.0)(&facts.collect::<TractResult<TVec<_>>>()?) {
            true => self.usual.to_typed(source, node, target, mapping),
            false => self.own.to_typed(source, node, target, mapping),
        }
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::TensorProto;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::tract_core::ops::array::Pad;

    use super::*;
    use crate::testing::{model_of, node};

    fn typed(pads: Option<&[i64]>) -> TypedModel {
        let mut node = node("", "Pad", vec![]);
        node.input = vec!["x".into(), "pads".into()];
        let (x, at_run_time) = (tensor2(&[[1f32]]), tensor1(&[0i64, 1, 0, 1]));
        let mut inputs = vec![("x", &x)];
        if pads.is_none() {
            inputs.push(("pads", &at_run_time));
        }
        let mut model = model_of(vec![node], &inputs, pads.is_some(), &["y"]);
        if let (Some(pads), Some(graph)) = (pads, &mut model.graph) {
            graph.initializer.push(TensorProto {
                name: "pads".into(),
                dims: vec![pads.len() as i64],
                data_type: DataType::Int64 as i32,
                int64_data: pads.into(),
                ..TensorProto::default()
            });
        }
        let mut onnx = tract_onnx::onnx();
        crate::register(&mut onnx);
        onnx.model_for_proto_model(&model).unwrap().into_typed().unwrap()
    }

    fn is_upstreams(model: &TypedModel) -> bool {
        model.nodes.iter().any(|node| node.op_as::<Pad>().is_some())
    }

    #[test]
    fn upstreams_operator_stays_where_it_fits_and_symbols_go_through_it() {
        let model = typed(Some(&[0, 1, 0, 1]));
        assert!(is_upstreams(&model));
        assert_eq!(format!("{:?}", model.output_fact(0).unwrap().shape), "N,3");
    }

    #[test]
    fn the_kernel_serves_the_rest() {
        assert!(!is_upstreams(&typed(None)));
        assert!(!is_upstreams(&typed(Some(&[0, 1, 0, -1]))));
    }
}
