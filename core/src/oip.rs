//! Open Inference Protocol (v2) bodies, as JSON.
//!
//! Source: `open_inference_rest.yaml` of kserve/open-inference-protocol. [`parse_infer`] reads a
//! request into tensors; whether they fit the model is [`crate::ModelMetadata::check_inputs`]'s
//! work. The binary tensor extension is not read here, and a request that uses it is told so.

mod error;
mod infer;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use error::OipError;
pub use infer::parse_infer;

use crate::{Tensor, TensorMetadata};

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

/// The body of `POST /v2/models/{model}/infer`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InferRequest {
    /// What the answer repeats.
    pub id: Option<String>,
    /// Parameters of the request as a whole; those that nobody knows are kept.
    pub parameters: Map<String, Value>,
    /// The tensors; the elements of each fit its datatype and shape.
    pub inputs: Vec<Tensor>,
    /// The outputs that are asked for; `None` is all.
    pub outputs: Option<Vec<String>>,
}

/// The answer of `POST /v2/models/{model}/infer`.
#[derive(Debug, Clone, Serialize)]
pub struct InferResponse<'a> {
    /// What the model is called.
    pub model_name: &'a str,
    /// Which version of it answered.
    pub model_version: &'a str,
    /// The `id` of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// The model's outputs; their data is flat.
    pub outputs: &'a [Tensor],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, Datatype};

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

    #[test]
    fn an_answer_repeats_the_id_it_was_given() {
        let y = Tensor::new("y", Datatype::Uint8, vec![1, 2], Data::Raw(vec![1, 2])).unwrap();
        let mut response = InferResponse { model_name: "m", model_version: "1", id: None, outputs: &[y] };
        let outputs = r#""outputs":[{"name":"y","datatype":"UINT8","shape":[1,2],"data":[1,2]}]"#;
        check(&response, &format!(r#"{{"model_name":"m","model_version":"1",{outputs}}}"#));
        response.id = Some("a");
        check(&response, &format!(r#"{{"model_name":"m","model_version":"1","id":"a",{outputs}}}"#));
    }
}
