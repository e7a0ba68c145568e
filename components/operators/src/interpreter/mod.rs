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

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::*;
    use crate::testing::{int, model_of, node, string};

    /// The first output for `inputs` `x0`, `x1`, ..
    fn interpret(node: NodeProto, inputs: &[Tensor]) -> TractResult<TValue> {
        let names = (0..inputs.len()).map(|ix| format!("x{ix}")).collect::<Vec<_>>();
        let given = names.iter().map(String::as_str).zip(inputs).collect::<Vec<_>>();
        let mut model = model_of(vec![node], &given, false, &["y"]);
        crate::prepare(&mut model, &[])?;
        let mut onnx = tract_onnx::onnx();
        crate::register(&mut onnx);
        let outputs = Interpreter::new(&onnx, &model)?;
        let outputs = outputs.run(inputs.iter().map(|input| input.clone().into_tvalue()).collect())?;
        outputs.into_iter().next().context("no output")
    }

    fn refuse(mut node: NodeProto, input: &[&str], inputs: &[Tensor], expect: &str) {
        node.input = input.iter().map(|name| (*name).into()).collect();
        let error = format!("{:#}", interpret(node, inputs).unwrap_err());
        assert!(error.contains("node `tested`") && error.contains(expect), "{error}");
    }

    #[test]
    fn an_operator_with_too_few_or_too_many_inputs_is_refused_by_name() {
        let x = [tensor1(&[1f32, 2.])];
        for operator in ["Add", "Less", "Gather", "MatMul"] {
            refuse(node("", operator, vec![]), &["x0"], &x, "input");
        }
        for operator in ["Cast", "Flatten", "Sqrt"] {
            refuse(node("", operator, vec![int("to", 1)]), &[], &x, "Wrong input number");
        }
    }

    #[test]
    fn a_kernel_out_of_a_plan_refuses_what_it_refuses_in_one() {
        let attributes = vec![string("update_rule", "gated"), int("q_num_heads", 1), int("kv_num_heads", 1)];
        let x = [Tensor::zero::<f32>(&[1, 2, 3]).unwrap()];
        refuse(node("", "LinearAttention", attributes), &["x0", "x0", "x0"], &x, "expected decay");
    }

    #[test]
    fn an_output_that_an_operator_does_not_give_is_refused() {
        let mut shift = node("", "BitShift", vec![string("direction", "LEFT")]);
        shift.output.push("z".into());
        let x = [tensor1(&[1u8, 2])];
        refuse(shift, &["x0", "x0"], &x, "BitShift gives 1 outputs, the node names 2");
    }

    #[test]
    fn a_tensor_with_too_few_bytes_is_named() {
        let mut model = model_of(vec![node("", "Identity", vec![])], &[], false, &["y"]);
        model.graph.as_mut().unwrap().initializer.push(tract_onnx::pb::TensorProto {
            name: "x".into(),
            dims: vec![2],
            data_type: 1,
            raw_data: vec![0; 4],
            ..Default::default()
        });
        let error = Interpreter::new(&tract_onnx::onnx(), &model).unwrap_err();
        assert!(format!("{error:#}").starts_with("tensor `x`"), "{error:#}");
    }
}
