//! Runs a graph node by node, with every shape known from the values at hand.
//!
//! tract plans a graph before it sees a value. Where a shape depends on values (a `Reshape` whose target is an input, a
//! sequence that grows in a `Loop`), there is nothing to plan, and the graph is interpreted: slower, for each node is
//! prepared when it runs, but to the letter of the ONNX text. The operators are the same as in a plan, so the numbers
//! are, too.
//!
//! Steps: [`graph`] turns the protobuf into steps, once; running them passes [`Value`]s from name to name; `control`
//! runs subgraphs (`If`, `Loop`, `Scan`, `SequenceMap`), `sequence` does what has no tensor (`Sequence*`, `Optional*`).

mod control;
mod graph;
mod sequence;
mod value;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::ModelProto;
use tract_onnx::tract_hir::internal::*;

pub(crate) use self::control::looped;
use self::graph::{Graph, Scope};
use self::value::Value;

/// Whether an operator is run here although tract's register does not have it.
pub(crate) fn has(operator: &str) -> bool {
    control::OPERATORS.contains(&operator) || sequence::OPERATORS.contains(&operator)
}

/// A graph whose nodes are prepared one by one, as their inputs come.
///
/// Build it from a model that went through [`crate::prepare`] and for which [`crate::unsupported`] is empty.
#[derive(Debug)]
pub struct Interpreter {
    graph: Graph,
    /// Symbols that operators hold are dead without it.
    _symbols: SymbolScope,
}

impl Interpreter {
    /// Reads the initialisers and builds the operator of each node.
    ///
    /// # Errors
    /// An attribute or initialiser that its operator does not accept; the text names the node.
    pub fn new(onnx: &Onnx, model: &ModelProto) -> TractResult<Self> {
        let graph = model.graph.as_ref().context("the model has no graph")?;
        let ctx = context(onnx, model);
        Ok(Self { graph: Graph::new(&ctx, graph)?, _symbols: ctx.template.symbols })
    }

    /// The outputs for `inputs`, both in the order of the graph. An input with an initialiser is not among them.
    /// Integers come and go as int64, never as tract's `TDim`.
    ///
    /// # Errors
    /// What an operator refuses, with the node's name; an output that is not a tensor.
    pub fn run(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs = inputs.into_iter().map(Value::Tensor).collect();
        let outputs = self.graph.run(inputs, &Scope::outermost())?;
        outputs
            .into_iter()
            .zip(self.graph.outputs())
            .map(|(value, name)| value.into_tensor().with_context(|| format!("output `{name}`")))
            .collect()
    }
}

/// What the builders of operators look at. That no graph is around tells them that values are known: see `cast`.
fn context<'a>(onnx: &'a Onnx, model: &'a ModelProto) -> ParsingContext<'a> {
    let opset = model.opset_import.iter().find(|import| matches!(&*import.domain, "" | "ai.onnx"));
    ParsingContext {
        onnx_operator_set_version: opset.map_or(0, |import| import.version),
        framework: onnx,
        model,
        parent_graphs: vec![],
        model_dir: None,
        template: InferenceModel::default(),
    }
}
