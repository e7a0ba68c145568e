//! Open Inference Protocol (v2) bodies, as JSON with or without binary tensors behind it.
//!
//! Source: `open_inference_rest.yaml` of kserve/open-inference-protocol, and the binary tensor data
//! and classification extensions of Triton. [`read`] makes tensors that fit the model of a
//! request; the [`Reply`] that comes with them writes the answer.

mod binary;
mod classification;
mod error;
mod infer;
mod reply;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use error::OipError;
pub use reply::{Body, Reply};

use crate::{Tensor, TensorMetadata, json::excerpt};

/// The extensions of the protocol that bodies may use here, whoever serves them.
pub const EXTENSIONS: [&str; 3] = ["binary_tensor_data", "classification", "parameters"];

/// The header that says how much of a body is JSON, where tensors follow it; in lower case.
pub const JSON_LENGTH: &str = "inference-header-content-length";

/// What `platform` says of an ONNX model.
pub const PLATFORM: &str = "onnx_onnxv1";

/// The answer of `GET /v2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// What the server is called.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// The extensions of the protocol that it has.
    pub extensions: Vec<String>,
}

/// The answer of `GET /v2/models/{model}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// What the model is called.
    pub name: String,
    /// The versions that can be asked.
    pub versions: Vec<String>,
    /// The kind of the model: [`PLATFORM`].
    pub platform: String,
    /// What the model takes.
    pub inputs: Vec<TensorMetadata>,
    /// What the model gives.
    pub outputs: Vec<TensorMetadata>,
}

impl ModelMetadata {
    /// Describes a model of which `versions` can be asked.
    pub fn new(model: &crate::ModelMetadata, versions: Vec<String>) -> Self {
        Self {
            name: model.name.clone(),
            versions,
            platform: PLATFORM.into(),
            inputs: model.inputs.iter().map(unlabelled).collect(),
            outputs: model.outputs.iter().map(unlabelled).collect(),
        }
    }
}

/// The protocol's description of a tensor has no place for labels.
fn unlabelled(tensor: &TensorMetadata) -> TensorMetadata {
    TensorMetadata { labels: vec![], ..tensor.clone() }
}

/// Reads the body of `POST /v2/models/{model}/infer` with its header [`JSON_LENGTH`], if it has one: the
/// model's inputs, checked, and how to answer.
///
/// # Errors
/// When the body is no request, or none for this model.
pub fn read(
    model: &crate::ModelMetadata,
    body: &[u8],
    json_length: Option<&[u8]>,
) -> Result<(Vec<Tensor>, Reply), OipError> {
    let (json, binary) = split(body, json_length)?;
    let request = match json_length {
        Some(_) if json.is_empty() => raw(model, binary)?,
        _ => infer::parse(json, binary)?,
    };
    model.check_inputs(&request.inputs)?;
    let reply = Reply::new(model, &request)?;
    Ok((request.inputs, reply))
}

/// The JSON of a body and what follows it.
fn split<'a>(body: &'a [u8], json_length: Option<&[u8]>) -> Result<(&'a [u8], &'a [u8]), OipError> {
    let Some(header) = json_length else { return Ok((body, &[])) };
    let length = str::from_utf8(header).ok().and_then(|text| text.parse().ok());
    let error = || {
        let came = excerpt(&String::from_utf8_lossy(header));
        OipError::JsonLength { body: body.len(), came }
    };
    length.and_then(|length| body.split_at_checked(length)).ok_or_else(error)
}

/// The request of a body that is one input's data and nothing else, which Triton calls a raw binary
/// request. What its axis of any length is follows from how much came; strings are one.
fn raw(model: &crate::ModelMetadata, bytes: &[u8]) -> Result<InferRequest, OipError> {
    let error = |problem: String| OipError::Raw { problem };
    let [input] = model.inputs.as_slice() else {
        return Err(error(format!("{:?} has {} inputs", model.name, model.inputs.len())));
    };
    if input.shape.iter().filter(|axis| **axis < 0).count() > 1 {
        return Err(error(format!("input {:?} has the shape {:?}", input.name, input.shape)));
    }
    let fixed = input.shape.iter().filter_map(|axis| u64::try_from(*axis).ok()).product::<u64>();
    let elements = input.datatype.size().map_or(1, |size| bytes.len() / size) as u64;
    let length = elements.checked_div(fixed).unwrap_or(0);
    let shape = input.shape.iter().map(|axis| u64::try_from(*axis).unwrap_or(length)).collect();
    let tensor = match input.datatype.size() {
        Some(_) => binary::read(input.name.clone(), input.datatype, shape, bytes)?,
        None => {
            let text = str::from_utf8(bytes).map_err(|_| error("the bytes are not UTF-8".into()))?;
            let data = crate::Data::Strings(vec![text.to_owned()]);
            Tensor { name: input.name.clone(), datatype: input.datatype, shape, data }
        }
    };
    // Triton answers such a request with binary tensors, too.
    let parameters = Map::from_iter([("binary_data_output".to_owned(), Value::Bool(true))]);
    Ok(InferRequest { inputs: vec![tensor], parameters, ..InferRequest::default() })
}

/// What a request says, before it is held against a model.
#[derive(Debug, Clone, Default, PartialEq)]
struct InferRequest {
    /// What the answer repeats.
    id: Option<String>,
    /// Parameters of the request as a whole; those that nobody knows change nothing.
    parameters: Map<String, Value>,
    /// The tensors; the elements of each fit its datatype and shape.
    inputs: Vec<Tensor>,
    /// The outputs that are asked for; none is all.
    outputs: Vec<RequestedOutput>,
}

/// An output that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RequestedOutput {
    name: String,
    /// Whether it is to be binary; otherwise as the request says for all.
    binary: Option<bool>,
    /// How many classes are asked for in its place.
    classes: Option<u32>,
}

impl InferRequest {
    /// A parameter that is true or false.
    fn flag(&self, name: &'static str) -> Result<Option<bool>, OipError> {
        match self.parameters.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => {
                let came = excerpt(&other.to_string());
                Err(OipError::Parameter { name, expected: "true or false", came })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Datatype;

    fn check(body: &impl Serialize, expect: &str) {
        assert_eq!(serde_json::to_string(body).unwrap(), expect);
    }

    #[test]
    fn a_model_is_described_as_the_protocol_says() {
        let model = crate::ModelMetadata {
            name: "m".into(),
            version: "2".into(),
            digest: String::new(),
            manifest: crate::Manifest::default(),
            inputs: vec![TensorMetadata {
                name: "x".into(),
                datatype: Datatype::Fp32,
                shape: vec![-1, 2],
                labels: vec!["a".into(), "b".into()],
            }],
            outputs: vec![],
        };
        check(
            &ModelMetadata::new(&model, vec!["2".into()]),
            r#"{"name":"m","versions":["2"],"platform":"onnx_onnxv1","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],"outputs":[]}"#,
        );
    }
}
