//! Rewrites what tract has no form for, before parsing.
//!
//! Steps: `functions` puts the bodies of the model's functions in place of their calls, `tensors` makes every
//! initialiser a dense one of a type that tract has, `maps` takes maps apart, `quantized` has quantised parts compute on
//! bytes.

mod functions;
mod maps;
mod quantized;
mod tensors;

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

pub(crate) use self::maps::OPERATORS as TAKEN_APART;
pub use self::maps::entry_names;
pub(crate) use self::quantized::OPERATORS as EXPANDED;
use crate::support;

/// No tensor has more axes.
const MOST_AXES: i64 = 64;

/// A file beside the ONNX file that holds tensors of the model.
#[derive(Clone, Copy, Debug)]
pub struct ExternalFile<'a> {
    /// Its path, as the model has it (`TensorProto.external_data`, key `location`).
    pub location: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// Makes `model` one that tract can parse. Names of inputs and outputs stay.
///
/// # Errors
/// A function that calls itself; a sparse tensor or external data that do not fit their own description, or lie in none of
/// `files`; a ZipMap without its one input and output; an axis that no tensor has; a graph output that nothing makes,
/// which tract would panic on.
pub fn prepare(model: &mut ModelProto, files: &[ExternalFile]) -> TractResult<()> {
    functions::inline(model)?;
    let Some(graph) = &mut model.graph else { return Ok(()) };
    check_outputs(graph)?;
    visit(graph, &mut |graph| {
        give_outer_values(graph);
        graph.node.iter().try_for_each(check_axes)
    })?;
    tensors::densify(graph, files)?;
    drop_constant_inputs(graph);
    maps::take_apart(graph)?;
    quantized::fuse(graph);
    Ok(())
}

fn check_outputs(graph: &GraphProto) -> TractResult<()> {
    let names = values(graph);
    match graph.output.iter().find(|output| !names.contains(&*output.name)) {
        Some(output) => bail!("graph output `{}` is made by no node", output.name),
        None => Ok(()),
    }
}

/// Leaves of the inputs those that callers give. A file may list its constants there, too, as those of ONNX's first
/// versions had to.
fn drop_constant_inputs(graph: &mut GraphProto) {
    let constants = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect::<HashSet<_>>();
    graph.input.retain(|input| !constants.contains(&*input.name));
}

/// The names of the values that a graph has of its own. Without a name there is no value.
fn values(graph: &GraphProto) -> HashSet<&str> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let sparse = graph.sparse_initializer.iter().flat_map(|tensor| &tensor.values);
    let given = graph
        .input
        .iter()
        .map(|input| &input.name)
        .chain(graph.initializer.iter().chain(sparse).map(|tensor| &tensor.name));
    made.chain(given).map(String::as_str).filter(|name| !name.is_empty()).collect()
}

/// Refuses an axis that no tensor has: tract counts up to it.
fn check_axes(node: &NodeProto) -> TractResult<()> {
    let axes = node.attribute.iter().filter(|attribute| matches!(&*attribute.name, "axis" | "axes"));
    let mut axes = axes.flat_map(|attribute| attribute.ints.iter().chain([&attribute.i]));
    match axes.find(|axis| !(-MOST_AXES..=MOST_AXES).contains(*axis)) {
        Some(axis) => bail!("node `{}`: expected an axis of a tensor, got {axis}", support::name(node)),
        None => Ok(()),
    }
}

/// Has a subgraph give a value from around it through an `Identity`: tract panics on one that is not the
/// subgraph's own.
fn give_outer_values(graph: &mut GraphProto) {
    let own = values(graph);
    let outer = graph.output.iter().enumerate().filter(|(_, output)| !own.contains(&*output.name));
    for ix in outer.map(|(ix, _)| ix).collect::<Vec<_>>() {
        let name = &mut graph.output[ix].name;
        let given = format!("{name}/given");
        graph.node.push(NodeProto {
            name: given.clone(),
            op_type: "Identity".into(),
            input: vec![std::mem::replace(name, given.clone())],
            output: vec![given],
            ..NodeProto::default()
        });
    }
}

/// Calls `see` on `graph` and every graph in it.
fn visit(
    graph: &mut GraphProto,
    see: &mut impl FnMut(&mut GraphProto) -> TractResult<()>,
) -> TractResult<()> {
    see(graph)?;
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            visit(inner, see)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    use super::*;
    use crate::testing::{int, model_of, node, run_model_on};

    #[test]
    fn an_output_that_no_node_makes_is_refused() {
        let output = ValueInfoProto { name: "y".into(), ..Default::default() };
        let graph = GraphProto { output: vec![output], ..Default::default() };
        let error = prepare(&mut ModelProto { graph: Some(graph), ..Default::default() }, &[]).unwrap_err();
        assert_eq!(error.to_string(), "graph output `y` is made by no node");
    }

    #[test]
    fn a_branch_may_give_a_value_that_is_around_it() {
        let branch = |name: &str, given: &str| AttributeProto {
            name: name.into(),
            r#type: 5,
            g: Some(GraphProto {
                output: vec![ValueInfoProto { name: given.into(), ..Default::default() }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut choice = node("", "If", vec![branch("then_branch", "a"), branch("else_branch", "b")]);
        choice.input = vec!["condition".into()];
        let (condition, a, b) = (tensor0(false), tensor1(&[1f32]), tensor1(&[2f32]));
        let inputs = [("condition", &condition), ("a", &a), ("b", &b)];
        let model = model_of(vec![choice], &inputs, false, &["y"]);
        assert_eq!(run_model_on(model, &inputs.map(|(_, tensor)| tensor)).unwrap(), std::slice::from_ref(&b));
    }

    #[test]
    fn an_axis_that_no_tensor_has_is_refused() {
        let x = tensor1(&[1f32]);
        let normalized = node("", "LayerNormalization", vec![int("axis", -1 << 31)]);
        let mut model = model_of(vec![normalized], &[("x", &x)], false, &["y"]);
        let error = prepare(&mut model, &[]).unwrap_err().to_string();
        assert_eq!(error, "node `tested`: expected an axis of a tensor, got -2147483648");
    }
}
