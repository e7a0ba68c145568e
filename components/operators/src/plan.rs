//! Optimises a graph and runs it.
//!
//! tract's own run takes care of what a prediction of a small model does not need: it makes a state, binds the symbols
//! of every axis, evaluates the inputs as nodes and looks symbols up after each node. Of a model that answers in
//! microseconds that was a third of the time. Where every shape is known the nodes are run here one after the other;
//! any other graph is left to tract.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::plan::{EvalContext, SessionId};
use tract_onnx::tract_core::tract_linalg;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::KernelOp;
use crate::ml::one_hot_columns;
use crate::quantized::chain;

/// An optimised graph, ready to run any number of times. Nothing stays behind from a run.
#[derive(Debug)]
pub struct Plan {
    tract: Arc<TypedRunnableModel>,
    /// None where a shape is open.
    steps: Option<Steps>,
}

impl Plan {
    /// Optimises `model` and prepares it to be run.
    ///
    /// # Errors
    /// A node that tract cannot optimise, with its name.
    pub fn new(mut model: TypedModel) -> TractResult<Self> {
        one_hot_columns::fuse(&mut model)?;
        chain::fuse(&mut model)?;
        // tract makes its table of routines when it is first asked for one. For a packed model, whose memory is that of
        // this moment, that would be in the first prediction of each sandbox.
        let _ = tract_linalg::routines::softmax_rows_f32();
        let tract = model.into_optimized()?.into_runnable()?;
        let steps = Steps::new(&tract)?;
        Ok(Self { tract, steps })
    }

    /// Whether a node plans a graph of its own each time it runs, or may: one with subgraphs, and what tract could not
    /// bring into its final form. Then running needs most of what planning does; else nothing of it.
    pub fn plans_when_run(&self) -> bool {
        use tract_onnx::tract_core::ops::einsum::{EinSum, einsum_matmul, prefix_matmul};
        use tract_onnx::tract_core::ops::{array, cnn, logic, scan, submodel};
        self.tract.model().nodes.iter().any(|node| {
            node.op_is::<array::StridedSlice>()
                || node.op_is::<cnn::Conv>()
                || node.op_is::<cnn::Deconv>()
                || node.op_is::<EinSum>()
                || node.op_is::<einsum_matmul::EinSumMatMul>()
                || node.op_is::<prefix_matmul::PrefixMatMul>()
                || node.op_is::<logic::IfThenElse>()
                || node.op_is::<scan::Scan>()
                || node.op_is::<scan::OptScan>()
                || node.op_is::<submodel::SubmodelOp>()
                || node.op_as::<KernelOp>().is_some_and(KernelOp::plans_when_run)
        })
    }

    /// The outputs for `inputs`, both in the order of the graph.
    ///
    /// # Errors
    /// An input of another type or shape than the graph has it; what an operator refuses, with the node's name.
    pub fn run(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        match &self.steps {
            Some(steps) => steps.run(self.tract.model(), inputs),
            None => self.tract.run(inputs),
        }
    }
}

/// The nodes in the order of the plan, with places for the values between them.
#[derive(Debug)]
struct Steps {
    inputs: Vec<Input>,
    steps: Vec<Step>,
    outputs: Vec<Operand>,
    places: usize,
}

#[derive(Debug)]
struct Input {
    place: usize,
    datum_type: DatumType,
    shape: TVec<usize>,
}

#[derive(Debug)]
struct Step {
    node: usize,
    inputs: Vec<Operand>,
    /// The place of its first output.
    place: usize,
    /// It builds a state for each run.
    stateful: bool,
}

#[derive(Clone, Debug)]
enum Operand {
    Place(usize),
    /// The last to read it owns it, and may write over it.
    LastOf(usize),
    Const(TValue),
}

impl Steps {
    fn new(plan: &Arc<TypedRunnableModel>) -> TractResult<Option<Self>> {
        let model = plan.model();
        let order = plan.order_without_consts();
        let mut places = HashMap::new();
        let mut steps: Vec<Step> = vec![];
        for id in order {
            let node = model.node(*id);
            if node.outputs.iter().any(|output| !output.fact.shape.is_concrete()) {
                return Ok(None);
            }
            let place = places.len();
            places.extend((0..node.outputs.len()).map(|slot| (OutletId::new(*id, slot), place + slot)));
            if model.inputs.iter().any(|input| input.node == *id) {
                continue;
            }
            let state = node.op.state(&context(*id))?;
            if state.as_ref().is_some_and(|state| state.has_init_tensor_fact()) {
                return Ok(None);
            }
            let read = |outlet: &OutletId| Operand::of(model, &places, *outlet);
            let inputs = node.inputs.iter().map(read).collect::<TractResult<_>>()?;
            steps.push(Step { node: *id, inputs, place, stateful: state.is_some() });
        }
        let mut inputs = vec![];
        for outlet in &model.inputs {
            let fact = model.outlet_fact(*outlet)?;
            let Some(shape) = fact.shape.as_concrete() else { return Ok(None) };
            // An input that nothing reads is in no order.
            let next = places.len();
            let place = *places.entry(*outlet).or_insert(next);
            inputs.push(Input { place, datum_type: fact.datum_type, shape: shape.into() });
        }
        let outputs = model.outputs.iter().map(|outlet| Operand::of(model, &places, *outlet));
        let outputs = outputs.collect::<TractResult<_>>()?;
        let mut steps = Self { inputs, steps, outputs, places: places.len() };
        steps.release();
        Ok(Some(steps))
    }

    /// Marks the last read of each value.
    fn release(&mut self) {
        let mut read = vec![false; self.places];
        let reads = self.steps.iter_mut().flat_map(|step| &mut step.inputs).chain(&mut self.outputs);
        for operand in reads.rev() {
            match operand {
                Operand::Place(place) if !std::mem::replace(&mut read[*place], true) => {
                    *operand = Operand::LastOf(*place);
                }
                _ => (),
            }
        }
    }

    fn run(&self, model: &TypedModel, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut values: Vec<Option<TValue>> = vec![None; self.places];
        let expected = self.inputs.len();
        ensure!(inputs.len() == expected, "expected {expected} inputs, got {}", inputs.len());
        for (ix, (input, value)) in self.inputs.iter().zip(inputs).enumerate() {
            let Input { place, datum_type, shape } = input;
            ensure!(
                value.datum_type() == *datum_type && value.shape() == shape.as_slice(),
                "input {ix} is {:?} of shape {:?}, expected {datum_type:?} of shape {shape:?}",
                value.datum_type(),
                value.shape()
            );
            values[*place] = Some(value);
        }
        let done = self.steps.iter().try_for_each(|step| step.run(model, &mut values));
        for step in &self.steps {
            model.node(step.node).op().drop_session(SessionId::NONE, step.node);
        }
        done?;
        self.outputs.iter().map(|output| output.take(&mut values)).collect()
    }
}

impl Step {
    fn run(&self, model: &TypedModel, values: &mut [Option<TValue>]) -> TractResult<()> {
        let node = model.node(self.node);
        let inputs = self.inputs.iter().map(|input| input.take(values)).collect::<TractResult<_>>()?;
        let context = context(self.node);
        let state = if self.stateful { node.op.state(&context)? } else { None };
        let outputs = match state {
            Some(mut state) => state.eval(&context, node.op(), inputs),
            None => node.op.eval(&context, inputs),
        };
        for (ix, output) in outputs.with_context(|| format!("Evaluating {node}"))?.into_iter().enumerate() {
            values[self.place + ix] = Some(output);
        }
        Ok(())
    }
}

impl Operand {
    fn of(model: &TypedModel, places: &HashMap<OutletId, usize>, outlet: OutletId) -> TractResult<Self> {
        if let Some(konst) = model.node(outlet.node).op_as::<Const>() {
            return Ok(Self::Const(konst.val().clone().into_tvalue()));
        }
        let place = places.get(&outlet);
        Ok(Self::Place(*place.with_context(|| format!("nothing comes before {outlet:?}"))?))
    }

    fn take(&self, values: &mut [Option<TValue>]) -> TractResult<TValue> {
        match self {
            Self::Place(place) => values[*place].clone(),
            Self::LastOf(place) => values[*place].take(),
            Self::Const(value) => Some(value.clone()),
        }
        .context("an operator gave fewer outputs than it has")
    }
}

/// What operators are told of the run: nothing but their node.
fn context(node_id: usize) -> EvalContext<'static> {
    EvalContext { node_id, ..EvalContext::out_of_plan() }
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_core::ops::math;

    use super::*;

    /// `x + (x * 2)`, and `x` again.
    fn plan(len: TDim) -> Plan {
        let mut model = TypedModel::default();
        let len = if len == 0.to_dim() { model.symbols.sym("n").to_dim() } else { len };
        let x = model.add_source("x", f32::fact([len])).unwrap();
        let two = model.add_const("two", tensor1(&[2f32])).unwrap();
        let double = model.wire_node("double", math::mul(), &[x, two]).unwrap()[0];
        let sum = model.wire_node("sum", math::add(), &[x, double]).unwrap()[0];
        model.select_output_outlets(&[sum, x]).unwrap();
        Plan::new(model).unwrap()
    }

    fn run(plan: &Plan, x: Tensor) -> TractResult<Vec<Tensor>> {
        Ok(plan.run(tvec!(x.into_tvalue()))?.into_iter().map(TValue::into_tensor).collect())
    }

    #[test]
    fn known_shapes_run_in_steps_and_open_ones_by_tract_to_the_same_end() {
        let (known, open) = (plan(3.to_dim()), plan(0.to_dim()));
        assert!(known.steps.is_some() && open.steps.is_none());
        let x = tensor1(&[1f32, -2.0, 0.5]);
        for plan in [known, open] {
            // Twice, for a run leaves nothing behind and takes nothing away.
            for _ in 0..2 {
                assert_eq!(run(&plan, x.clone()).unwrap(), [tensor1(&[3f32, -6.0, 1.5]), x.clone()]);
            }
        }
    }

    #[test]
    fn an_input_that_does_not_fit_is_refused() {
        let plan = plan(3.to_dim());
        let error = |x| run(&plan, x).unwrap_err().to_string();
        assert_eq!(error(tensor1(&[1f32])), "input 0 is F32 of shape [1], expected F32 of shape [3]");
        assert_eq!(error(tensor1(&[1i32, 2, 3])), "input 0 is I32 of shape [3], expected F32 of shape [3]");
        assert_eq!(plan.run(tvec!()).unwrap_err().to_string(), "expected 1 inputs, got 0");
    }
}
