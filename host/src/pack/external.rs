//! Tensors of a model that lie in files beside it.
//!
//! Source: <https://onnx.ai/onnx/repo-docs/ExternalData.html>. Only the locations are read from the
//! ONNX file here; what is in the files is for the sandbox to understand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use prost::Message;

use super::source::SourceError;
use crate::runtime::ExternalFile;

/// A protobuf file may have 2 GiB, and what a sandbox loads must fit its 4 GiB twice.
pub(super) const MOST_BYTES: u64 = 2 << 30;

// The fields of onnx.proto on the way to a location, by their numbers.

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    g: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// Reads the files that `model`, which lies in `folder`, has tensors in.
///
/// # Errors
/// A location outside the folder, a file that is not there, or more than 2 GiB in all.
pub(super) fn read(model: &[u8], model_path: &Path, folder: &Path) -> Result<Vec<ExternalFile>, SourceError> {
    // What is not ONNX is the sandbox's to say.
    let Ok(proto) = ModelProto::decode(model) else { return Ok(vec![]) };
    let mut locations = BTreeSet::new();
    proto.graph.iter().for_each(|graph| collect(graph, &mut locations));
    let mut total = model.len() as u64;
    let mut files = vec![];
    for location in locations {
        let fault = |problem: String| SourceError::External {
            path: model_path.display().to_string(),
            location: location.into(),
            problem,
        };
        let parts = Path::new(location).components();
        if !parts.clone().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(fault("it is not a path inside the model's folder".into()));
        }
        let path = folder.join(location);
        // A link must not lead out of the folder, either.
        let real = path.canonicalize().map_err(|error| fault(error.to_string()))?;
        if !real.starts_with(folder) {
            return Err(fault("it leads out of the model's folder".into()));
        }
        total += fs::metadata(&real).map_err(|error| fault(error.to_string()))?.len();
        check_size(model_path, total)?;
        let bytes = fs::read(&real).map_err(|error| fault(error.to_string()))?;
        files.push(ExternalFile { location: location.into(), bytes });
    }
    Ok(files)
}

pub(super) fn check_size(path: &Path, bytes: u64) -> Result<(), SourceError> {
    if bytes > MOST_BYTES {
        return Err(SourceError::TooLarge { path: path.display().to_string(), bytes });
    }
    Ok(())
}

fn collect<'a>(graph: &'a GraphProto, locations: &mut BTreeSet<&'a str>) {
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    let of_attributes = attributes().flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors));
    let entries = graph.initializer.iter().chain(of_attributes).flat_map(|tensor| &tensor.external_data);
    locations.extend(entries.filter(|entry| entry.key == "location").map(|entry| entry.value.as_str()));
    let inner = attributes().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    inner.for_each(|graph| collect(graph, locations));
}
