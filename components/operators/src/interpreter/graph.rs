//! A graph as a list of steps, and how they run.

use std::collections::{HashMap, HashSet};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto, type_proto};
use tract_onnx::tract_hir::internal::*;

use super::control::Control;
use super::sequence::SequenceOperator;
use super::value::Value;
use crate::upstream;

/// The steps of a graph or subgraph, in the order of its nodes, which ONNX sorts.
#[derive(Debug)]
pub(crate) struct Graph {
    inputs: Vec<String>,
    constants: Vec<(String, TValue)>,
    steps: Vec<Step>,
    outputs: Vec<String>,
    /// What the file says of the outputs.
    declared: Vec<Declared>,
    /// The outer values that this graph and those in it read.
    outer: Vec<String>,
}

/// The type and shape that a file gives an output; either may be left open.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    pub(super) datum_type: Option<DatumType>,
    /// None where even the rank is open.
    pub(super) shape: Option<TVec<Option<usize>>>,
}

impl Declared {
    fn of(info: &ValueInfoProto) -> Self {
        let r#type = info.r#type.as_ref().and_then(|r#type| r#type.value.as_ref());
        let Some(type_proto::Value::TensorType(tensor)) = r#type else { return Self::default() };
        let length = |dim: &Dimension| match dim.value {
            Some(dimension::Value::DimValue(length)) => usize::try_from(length).ok(),
            _ => None,
        };
        let datum_type = DataType::try_from(tensor.elem_type).ok().and_then(|r#type| r#type.try_into().ok());
        Self { datum_type, shape: tensor.shape.as_ref().map(|shape| shape.dim.iter().map(length).collect()) }
    }
}

#[derive(Debug)]
struct Step {
    /// For messages: the node's name, or that of its first output.
    name: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    action: Action,
    /// What no later step reads; forgotten after this one.
    last_uses: Vec<String>,
}

#[derive(Debug)]
enum Action {
    Operator(Box<dyn InferenceOp>),
    Sequence(SequenceOperator),
    Control(Box<Control>),
}

/// Values by name: those of a graph, then those around it.
pub(super) struct Scope<'a> {
    values: HashMap<&'a str, Value>,
    around: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    pub(super) fn outermost() -> Self {
        Scope { values: HashMap::new(), around: None }
    }

    pub(super) fn of(values: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Scope { values: values.into_iter().collect(), around: None }
    }

    fn get(&self, name: &str) -> TractResult<Value> {
        match (self.values.get(name), self.around) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(around)) => around.get(name),
            (None, None) => bail!("`{name}` is made by no node before it is read"),
        }
    }
}

impl Graph {
    pub(super) fn new(ctx: &ParsingContext, graph: &GraphProto) -> TractResult<Self> {
        let constant = |tensor: &TensorProto| {
            let value = ctx.load_tensor(tensor).with_context(|| format!("tensor `{}`", tensor.name))?;
            Ok((tensor.name.clone(), value.into_tvalue()))
        };
        let constants = graph.initializer.iter().map(constant).collect::<TractResult<Vec<_>>>()?;
        let initialised = constants.iter().map(|(name, _)| name.as_str()).collect::<HashSet<_>>();
        let inputs = graph.input.iter().map(|input| input.name.clone());
        let inputs = inputs.filter(|name| !initialised.contains(name.as_str())).collect::<Vec<_>>();
        let mut steps =
            graph.node.iter().map(|node| Step::new(ctx, node)).collect::<TractResult<Vec<_>>>()?;
        let outputs = graph.output.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
        find_last_uses(&mut steps, &outputs);

        let mut made = inputs.iter().chain(constants.iter().map(|(name, _)| name)).collect::<HashSet<_>>();
        let mut outer = vec![];
        for step in &steps {
            outer.extend(step.reads().filter(|name| !made.contains(name)).cloned());
            made.extend(&step.outputs);
        }
        outer.extend(outputs.iter().filter(|name| !made.contains(name)).cloned());
        outer.sort();
        outer.dedup();
        let declared = graph.output.iter().map(Declared::of).collect();
        Ok(Self { inputs, constants, steps, outputs, declared, outer })
    }

    pub(super) fn outputs(&self) -> &[String] {
        &self.outputs
    }

    pub(super) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    pub(super) fn outer(&self) -> &[String] {
        &self.outer
    }

    /// Runs the steps on `inputs`, which come in the graph's order.
    pub(super) fn run(&self, inputs: Vec<Value>, around: &Scope) -> TractResult<Vec<Value>> {
        ensure!(
            inputs.len() == self.inputs.len(),
            "expected {} inputs ({}), got {}",
            self.inputs.len(),
            self.inputs.join(", "),
            inputs.len()
        );
        let constants =
            self.constants.iter().map(|(name, tensor)| (name.as_str(), Value::Tensor(tensor.clone())));
        let inputs = self.inputs.iter().map(String::as_str).zip(inputs);
        let mut scope = Scope { values: constants.chain(inputs).collect(), around: Some(around) };
        for step in &self.steps {
            log::trace!("Running \"{}\"", step.name);
            let results = step.run(&scope).with_context(|| format!("node `{}`", step.name))?;
            for name in &step.last_uses {
                scope.values.remove(name.as_str());
            }
            scope.values.extend(step.outputs.iter().map(String::as_str).zip(results));
        }
        self.outputs.iter().map(|name| scope.get(name)).collect()
    }
}

impl Step {
    fn new(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Self> {
        let name = crate::support::name(node).to_owned();
        log::trace!("Creating node \"{name}\" {}", node.op_type);
        let action = Action::new(ctx, node).with_context(|| format!("node `{name}` ({})", node.op_type))?;
        let (inputs, outputs) = (node.input.clone(), node.output.clone());
        Ok(Self { name, inputs, outputs, action, last_uses: vec![] })
    }

    /// The names of the values that this step reads, itself or in its subgraphs.
    fn reads(&self) -> impl Iterator<Item = &String> {
        let outer = match &self.action {
            Action::Control(control) => control.outer(),
            _ => vec![],
        };
        self.inputs.iter().filter(|name| !name.is_empty()).chain(outer)
    }

    fn run(&self, scope: &Scope) -> TractResult<Vec<Value>> {
        let read = |name: &String| if name.is_empty() { Ok(None) } else { scope.get(name).map(Some) };
        let inputs = self.inputs.iter().map(read).collect::<TractResult<Vec<_>>>()?;
        let results = match &self.action {
            Action::Operator(operator) => return self.compute(operator.as_ref(), inputs),
            Action::Sequence(operator) => vec![operator.run(inputs)?],
            Action::Control(control) => control.run(inputs, scope)?,
        };
        Ok(results)
    }

    /// Runs an operator on tensors. Its results stand at the places of the outputs that have a name.
    fn compute(&self, operator: &dyn InferenceOp, inputs: Vec<Option<Value>>) -> TractResult<Vec<Value>> {
        let inputs =
            inputs.into_iter().flatten().map(Value::into_tensor).collect::<TractResult<TVec<_>>>()?;
        let results = match operator.eval_out_of_plan(inputs.clone()) {
            Ok(Some(results)) => results,
            // Some operators find their way only with the facts of a model around them.
            _ => alone(operator, &self.name, inputs)?,
        };
        // Some operators give every output, others only those that the node names.
        let named = self.outputs.iter().filter(|name| !name.is_empty()).count();
        let only_named = results.len() == named;
        let mut results = results.into_iter();
        let mut place = |name: &String| {
            let result = if only_named && name.is_empty() { None } else { results.next() };
            match result {
                _ if name.is_empty() => Ok(Value::Absent),
                Some(tensor) if tensor.datum_type().is_tdim() => {
                    Ok(Value::tensor(tensor.cast_to::<i64>()?.into_owned()))
                }
                Some(tensor) => Ok(Value::Tensor(tensor)),
                None => bail!("the operator gives no output `{name}`"),
            }
        };
        self.outputs.iter().map(&mut place).collect()
    }
}

impl Action {
    fn new(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Self> {
        if let Some(control) = Control::new(ctx, node)? {
            return Ok(Self::Control(Box::new(control)));
        }
        if let Some(sequence) = SequenceOperator::new(node)? {
            return Ok(Self::Sequence(sequence));
        }
        let build = ctx.framework.op_register.0.get(&node.op_type);
        let build = build.with_context(|| format!("the operator {} is not supported", node.op_type))?;
        let (operator, _) = build(ctx, node)?;
        upstream::check_arity(operator.as_ref(), node)?;
        Ok(Self::Operator(operator))
    }
}

/// Runs an operator as a model of its own, whose inputs are constants.
fn alone(operator: &dyn InferenceOp, name: &str, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let mut model = InferenceModel::default();
    let outputs = operator.nboutputs()?;
    let facts = std::iter::repeat_n(InferenceFact::default(), outputs).collect();
    let node = model.add_node(name, tract_onnx::tract_core::dyn_clone::clone_box(operator), facts)?;
    for (ix, input) in inputs.into_iter().enumerate() {
        let constant = model.add_const(format!("{name}.{ix}"), input.into_arc_tensor())?;
        model.add_edge(constant, InletId::new(node, ix))?;
    }
    model.select_output_outlets(&(0..outputs).map(|slot| OutletId::new(node, slot)).collect::<Vec<_>>())?;
    model.into_typed()?.into_runnable()?.run(tvec!())
}

fn find_last_uses(steps: &mut [Step], outputs: &[String]) {
    let mut used = outputs.iter().cloned().collect::<HashSet<_>>();
    for step in steps.iter_mut().rev() {
        let reads = step.reads().cloned().collect::<Vec<_>>();
        step.last_uses = reads.into_iter().filter(|name| used.insert(name.clone())).collect();
    }
}
