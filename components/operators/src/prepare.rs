//! Rewrites what tract has no form for, before parsing.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, type_proto};
use tract_onnx::tract_hir::internal::*;

/// Makes `model` one that tract can parse: a `ZipMap`, whose output is a sequence of maps, becomes an `Identity` of its
/// probability tensor `[N, C]`, and the graph output of its name gets that type. The name stays.
///
/// # Errors
/// When a ZipMap does not have one input and one output, or nothing makes a graph output, which tract would panic on.
pub fn prepare(model: &mut ModelProto) -> TractResult<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    check_outputs(graph)?;
    let mut unzipped = vec![];
    for node in &mut graph.node {
        if node.op_type == "ZipMap" && node.domain == "ai.onnx.ml" {
            unzipped.push(unzip(node)?);
        }
    }
    unzipped.into_iter().for_each(|(output, classes)| retype(graph, &output, classes));
    Ok(())
}

fn check_outputs(graph: &GraphProto) -> TractResult<()> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let given = graph
        .input
        .iter()
        .map(|input| &input.name)
        .chain(graph.initializer.iter().map(|tensor| &tensor.name));
    let names = made.chain(given).collect::<HashSet<_>>();
    match graph.output.iter().find(|output| !names.contains(&output.name)) {
        Some(output) => bail!("graph output `{}` is made by no node", output.name),
        None => Ok(()),
    }
}

/// Turns the node into an Identity; returns its output and how many classes it names.
fn unzip(node: &mut NodeProto) -> TractResult<(String, usize)> {
    ensure!(
        node.input.len() == 1 && node.output.len() == 1,
        "ZipMap `{}`: expected 1 input and 1 output, got {} and {}",
        node.name,
        node.input.len(),
        node.output.len()
    );
    let classes = node.attribute.iter().map(|attribute| attribute.ints.len() + attribute.strings.len()).sum();
    node.op_type = "Identity".into();
    node.domain = String::new();
    node.attribute.clear();
    Ok((node.output[0].clone(), classes))
}

fn retype(graph: &mut GraphProto, name: &str, classes: usize) {
    let class_axis = Some(dimension::Value::DimValue(classes as i64)).filter(|_| classes > 0);
    let axis = |value| Dimension { value, ..Default::default() };
    let shape = TensorShapeProto { dim: vec![axis(None), axis(class_axis)] };
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    for info in graph.output.iter_mut().chain(&mut graph.value_info).filter(|info| info.name == name) {
        info.r#type = Some(r#type.clone());
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    use super::*;

    #[test]
    fn a_zip_map_becomes_its_probabilities_under_its_own_name() {
        let labels = vec![b"No".to_vec(), b"Yes".to_vec()];
        let zip = NodeProto {
            op_type: "ZipMap".into(),
            domain: "ai.onnx.ml".into(),
            input: vec!["scores".into()],
            output: vec!["probabilities".into()],
            attribute: vec![AttributeProto {
                name: "classlabels_strings".into(),
                strings: labels,
                ..Default::default()
            }],
            ..Default::default()
        };
        let output = ValueInfoProto { name: "probabilities".into(), ..Default::default() };
        let graph = GraphProto { node: vec![zip], output: vec![output], ..Default::default() };
        let mut model = ModelProto { graph: Some(graph), ..Default::default() };
        prepare(&mut model).unwrap();
        let graph = model.graph.unwrap();
        let node = &graph.node[0];
        assert_eq!((&*node.op_type, &*node.domain, &*node.output[0]), ("Identity", "", "probabilities"));
        assert!(node.attribute.is_empty());
        let Some(type_proto::Value::TensorType(tensor)) = graph.output[0].r#type.clone().unwrap().value
        else {
            panic!()
        };
        assert_eq!(tensor.elem_type, DataType::Float as i32);
        assert_eq!(tensor.shape.unwrap().dim[1].value, Some(dimension::Value::DimValue(2)));
    }

    #[test]
    fn a_zip_map_without_an_output_is_refused() {
        let zip = NodeProto { op_type: "ZipMap".into(), domain: "ai.onnx.ml".into(), ..Default::default() };
        let graph = GraphProto { node: vec![zip], ..Default::default() };
        let error = prepare(&mut ModelProto { graph: Some(graph), ..Default::default() }).unwrap_err();
        assert!(error.to_string().contains("expected 1 input and 1 output"), "{error}");
    }

    #[test]
    fn an_output_that_no_node_makes_is_refused() {
        let output = ValueInfoProto { name: "y".into(), ..Default::default() };
        let graph = GraphProto { output: vec![output], ..Default::default() };
        let error = prepare(&mut ModelProto { graph: Some(graph), ..Default::default() }).unwrap_err();
        assert_eq!(error.to_string(), "graph output `y` is made by no node");
    }
}
