//! Model functions, put in place of their calls.
//!
//! Source: <https://onnx.ai/onnx/repo-docs/IR.html#functions>. A call's inputs and outputs replace those of the body;
//! every other value of the body gets the call's name before its own. An attribute that refers to one of the call's takes
//! its value, or is left out with it. A function may import another opset than the model only where the operators that
//! it uses are the same in both, so the model's is taken.

use std::collections::HashMap;

use tract_onnx::pb::{FunctionProto, GraphProto, ModelProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

use crate::support::{self, plain};

/// Functions may call functions, but not without end.
const DEEPEST: usize = 64;
/// Functions that double each other make a graph that fits no memory.
const MOST_NODES: usize = 1 << 20;

/// Replaces every call of a function of `model`; its functions are gone then.
pub(super) fn inline(model: &mut ModelProto) -> TractResult<()> {
    let functions = std::mem::take(&mut model.functions);
    let Some(graph) = model.graph.as_mut().filter(|_| !functions.is_empty()) else { return Ok(()) };
    let by_name = functions.iter().map(|function| {
        let name = function.name.as_deref().unwrap_or_default();
        ((plain(function.domain.as_deref().unwrap_or_default()), name), function)
    });
    let mut inliner = Inliner { functions: by_name.collect(), calls: 0, nodes: 0 };
    inliner.graph(graph, 0)
}

struct Inliner<'a> {
    functions: HashMap<(&'a str, &'a str), &'a FunctionProto>,
    calls: usize,
    nodes: usize,
}

impl Inliner<'_> {
    fn graph(&mut self, graph: &mut GraphProto, depth: usize) -> TractResult<()> {
        graph.node = self.expand(std::mem::take(&mut graph.node), depth)?;
        Ok(())
    }

    fn expand(&mut self, nodes: Vec<NodeProto>, depth: usize) -> TractResult<Vec<NodeProto>> {
        let mut expanded = Vec::with_capacity(nodes.len());
        for mut node in nodes {
            self.nodes += 1;
            ensure!(self.nodes <= MOST_NODES, "the functions of the model make more than {MOST_NODES} nodes");
            if let Some(function) = self.functions.get(&(plain(&node.domain), node.op_type.as_str())).copied()
            {
                let name = support::name(&node).to_owned();
                ensure!(depth < DEEPEST, "node `{name}`: functions call each other more than {DEEPEST} deep");
                let body = self.body(function, &node).with_context(|| format!("node `{name}`"))?;
                expanded.extend(self.expand(body, depth + 1)?);
                continue;
            }
            for attribute in &mut node.attribute {
                for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    self.graph(inner, depth)?;
                }
            }
            expanded.push(node);
        }
        Ok(expanded)
    }

    /// The nodes of a function for one call of it.
    fn body(&mut self, function: &FunctionProto, call: &NodeProto) -> TractResult<Vec<NodeProto>> {
        ensure!(
            call.input.len() <= function.input.len() && call.output.len() <= function.output.len(),
            "the function {} has {} inputs and {} outputs, the call {} and {}",
            call.op_type,
            function.input.len(),
            function.output.len(),
            call.input.len(),
            call.output.len()
        );
        self.calls += 1;
        let mut names = HashMap::new();
        for (ix, inner) in function.input.iter().enumerate() {
            names.insert(inner.as_str(), call.input.get(ix).map_or("", String::as_str));
        }
        for (inner, outer) in function.output.iter().zip(&call.output).filter(|(_, outer)| !outer.is_empty())
        {
            names.insert(inner, outer);
        }
        let call = Call { names, node: call, prefix: format!("{}/{}/", support::name(call), self.calls) };
        let mut body = function.node.clone();
        body.iter_mut().for_each(|node| call.rename(node));
        Ok(body)
    }
}

struct Call<'a> {
    /// The caller's names for the inputs and outputs.
    names: HashMap<&'a str, &'a str>,
    node: &'a NodeProto,
    prefix: String,
}

impl Call<'_> {
    fn name(&self, name: &mut String) {
        if let Some(outer) = self.names.get(name.as_str()) {
            *name = (*outer).to_owned();
        } else if !name.is_empty() {
            name.insert_str(0, &self.prefix);
        }
    }

    fn rename(&self, node: &mut NodeProto) {
        if !node.name.is_empty() {
            node.name.insert_str(0, &self.prefix);
        }
        node.input.iter_mut().chain(&mut node.output).for_each(|name| self.name(name));
        node.attribute.retain_mut(|attribute| {
            if attribute.ref_attr_name.is_empty() {
                return true;
            }
            let given = self.node.attribute.iter().find(|given| given.name == attribute.ref_attr_name);
            let Some(given) = given else { return false };
            let name = std::mem::take(&mut attribute.name);
            *attribute = given.clone();
            attribute.name = name;
            true
        });
        for attribute in &mut node.attribute {
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                self.rename_graph(inner);
            }
        }
    }

    fn rename_graph(&self, graph: &mut GraphProto) {
        let infos = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
        infos.for_each(|info| self.name(&mut info.name));
        graph.initializer.iter_mut().for_each(|tensor| self.name(&mut tensor.name));
        graph.node.iter_mut().for_each(|node| self.rename(node));
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{float, model, node, run_model};

    fn of(domain: &str, op_type: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        NodeProto {
            input: names(inputs),
            output: names(outputs),
            name: String::new(),
            ..node(domain, op_type, vec![])
        }
    }

    fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
        FunctionProto {
            name: Some(name.into()),
            domain: Some("local".into()),
            input: vec!["a".into()],
            output: vec!["b".into()],
            node: nodes,
            ..Default::default()
        }
    }

    fn run(functions: Vec<FunctionProto>, nodes: Vec<NodeProto>) -> TractResult<Tensor> {
        let x = tensor1(&[-1f32, 2.0]);
        let mut model = model(nodes, &x, false, &["y"]);
        model.functions = functions;
        Ok(run_model(model, &x)?.remove(0))
    }

    #[test]
    fn a_function_called_twice_keeps_its_inner_values_apart() {
        let body = vec![of("", "Neg", &["a"], &["t"]), of("", "Add", &["t", "t"], &["b"])];
        let calls = vec![of("local", "F", &["x"], &["m"]), of("local", "F", &["m"], &["y"])];
        assert_eq!(run(vec![function("F", body)], calls).unwrap(), tensor1(&[-4f32, 8.0]));
    }

    #[test]
    fn functions_call_functions_and_hand_attributes_on() {
        let mut leaky = of("", "LeakyRelu", &["a"], &["b"]);
        leaky.attribute.push(AttributeProto {
            name: "alpha".into(),
            ref_attr_name: "slope".into(),
            ..Default::default()
        });
        let mut inner = of("local", "Inner", &["a"], &["b"]);
        inner.attribute.push(float("slope", 0.5));
        let functions = vec![function("Inner", vec![leaky]), function("Outer", vec![inner])];
        let y = run(functions, vec![of("local", "Outer", &["x"], &["y"])]).unwrap();
        assert_eq!(y, tensor1(&[-0.5f32, 2.0]));
    }

    #[test]
    fn a_function_that_calls_itself_is_refused() {
        let body = vec![of("local", "F", &["a"], &["b"])];
        let error = run(vec![function("F", body)], vec![of("local", "F", &["x"], &["y"])]).unwrap_err();
        assert!(format!("{error:#}").contains("call each other"), "{error:#}");
    }
}
