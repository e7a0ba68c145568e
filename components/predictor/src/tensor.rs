//! WIT tensors to tract's and back.

use tract_onnx::prelude::{DatumType, Tensor as TractTensor, TractResult, tract_ndarray::ArrayD};

use crate::exports::edgewit::inference::types::{Datatype, Tensor, TensorData};

/// The Open Inference Protocol name, for messages.
pub(crate) fn name(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Bool => "BOOL",
        Datatype::Uint8 => "UINT8",
        Datatype::Uint16 => "UINT16",
        Datatype::Uint32 => "UINT32",
        Datatype::Uint64 => "UINT64",
        Datatype::Int8 => "INT8",
        Datatype::Int16 => "INT16",
        Datatype::Int32 => "INT32",
        Datatype::Int64 => "INT64",
        Datatype::Fp16 => "FP16",
        Datatype::Fp32 => "FP32",
        Datatype::Fp64 => "FP64",
        Datatype::Bytes => "BYTES",
    }
}

/// What tract computes with for a WIT datatype.
pub(crate) fn to_datum(datatype: Datatype) -> DatumType {
    match datatype {
        Datatype::Bool => DatumType::Bool,
        Datatype::Uint8 => DatumType::U8,
        Datatype::Uint16 => DatumType::U16,
        Datatype::Uint32 => DatumType::U32,
        Datatype::Uint64 => DatumType::U64,
        Datatype::Int8 => DatumType::I8,
        Datatype::Int16 => DatumType::I16,
        Datatype::Int32 => DatumType::I32,
        Datatype::Int64 => DatumType::I64,
        Datatype::Fp16 => DatumType::F16,
        Datatype::Fp32 => DatumType::F32,
        Datatype::Fp64 => DatumType::F64,
        Datatype::Bytes => DatumType::String,
    }
}

/// The WIT datatype of a tract type; a symbolic dimension (`TDim`) leaves as INT64, which is what
/// ONNX calls it. None for types that ONNX tensors of this interface cannot have.
pub(crate) fn from_datum(datum: DatumType) -> Option<Datatype> {
    Some(match datum.unquantized() {
        DatumType::Bool => Datatype::Bool,
        DatumType::U8 => Datatype::Uint8,
        DatumType::U16 => Datatype::Uint16,
        DatumType::U32 => Datatype::Uint32,
        DatumType::U64 => Datatype::Uint64,
        DatumType::I8 => Datatype::Int8,
        DatumType::I16 => Datatype::Int16,
        DatumType::I32 => Datatype::Int32,
        DatumType::I64 | DatumType::TDim => Datatype::Int64,
        DatumType::F16 => Datatype::Fp16,
        DatumType::F32 => Datatype::Fp32,
        DatumType::F64 => Datatype::Fp64,
        DatumType::String => Datatype::Bytes,
        _ => return None,
    })
}

/// Copies the elements of an input into a tensor of `shape`. `Err` holds what is wrong with the
/// data: its case, its length, or a BOOL that is neither 0 nor 1.
pub(crate) fn to_tract(datatype: Datatype, shape: &[usize], data: TensorData) -> Result<TractTensor, String> {
    let elements = shape
        .iter()
        .try_fold(1usize, |product, axis| product.checked_mul(*axis))
        .ok_or_else(|| format!("shape {shape:?} has too many elements"))?;
    match data {
        TensorData::Strings(strings) => {
            if datatype != Datatype::Bytes {
                return Err(format!("expected raw {} elements, got strings", name(datatype)));
            }
            let got = strings.len();
            ArrayD::from_shape_vec(shape, strings)
                .map(TractTensor::from)
                .map_err(|_| format!("shape {shape:?} needs {elements} strings, got {got}"))
        }
        TensorData::Raw(_) if datatype == Datatype::Bytes => {
            Err("expected the strings of a BYTES tensor, got raw bytes".into())
        }
        TensorData::Raw(bytes) => {
            let datum = to_datum(datatype);
            if elements.checked_mul(datum.size_of()) != Some(bytes.len()) {
                return Err(format!(
                    "shape {shape:?} of {} needs {elements} x {} bytes, got {} bytes",
                    name(datatype),
                    datum.size_of(),
                    bytes.len(),
                ));
            }
            if datatype == Datatype::Bool && bytes.iter().any(|byte| *byte > 1) {
                return Err("a BOOL element is one byte, 0 or 1".into());
            }
            let mut tensor = TractTensor::zero_dt(datum, shape).map_err(|error| format!("{error:#}"))?;
            tensor.as_bytes_mut().copy_from_slice(&bytes);
            Ok(tensor)
        }
    }
}

/// Zeros; of BYTES, empty strings.
pub(crate) fn zeros(datatype: Datatype, shape: &[usize]) -> TractResult<TractTensor> {
    if datatype == Datatype::Bytes {
        let strings = vec![String::new(); shape.iter().product()];
        return Ok(ArrayD::from_shape_vec(shape, strings)?.into());
    }
    TractTensor::zero_dt(to_datum(datatype), shape)
}

/// The WIT form of an output.
pub(crate) fn from_tract(name: &str, datatype: Datatype, tensor: &TractTensor) -> TractResult<Tensor> {
    let cast = tensor.cast_to_dt(to_datum(datatype))?;
    let data = match datatype {
        Datatype::Bytes => TensorData::Strings(cast.try_as_plain_ram()?.as_slice::<String>()?.to_vec()),
        _ => TensorData::Raw(cast.as_bytes().to_vec()),
    };
    Ok(Tensor {
        name: name.into(),
        datatype,
        shape: cast.shape().iter().map(|axis| *axis as u64).collect(),
        data,
    })
}
