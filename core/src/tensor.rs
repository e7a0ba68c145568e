//! Tensors: a datatype, a shape and the elements.
//!
//! Elements are kept as a predictor takes them: little-endian and row-major. Submodules turn JSON
//! into elements and elements into JSON, and join tensors to batches.

mod batch;
mod datatype;
mod element;
mod parse;

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use thiserror::Error;

pub use datatype::{Datatype, UnknownDatatype};
pub use element::{Element, Elements, Nested};
pub use parse::ValueError;
pub(crate) use parse::{Lists, Scalar, Values};

/// The elements of a tensor in row-major order.
#[derive(Clone, PartialEq)]
pub enum Data {
    /// Every datatype but `BYTES`: little-endian elements without padding; a `BOOL` is one byte.
    Raw(Vec<u8>),
    /// The elements of a `BYTES` tensor.
    Strings(Vec<String>),
}

impl Data {
    /// No elements yet, in the form that `datatype` takes.
    pub fn empty(datatype: Datatype) -> Self {
        match datatype {
            Datatype::Bytes => Self::Strings(Vec::new()),
            _ => Self::Raw(Vec::new()),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Strings(strings) => write!(f, "{} strings", strings.len()),
        }
    }
}

/// A named tensor with its elements.
///
/// Serialises as the protocol's `{name, datatype, shape, data}` with flat data.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The model's input or output that this is for.
    pub name: String,
    /// What the elements are.
    pub datatype: Datatype,
    /// The length of each axis. A scalar has no axis.
    pub shape: Vec<u64>,
    /// The elements; their number is the product of `shape`.
    pub data: Data,
}

/// Elements that do not fit the datatype and shape beside them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TensorError {
    /// More elements than memory can address.
    #[error("the shape {shape:?} has too many elements")]
    TooLarge {
        /// The shape that was given.
        shape: Vec<u64>,
    },
    /// Another number of elements than the shape says.
    #[error("the shape {shape:?} has {expected} elements, the data has {came}")]
    Count {
        /// The shape that was given.
        shape: Vec<u64>,
        /// The product of the shape.
        expected: usize,
        /// The number of elements in the data.
        came: usize,
    },
    /// Raw data that is cut off or too long.
    #[error("{datatype} elements of shape {shape:?} take {expected} bytes, the data has {came}")]
    Length {
        /// The datatype that was given.
        datatype: Datatype,
        /// The shape that was given.
        shape: Vec<u64>,
        /// The product of shape and element size.
        expected: usize,
        /// The number of bytes in the data.
        came: usize,
    },
    /// Strings for a number or the other way round.
    #[error("{datatype} data came as {came}")]
    Kind {
        /// The datatype that was given.
        datatype: Datatype,
        /// What the data is.
        came: &'static str,
    },
    /// A `BOOL` byte that is neither 0 nor 1.
    #[error("element {position} is no BOOL: the byte is {byte}")]
    Bool {
        /// Which element.
        position: usize,
        /// Its byte.
        byte: u8,
    },
}

/// The number of elements of a shape; `None` when that, at eight bytes each, is more than memory
/// can address.
pub fn element_count(shape: &[u64]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let count = shape.iter().try_fold(1_u64, |count, axis| count.checked_mul(*axis))?;
    let count = usize::try_from(count).ok()?;
    (count <= isize::MAX as usize / 8).then_some(count)
}

impl Tensor {
    /// A tensor whose elements fit its datatype and shape.
    pub fn new(
        name: impl Into<String>,
        datatype: Datatype,
        shape: Vec<u64>,
        data: Data,
    ) -> Result<Self, TensorError> {
        let tensor = Self { name: name.into(), datatype, shape, data };
        tensor.validate()?;
        Ok(tensor)
    }

    /// Checks that the elements fit the datatype and the shape.
    pub fn validate(&self) -> Result<(), TensorError> {
        let Self { datatype, shape, .. } = self;
        let Some(count) = element_count(shape) else {
            return Err(TensorError::TooLarge { shape: shape.clone() });
        };
        match (&self.data, datatype.size()) {
            (Data::Raw(bytes), Some(size)) if bytes.len() != count * size => Err(TensorError::Length {
                datatype: *datatype,
                shape: shape.clone(),
                expected: count * size,
                came: bytes.len(),
            }),
            (Data::Raw(bytes), Some(_)) => match bytes.iter().position(|byte| *byte > 1) {
                Some(position) if *datatype == Datatype::Bool => {
                    Err(TensorError::Bool { position, byte: bytes[position] })
                }
                _ => Ok(()),
            },
            (Data::Strings(strings), None) if strings.len() != count => {
                Err(TensorError::Count { shape: shape.clone(), expected: count, came: strings.len() })
            }
            (Data::Strings(_), None) => Ok(()),
            (Data::Raw(_), None) => Err(TensorError::Kind { datatype: *datatype, came: "bytes" }),
            (Data::Strings(_), Some(_)) => Err(TensorError::Kind { datatype: *datatype, came: "strings" }),
        }
    }

    /// The number of whole elements that the data holds.
    pub fn len(&self) -> usize {
        match (&self.data, self.datatype.size()) {
            (Data::Raw(bytes), Some(size)) => bytes.len() / size,
            (Data::Strings(strings), None) => strings.len(),
            _ => 0,
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Tensor", 4)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("datatype", &self.datatype)?;
        object.serialize_field("shape", &self.shape)?;
        object.serialize_field("data", &self.elements())?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(datatype: Datatype, shape: &[u64], data: Data, expect: Result<usize, &str>) {
        let came = Tensor::new("x", datatype, shape.to_vec(), data);
        assert_eq!(
            came.map(|tensor| tensor.len()).map_err(|error| error.to_string()),
            expect.map_err(Into::into)
        );
    }

    fn raw(length: usize) -> Data {
        Data::Raw(vec![0; length])
    }

    #[test]
    fn elements_must_fill_the_shape() {
        check(Datatype::Fp32, &[2, 3], raw(24), Ok(6));
        check(Datatype::Fp64, &[], raw(8), Ok(1));
        check(Datatype::Fp32, &[0, u64::MAX], raw(0), Ok(0));
        check(Datatype::Bytes, &[1], Data::Strings(vec!["a".into()]), Ok(1));
        check(
            Datatype::Fp32,
            &[2, 3],
            raw(23),
            Err("FP32 elements of shape [2, 3] take 24 bytes, the data has 23"),
        );
        check(
            Datatype::Bytes,
            &[2],
            Data::Strings(vec![]),
            Err("the shape [2] has 2 elements, the data has 0"),
        );
    }

    #[test]
    fn a_shape_beyond_memory_is_refused() {
        let error = "the shape [4294967296, 4294967296] has too many elements";
        check(Datatype::Uint8, &[1 << 32, 1 << 32], raw(0), Err(error));
        let error = "the shape [2305843009213693952] has too many elements";
        check(Datatype::Fp64, &[1 << 61], raw(0), Err(error));
    }

    #[test]
    fn strings_and_numbers_are_not_mixed() {
        check(Datatype::Bytes, &[1], raw(1), Err("BYTES data came as bytes"));
        check(Datatype::Int8, &[0], Data::Strings(vec![]), Err("INT8 data came as strings"));
    }

    #[test]
    fn a_bool_is_zero_or_one() {
        check(Datatype::Bool, &[2], Data::Raw(vec![0, 1]), Ok(2));
        check(Datatype::Bool, &[2], Data::Raw(vec![0, 2]), Err("element 1 is no BOOL: the byte is 2"));
        check(Datatype::Uint8, &[2], Data::Raw(vec![0, 2]), Ok(2));
    }

    #[test]
    fn debug_prints_the_length_and_not_the_bytes() {
        let tensor = Tensor::new("x", Datatype::Fp32, vec![2], raw(8)).unwrap();
        assert_eq!(
            format!("{tensor:?}"),
            r#"Tensor { name: "x", datatype: Fp32, shape: [2], data: 8 bytes }"#
        );
    }
}
