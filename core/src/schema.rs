//! What a model takes and gives, and whether a request's tensors fit.
//!
//! The predictor checks again on its own; this check answers earlier and says more.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Datatype, Manifest, Tensor, json::excerpt, tensor::TensorError};

/// The name, type and shape of one input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorMetadata {
    /// The name in the ONNX graph.
    pub name: String,
    /// What the elements are.
    pub datatype: Datatype,
    /// The length of each axis; -1 where it varies.
    pub shape: Vec<i64>,
    /// The names of the entries along the last axis, where the model has them: the class labels of
    /// probabilities, the keys of a map.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// Who a model is and what goes in and out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// What the model is called.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// SHA-256 of the ONNX file, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Names, ranges, categories and meaning; empty for a model without a manifest.
    #[serde(default)]
    pub manifest: Manifest,
    /// What the model takes.
    pub inputs: Vec<TensorMetadata>,
    /// What the model gives.
    pub outputs: Vec<TensorMetadata>,
}

/// Tensors that do not fit a model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// A tensor that the model has no input for.
    #[error("the model has no input {name:?}; its inputs are {expected:?}")]
    Unknown {
        /// The tensor's name.
        name: String,
        /// The model's inputs.
        expected: Vec<String>,
    },
    /// Two tensors for one input.
    #[error("input {name:?} is given twice")]
    Twice {
        /// The input.
        name: String,
    },
    /// No tensor for an input.
    #[error("input {name:?} is missing")]
    Missing {
        /// The input.
        name: String,
    },
    /// Elements of another type.
    #[error("input {name:?} is {expected}, came {came}")]
    Datatype {
        /// The input.
        name: String,
        /// What the model takes.
        expected: Datatype,
        /// What was given.
        came: Datatype,
    },
    /// Another number of axes, or another length of a fixed axis.
    #[error("input {name:?} has the shape {expected:?}, came {came:?}")]
    Shape {
        /// The input.
        name: String,
        /// What the model takes; -1 is any length.
        expected: Vec<i64>,
        /// What was given.
        came: Vec<u64>,
    },
    /// A tensor whose elements do not fit its own shape.
    #[error("input {name:?}: {source}")]
    Invalid {
        /// The input.
        name: String,
        /// What is wrong with it.
        source: TensorError,
    },
    /// An output was asked for that the model does not have.
    #[error("the model has no output {name:?}; its outputs are {expected:?}")]
    UnknownOutput {
        /// The name that was asked for.
        name: String,
        /// The model's outputs.
        expected: Vec<String>,
    },
    /// An output was asked for twice.
    #[error("output {name:?} is asked for twice")]
    OutputTwice {
        /// The output.
        name: String,
    },
}

impl TensorMetadata {
    /// Whether a tensor of this shape can be given; an axis of -1 takes any length.
    pub fn admits(&self, shape: &[u64]) -> bool {
        self.shape.len() == shape.len()
            && self
                .shape
                .iter()
                .zip(shape)
                .all(|(expected, came)| *expected < 0 || u64::try_from(*expected) == Ok(*came))
    }

    /// Checks a tensor that is meant for this input.
    pub fn check(&self, tensor: &Tensor) -> Result<(), InputError> {
        let name = || self.name.clone();
        if tensor.datatype != self.datatype {
            let (expected, came) = (self.datatype, tensor.datatype);
            return Err(InputError::Datatype { name: name(), expected, came });
        }
        if !self.admits(&tensor.shape) {
            let (expected, came) = (self.shape.clone(), tensor.shape.clone());
            return Err(InputError::Shape { name: name(), expected, came });
        }
        tensor.validate().map_err(|source| InputError::Invalid { name: name(), source })
    }
}

impl ModelMetadata {
    /// Checks that each input is given once, with the datatype and the shape that the model takes
    /// and with elements to fill it. The order does not matter.
    pub fn check_inputs(&self, tensors: &[Tensor]) -> Result<(), InputError> {
        for (index, tensor) in tensors.iter().enumerate() {
            let Some(input) = self.inputs.iter().find(|input| input.name == tensor.name) else {
                let name = excerpt(&tensor.name);
                return Err(InputError::Unknown { name, expected: names(&self.inputs) });
            };
            // Only the model's own inputs come here, so this stops after as many as there are.
            if tensors[..index].iter().any(|before| before.name == tensor.name) {
                return Err(InputError::Twice { name: tensor.name.clone() });
            }
            input.check(tensor)?;
        }
        match self.inputs.iter().find(|input| tensors.iter().all(|tensor| tensor.name != input.name)) {
            Some(input) => Err(InputError::Missing { name: input.name.clone() }),
            None => Ok(()),
        }
    }

    /// The first input or output without a leading axis of any length. A model that has none of
    /// these may take the rows of several requests at once.
    pub fn without_batch_axis(&self) -> Option<&TensorMetadata> {
        self.inputs
            .iter()
            .chain(&self.outputs)
            .find(|tensor| tensor.shape.first().is_none_or(|axis| *axis >= 0))
    }

    /// Checks that each requested output exists and is asked for once.
    pub fn check_outputs(&self, requested: &[String]) -> Result<(), InputError> {
        for (index, name) in requested.iter().enumerate() {
            if !self.outputs.iter().any(|output| output.name == *name) {
                let expected = names(&self.outputs);
                return Err(InputError::UnknownOutput { name: excerpt(name), expected });
            }
            if requested[..index].contains(name) {
                return Err(InputError::OutputTwice { name: name.clone() });
            }
        }
        Ok(())
    }
}

pub(crate) fn names(tensors: &[TensorMetadata]) -> Vec<String> {
    tensors.iter().map(|tensor| tensor.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Data;

    fn model() -> ModelMetadata {
        serde_json::from_str(
            r#"{
                "name": "m", "version": "1", "digest": "",
                "inputs": [
                    {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
                    {"name": "s", "datatype": "BYTES", "shape": [-1]}
                ],
                "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}]
            }"#,
        )
        .unwrap()
    }

    fn x(datatype: Datatype, shape: &[u64], length: usize) -> Tensor {
        Tensor { name: "x".into(), datatype, shape: shape.to_vec(), data: Data::Raw(vec![0; length]) }
    }

    fn s() -> Tensor {
        Tensor::new("s", Datatype::Bytes, vec![1], Data::Strings(vec!["a".into()])).unwrap()
    }

    fn check(tensors: &[Tensor], expect: Result<(), &str>) {
        let came = model().check_inputs(tensors).map_err(|error| error.to_string());
        assert_eq!(came, expect.map_err(Into::into));
    }

    #[test]
    fn tensors_that_fit_come_in_any_order() {
        check(&[s(), x(Datatype::Fp32, &[3, 2], 24)], Ok(()));
        check(&[x(Datatype::Fp32, &[0, 2], 0), s()], Ok(()));
    }

    #[test]
    fn each_input_is_given_once() {
        let fine = x(Datatype::Fp32, &[1, 2], 8);
        check(std::slice::from_ref(&fine), Err(r#"input "s" is missing"#));
        check(&[fine.clone(), s(), fine.clone()], Err(r#"input "x" is given twice"#));
        let other = Tensor { name: "z".into(), ..fine };
        check(&[other], Err(r#"the model has no input "z"; its inputs are ["x", "s"]"#));
    }

    #[test]
    fn datatype_and_shape_must_be_the_models() {
        check(&[x(Datatype::Fp64, &[1, 2], 16)], Err(r#"input "x" is FP32, came FP64"#));
        check(&[x(Datatype::Fp32, &[2], 8)], Err(r#"input "x" has the shape [-1, 2], came [2]"#));
        check(&[x(Datatype::Fp32, &[1, 3], 12)], Err(r#"input "x" has the shape [-1, 2], came [1, 3]"#));
    }

    #[test]
    fn elements_must_fill_the_shape() {
        let error = r#"input "x": FP32 elements of shape [1, 2] take 8 bytes, the data has 7"#;
        check(&[x(Datatype::Fp32, &[1, 2], 7)], Err(error));
    }

    #[test]
    fn a_batch_axis_is_a_leading_axis_of_any_length() {
        let check = |shape: &[i64], expect: Option<&str>| {
            let mut model = model();
            model.outputs[0].shape = shape.to_vec();
            assert_eq!(model.without_batch_axis().map(|tensor| tensor.name.as_str()), expect);
        };
        check(&[-1, 1], None);
        check(&[1, -1], Some("y"));
        check(&[], Some("y"));
    }

    #[test]
    fn outputs_are_asked_for_once() {
        let check = |requested: &[&str], expect: Result<(), &str>| {
            let requested: Vec<String> = requested.iter().map(ToString::to_string).collect();
            let came = model().check_outputs(&requested).map_err(|error| error.to_string());
            assert_eq!(came, expect.map_err(Into::into));
        };
        check(&["y"], Ok(()));
        check(&["z"], Err(r#"the model has no output "z"; its outputs are ["y"]"#));
        check(&["y", "y"], Err(r#"output "y" is asked for twice"#));
    }
}
