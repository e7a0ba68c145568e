//! Tensors as callers give them to tract's.

use edgewit_core::Datatype;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};

/// What tract computes with for a datatype.
pub fn to_datum(datatype: Datatype) -> DatumType {
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

/// The datatype of a tract type; a symbolic dimension (`TDim`) leaves as INT64, which is what
/// ONNX calls it. None for types that ONNX tensors of this interface cannot have.
pub fn from_datum(datum: DatumType) -> Option<Datatype> {
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

/// A tensor as a caller gives it.
pub trait Given {
    /// The input that it is for.
    fn name(&self) -> &str;
    /// What its elements are.
    fn datatype(&self) -> Datatype;
    /// How many axes it has.
    fn rank(&self) -> usize;
    /// How long they are.
    fn shape(&self) -> impl Iterator<Item = u64>;

    /// Copies the elements into a tensor of `shape`, which is its own.
    ///
    /// # Errors
    /// What is wrong with the data: its case, its length, or a BOOL that is neither 0 nor 1.
    fn to_tract(self, shape: &[usize]) -> Result<Tensor, String>;
}

/// Says that there are strings where `datatype` is numbers, or bytes where it is strings.
pub fn other_case(datatype: Datatype) -> String {
    match datatype {
        Datatype::Bytes => "expected the strings of a BYTES tensor, got raw bytes".into(),
        _ => format!("expected raw {datatype} elements, got strings"),
    }
}

/// A tensor of `shape` with `count` strings.
///
/// # Errors
/// When the shape has another number of elements.
pub fn strings(
    shape: &[usize],
    count: usize,
    texts: impl IntoIterator<Item = String>,
) -> Result<Tensor, String> {
    let elements = elements(shape)?;
    if count != elements {
        return Err(format!("shape {shape:?} needs {elements} strings, got {count}"));
    }
    let mut tensor = zeros(Datatype::Bytes, shape).map_err(|error| format!("{error:#}"))?;
    let mut plain = tensor.try_as_plain_ram_mut().map_err(|error| format!("{error:#}"))?;
    let places = plain.as_slice_mut::<String>().map_err(|error| format!("{error:#}"))?;
    places.iter_mut().zip(texts).for_each(|(place, text)| *place = text);
    Ok(tensor)
}

/// A tensor of `shape` with the elements `bytes`, of any datatype but BYTES.
///
/// # Errors
/// When the shape and the datatype need another number of bytes; a BOOL that is neither 0 nor 1.
pub fn numbers(datatype: Datatype, shape: &[usize], bytes: &[u8]) -> Result<Tensor, String> {
    let (elements, datum) = (elements(shape)?, to_datum(datatype));
    if elements.checked_mul(datum.size_of()) != Some(bytes.len()) {
        return Err(format!(
            "shape {shape:?} of {datatype} needs {elements} x {} bytes, got {} bytes",
            datum.size_of(),
            bytes.len(),
        ));
    }
    if datatype == Datatype::Bool && bytes.iter().any(|byte| *byte > 1) {
        return Err("a BOOL element is one byte, 0 or 1".into());
    }
    // SAFETY: the elements are numbers, for which all bytes are valid, and each is written below.
    #[allow(unsafe_code, reason = "to clear what is then written costs as much as to write it")]
    let tensor = unsafe { Tensor::uninitialized_dt(datum, shape) };
    let mut tensor = tensor.map_err(|error| format!("{error:#}"))?;
    tensor.as_bytes_mut().copy_from_slice(bytes);
    Ok(tensor)
}

fn elements(shape: &[usize]) -> Result<usize, String> {
    let elements = shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
    elements.ok_or_else(|| format!("shape {shape:?} has too many elements"))
}

/// Zeros; of BYTES, empty strings.
///
/// # Errors
/// A shape that is too large.
pub fn zeros(datatype: Datatype, shape: &[usize]) -> TractResult<Tensor> {
    if datatype == Datatype::Bytes {
        // SAFETY: tract writes empty strings where elements are not to be copied byte by byte.
        #[allow(unsafe_code, reason = "its safe ways to make a tensor of strings go by arrays of any rank")]
        return unsafe { Tensor::uninitialized::<String>(shape) };
    }
    Tensor::zero_dt(to_datum(datatype), shape)
}
