//! The generated metadata and errors to core's and ours; moves, no copies.

use edgewit_core::{Manifest, ModelMetadata, TensorMetadata};

use super::Error;
use super::bindings::exports::edgewit::inference::{predict, types};

edgewit_core::wit_datatypes!(types);

pub(super) fn metadata(metadata: predict::ModelMetadata) -> Result<ModelMetadata, Error> {
    let manifest = Manifest::from_json(&metadata.manifest)
        .map_err(|error| Error::Component(format!("its manifest cannot be read: {error}")))?;
    Ok(ModelMetadata {
        name: metadata.name,
        version: metadata.version,
        digest: metadata.digest,
        manifest,
        inputs: metadata.inputs.into_iter().map(tensor_metadata).collect(),
        outputs: metadata.outputs.into_iter().map(tensor_metadata).collect(),
    })
}

fn tensor_metadata(tensor: predict::TensorMetadata) -> TensorMetadata {
    TensorMetadata {
        name: tensor.name,
        datatype: datatype_from_wit(tensor.datatype),
        shape: tensor.shape,
        labels: tensor.labels,
    }
}

pub(super) fn error(error: types::Error) -> Error {
    match error {
        types::Error::InvalidInput(text) => Error::InvalidInput(text),
        types::Error::Unsupported(text) => Error::Unsupported(text),
        types::Error::Execution(text) => Error::Execution(text),
    }
}
