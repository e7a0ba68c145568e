//! Maps, which tract has no form for, taken apart into tensors.
//!
//! `ZipMap` makes a sequence of maps from a probability matrix: it becomes an `Identity` of the matrix, under its own
//! name. `DictVectorizer` and `CastMap` read a map that is an input of the graph: the input becomes the tensor of the
//! map's values, in the order of the keys, and the node an `Identity`.
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html>, `..DictVectorizer.html`, `..CastMap.html`.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, NodeProto, TensorShapeProto, TypeProto, type_proto};
use tract_onnx::tract_hir::internal::*;

use crate::support;

/// The operators of this file, by name.
pub(crate) const OPERATORS: [&str; 3] = ["CastMap", "DictVectorizer", "ZipMap"];

/// Rewrites the nodes of `graph` that make or read maps.
pub(super) fn take_apart(graph: &mut GraphProto) -> TractResult<()> {
    let mut tensors = vec![];
    for node in graph.node.iter_mut().filter(|node| node.domain == "ai.onnx.ml") {
        let len = entries(node).len();
        let (element, len) = match &*node.op_type {
            "ZipMap" | "DictVectorizer" => (DataType::Float, len),
            "CastMap" => cast_map(node)?,
            _ => continue,
        };
        ensure!(
            node.input.len() == 1 && node.output.len() == 1,
            "{} `{}`: expected 1 input and 1 output, got {} and {}",
            node.op_type,
            support::name(node),
            node.input.len(),
            node.output.len()
        );
        let map = if node.op_type == "ZipMap" { &node.output[0] } else { &node.input[0] };
        tensors.push((map.clone(), element, len));
        (node.op_type, node.domain) = ("Identity".into(), String::new());
        node.attribute.clear();
    }
    tensors.into_iter().for_each(|(name, element, len)| retype(graph, &name, element, len));
    Ok(())
}

/// The element type and length of what a CastMap gives; the length is 0 where it varies.
fn cast_map(node: &NodeProto) -> TractResult<(DataType, usize)> {
    let element = match node.get_attr_opt::<&str>("cast_to")?.unwrap_or("TO_FLOAT") {
        "TO_FLOAT" => DataType::Float,
        "TO_INT64" => DataType::Int64,
        "TO_STRING" => DataType::String,
        other => bail!("CastMap `{}`: cast_to is {other:?}, which ONNX does not have", support::name(node)),
    };
    let sparse = node.get_attr_opt::<&str>("map_form")? == Some("SPARSE");
    Ok((element, if sparse { node.get_attr_opt::<usize>("max_map")?.unwrap_or(1) } else { 0 }))
}

/// Declares `name` a tensor `[N, len]`, where it is an input, an output or has a type at all.
fn retype(graph: &mut GraphProto, name: &str, element: DataType, len: usize) {
    let len = Some(dimension::Value::DimValue(len as i64)).filter(|_| len > 0);
    let axis = |value| Dimension { value, ..Default::default() };
    let shape = TensorShapeProto { dim: vec![axis(None), axis(len)] };
    let tensor = type_proto::Tensor { elem_type: element as i32, shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    let infos = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
    infos.filter(|info| info.name == name).for_each(|info| info.r#type = Some(r#type.clone()));
}

/// The names of the entries along the last axis of an input or output, where the model tells them: the class labels of
/// a classifier's scores, the keys of a map. By the name of the input or output.
///
/// Ask before [`crate::prepare`], which takes out the nodes that hold them.
pub fn entry_names(graph: &GraphProto) -> HashMap<String, Vec<String>> {
    let made = graph.node.iter().flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)));
    let makers = made.collect::<HashMap<_, _>>();
    let labels = graph.output.iter().filter_map(|output| {
        let mut name = output.name.as_str();
        // What may stand between a classifier's scores and the output, and keeps the columns. A file may hold a ring.
        for _ in 0..8 {
            let node = *makers.get(name)?;
            match &*node.op_type {
                "Identity" | "Normalizer" | "Cast" => name = node.input.first()?,
                "ZipMap" => return Some((output.name.clone(), entries(node))),
                _ if node.output.get(1).is_some_and(|scores| scores == name) => {
                    return Some((output.name.clone(), entries(node)));
                }
                _ => return None,
            }
        }
        None
    });
    let vectorizers = graph.node.iter().filter(|node| node.op_type == "DictVectorizer");
    let keys = vectorizers.filter_map(|node| Some((node.input.first()?.clone(), entries(node))));
    labels.chain(keys).filter(|(_, names)| !names.is_empty()).collect()
}

/// The class labels or keys in the attributes of a node.
fn entries(node: &NodeProto) -> Vec<String> {
    let lists = node.attribute.iter().filter(|attribute| {
        attribute.name.starts_with("classlabels") || attribute.name.ends_with("_vocabulary")
    });
    lists
        .flat_map(|attribute| {
            let strings = attribute.strings.iter().map(|label| String::from_utf8_lossy(label).into_owned());
            strings.chain(attribute.ints.iter().map(ToString::to_string))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{ModelProto, ValueInfoProto};

    use super::*;
    use crate::prepare;
    use crate::testing::{ints, node, string, strings};

    fn info(name: &str) -> ValueInfoProto {
        ValueInfoProto { name: name.into(), ..Default::default() }
    }

    /// A graph `x -> node -> y`.
    fn graph(node: NodeProto) -> GraphProto {
        GraphProto { node: vec![node], input: vec![info("x")], output: vec![info("y")], ..Default::default() }
    }

    fn prepared(graph: GraphProto) -> TractResult<GraphProto> {
        let mut model = ModelProto { graph: Some(graph), ..Default::default() };
        prepare(&mut model, &[])?;
        Ok(model.graph.unwrap())
    }

    /// The element type and the last axis of a declared tensor.
    fn declared(info: &ValueInfoProto) -> (i32, Option<dimension::Value>) {
        let Some(type_proto::Value::TensorType(tensor)) = info.r#type.clone().unwrap().value else {
            panic!()
        };
        (tensor.elem_type, tensor.shape.unwrap().dim[1].value.clone())
    }

    #[test]
    fn a_zip_map_becomes_its_probabilities_under_its_own_name() {
        let zip = node("ai.onnx.ml", "ZipMap", vec![strings("classlabels_strings", &["No", "Yes"])]);
        assert_eq!(entry_names(&graph(zip.clone()))["y"], ["No", "Yes"]);
        let graph = prepared(graph(zip)).unwrap();
        let node = &graph.node[0];
        assert_eq!((&*node.op_type, &*node.domain, &*node.output[0]), ("Identity", "", "y"));
        assert!(node.attribute.is_empty());
        assert_eq!(declared(&graph.output[0]), (DataType::Float as i32, Some(dimension::Value::DimValue(2))));
    }

    #[test]
    fn the_labels_of_a_classifier_are_those_of_its_scores() {
        let mut classifier = node("ai.onnx.ml", "LinearClassifier", vec![ints("classlabels_ints", &[3, 5])]);
        classifier.output = vec!["label".into(), "scores".into()];
        let mut identity = node("", "Identity", vec![]);
        identity.input = vec!["scores".into()];
        let graph = GraphProto {
            node: vec![classifier, identity],
            output: vec![info("label"), info("y")],
            ..Default::default()
        };
        let names = entry_names(&graph);
        assert_eq!((names.len(), &names["y"]), (1, &vec!["3".to_owned(), "5".to_owned()]));
    }

    #[test]
    fn the_input_of_a_dict_vectorizer_becomes_a_row_of_its_keys() {
        let vectorizer =
            node("ai.onnx.ml", "DictVectorizer", vec![strings("string_vocabulary", &["a", "b", "c"])]);
        assert_eq!(entry_names(&graph(vectorizer.clone()))["x"], ["a", "b", "c"]);
        let graph = prepared(graph(vectorizer)).unwrap();
        assert_eq!(declared(&graph.input[0]), (DataType::Float as i32, Some(dimension::Value::DimValue(3))));
    }

    #[test]
    fn the_input_of_a_cast_map_has_the_type_that_it_casts_to() {
        let cast = node("ai.onnx.ml", "CastMap", vec![string("cast_to", "TO_STRING")]);
        let graph = prepared(graph(cast)).unwrap();
        assert_eq!(declared(&graph.input[0]), (DataType::String as i32, None));
    }

    #[test]
    fn a_zip_map_without_an_output_is_refused() {
        let mut zip = node("ai.onnx.ml", "ZipMap", vec![]);
        zip.output.clear();
        let error = prepared(GraphProto { node: vec![zip], ..Default::default() }).unwrap_err();
        assert!(error.to_string().contains("expected 1 input and 1 output"), "{error}");
    }
}
