//! WIT tensors to tract's and back.

use edgewit_core::Datatype;
use edgewit_session::{Given, Output, numbers, other_case, strings, to_datum};
use tract_onnx::prelude::{Tensor as TractTensor, TractResult};

use crate::datatype::{datatype_from_wit, datatype_to_wit};
use crate::exports::edgewit::inference::types::{Tensor, TensorData};

impl Given for Tensor {
    fn name(&self) -> &str {
        &self.name
    }

    fn datatype(&self) -> Datatype {
        datatype_from_wit(self.datatype)
    }

    fn rank(&self) -> usize {
        self.shape.len()
    }

    fn shape(&self) -> impl Iterator<Item = u64> {
        self.shape.iter().copied()
    }

    fn to_tract(self, shape: &[usize]) -> Result<TractTensor, String> {
        match (Given::datatype(&self), self.data) {
            (Datatype::Bytes, TensorData::Strings(texts)) => strings(shape, texts.len(), texts),
            (datatype @ Datatype::Bytes, TensorData::Raw(_)) | (datatype, TensorData::Strings(_)) => {
                Err(other_case(datatype))
            }
            (datatype, TensorData::Raw(bytes)) => numbers(datatype, shape, &bytes),
        }
    }
}

/// The WIT form of an output.
pub(crate) fn from_tract(output: &Output, tensor: &TractTensor) -> TractResult<Tensor> {
    let cast = tensor.cast_to_dt(to_datum(output.datatype))?;
    let data = match output.datatype {
        Datatype::Bytes => TensorData::Strings(cast.try_as_plain_ram()?.as_slice::<String>()?.to_vec()),
        _ => TensorData::Raw(cast.as_bytes().to_vec()),
    };
    Ok(Tensor {
        name: output.name.clone(),
        datatype: datatype_to_wit(output.datatype),
        shape: cast.shape().iter().map(|axis| *axis as u64).collect(),
        data,
    })
}
