//! How a request is to be answered: which outputs, in which form, under which id.

use serde::Serialize;

use super::{InferRequest, OipError, binary, classification};
use crate::{Datatype, ModelMetadata, Tensor, tensor::Elements};

/// How one output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    /// After the JSON and not in it.
    binary: bool,
    /// So many of the largest values, as text.
    classes: Option<u32>,
}

/// How to answer a request. The outputs of the answer are the model's, or those that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    id: Option<String>,
    requested: Option<Vec<String>>,
    /// One for each output of the answer, in its order.
    forms: Vec<Form>,
}

/// The bytes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// All of them.
    pub bytes: Vec<u8>,
    /// How many are JSON, where tensors follow it; what [`super::JSON_LENGTH`] says.
    pub json_length: Option<usize>,
}

impl Body {
    /// What the header `content-type` says.
    pub fn content_type(&self) -> &'static str {
        if self.json_length.is_some() { "application/octet-stream" } else { "application/json" }
    }
}

impl From<Vec<u8>> for Body {
    /// A body that is JSON to its end.
    fn from(json: Vec<u8>) -> Self {
        Self { bytes: json, json_length: None }
    }
}

impl Reply {
    /// What the request asks for, held against what the model gives.
    pub(super) fn new(model: &ModelMetadata, request: &InferRequest) -> Result<Self, OipError> {
        let binary = request.flag("binary_data_output")?.unwrap_or(false);
        let requested = (!request.outputs.is_empty())
            .then(|| request.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>());
        model.check_outputs(requested.as_deref().unwrap_or_default())?;
        let metadata = |name: &String| model.outputs.iter().find(|output| output.name == *name);
        let form = |output: &super::RequestedOutput| Form {
            binary: output.binary.unwrap_or(binary),
            classes: output.classes.filter(|classes| *classes > 0),
        };
        let pairs: Vec<_> = match &requested {
            None => model.outputs.iter().map(|output| (output, Form { binary, classes: None })).collect(),
            Some(names) => names.iter().filter_map(metadata).zip(request.outputs.iter().map(form)).collect(),
        };
        for (output, form) in &pairs {
            match form {
                Form { classes: Some(_), .. } => classification::check(output)?,
                Form { binary: false, .. } if output.datatype == Datatype::Fp16 => {
                    return Err(OipError::HalfOutput { output: output.name.clone() });
                }
                Form { .. } => {}
            }
        }
        let forms = pairs.into_iter().map(|(_, form)| form).collect();
        Ok(Self { id: request.id.clone(), requested, forms })
    }

    /// The outputs to ask the model for; `None` is all.
    pub fn outputs(&self) -> Option<&[String]> {
        self.requested.as_deref()
    }

    /// Writes the answer: JSON, and after it the tensors that were asked for as binary data.
    ///
    /// # Errors
    /// None that is known: only a map with keys that are not strings could fail.
    pub fn write(&self, model: &ModelMetadata, outputs: &[Tensor]) -> Result<Body, serde_json::Error> {
        let classes = |output, form: &Form| Some(classification::classify(model, output, form.classes?));
        let classified: Vec<_> =
            outputs.iter().zip(&self.forms).map(|(output, form)| classes(output, form)).collect();
        let outputs: Vec<_> = outputs
            .iter()
            .zip(&classified)
            .map(|(output, classes)| classes.as_ref().unwrap_or(output))
            .zip(self.forms.iter().map(|form| form.binary))
            .collect();
        let response = InferResponse {
            model_name: &model.name,
            model_version: &model.version,
            id: self.id.as_deref(),
            outputs: outputs.iter().map(|(tensor, binary)| Output::new(tensor, *binary)).collect(),
        };
        let mut bytes = serde_json::to_vec(&response)?;
        let json_length = bytes.len();
        let mut binary = outputs.iter().filter(|(_, binary)| *binary).map(|(tensor, _)| *tensor).peekable();
        let json_length = binary.peek().map(|_| json_length);
        binary.for_each(|tensor| binary::write(tensor, &mut bytes));
        Ok(Body { bytes, json_length })
    }
}

#[derive(Serialize)]
struct InferResponse<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Output<'a>>,
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    datatype: Datatype,
    shape: &'a [u64],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Elements<'a>>,
}

#[derive(Serialize)]
struct Parameters {
    binary_data_size: usize,
}

impl<'a> Output<'a> {
    fn new(tensor: &'a Tensor, binary: bool) -> Self {
        Output {
            name: &tensor.name,
            datatype: tensor.datatype,
            shape: &tensor.shape,
            parameters: binary.then(|| Parameters { binary_data_size: binary::size(tensor) }),
            data: (!binary).then(|| tensor.elements()),
        }
    }
}

#[cfg(test)]
mod tests;
