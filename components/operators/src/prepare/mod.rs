//! Rewrites what tract has no form for, before parsing.
//!
//! Steps: `functions` puts the bodies of the model's functions in place of their calls, `tensors` makes every
//! initialiser a dense one of a type that tract has, `maps` takes maps apart.

mod functions;
mod maps;
mod tensors;

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::tract_hir::internal::*;

pub(crate) use self::maps::OPERATORS as TAKEN_APART;
pub use self::maps::entry_names;

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
/// A function that calls itself; a sparse tensor or external data that do not fit their own
/// description, or lie in none of `files`; a ZipMap without its one input and output; a graph output that nothing makes,
/// which tract would panic on.
pub fn prepare(model: &mut ModelProto, files: &[ExternalFile]) -> TractResult<()> {
    functions::inline(model)?;
    let Some(graph) = &mut model.graph else { return Ok(()) };
    check_outputs(graph)?;
    tensors::densify(graph, files)?;
    maps::take_apart(graph)
}

fn check_outputs(graph: &GraphProto) -> TractResult<()> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let sparse = graph.sparse_initializer.iter().flat_map(|tensor| &tensor.values);
    let given = graph
        .input
        .iter()
        .map(|input| &input.name)
        .chain(graph.initializer.iter().chain(sparse).map(|tensor| &tensor.name));
    let names = made.chain(given).collect::<HashSet<_>>();
    match graph.output.iter().find(|output| !names.contains(&output.name)) {
        Some(output) => bail!("graph output `{}` is made by no node", output.name),
        None => Ok(()),
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
    use tract_onnx::pb::ValueInfoProto;

    use super::*;

    #[test]
    fn an_output_that_no_node_makes_is_refused() {
        let output = ValueInfoProto { name: "y".into(), ..Default::default() };
        let graph = GraphProto { output: vec![output], ..Default::default() };
        let error = prepare(&mut ModelProto { graph: Some(graph), ..Default::default() }, &[]).unwrap_err();
        assert_eq!(error.to_string(), "graph output `y` is made by no node");
    }
}
