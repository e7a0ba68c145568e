//! Why a protocol body cannot be read.

use thiserror::Error;

use crate::{ErrorBody, tensor::ValueError};

/// What is wrong with an inference request. An input without a name is called `#` and its position.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OipError {
    /// No JSON, or JSON of another form.
    #[error("{0}")]
    Body(String),
    /// The request has no `inputs`.
    #[error("the request has no inputs")]
    NoInputs,
    /// An input without one of its fields.
    #[error("input {input:?}: {field:?} is missing")]
    Field {
        /// The input.
        input: String,
        /// The field.
        field: &'static str,
    },
    /// An input with a field twice.
    #[error("input {input:?}: {field:?} is given twice")]
    Repeated {
        /// The input.
        input: String,
        /// The field.
        field: &'static str,
    },
    /// A datatype that there is not.
    #[error("input {input:?}: there is no datatype {datatype:?}")]
    Datatype {
        /// The input.
        input: String,
        /// The name that was given.
        datatype: String,
    },
    /// A shape that is no list of lengths.
    #[error("input {input:?}: the shape must be a list of whole numbers that are not negative: {problem}")]
    Shape {
        /// The input.
        input: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A shape of more elements than memory can address.
    #[error("input {input:?}: the shape {shape:?} has too many elements")]
    TooLarge {
        /// The input.
        input: String,
        /// The shape that was given.
        shape: Vec<u64>,
    },
    /// An element that is not of the datatype.
    #[error("input {input:?}, element {position}: {source}")]
    Element {
        /// The input.
        input: String,
        /// Which element, row-major and counted from 0.
        position: usize,
        /// What is wrong with it.
        source: ValueError,
    },
    /// Another number of elements than the shape says.
    #[error("input {input:?}: the shape {shape:?} has {expected} elements, the data has {came}")]
    Count {
        /// The input.
        input: String,
        /// The shape that was given.
        shape: Vec<u64>,
        /// The product of the shape.
        expected: usize,
        /// The number of elements in the data.
        came: usize,
    },
    /// Nested data of another shape.
    #[error("input {input:?} has the shape {shape:?}, the lists of its data have {came:?}")]
    Nesting {
        /// The input.
        input: String,
        /// The shape that was given.
        shape: Vec<u64>,
        /// The shape of the nested lists.
        came: Vec<u64>,
    },
    /// Data outside the JSON.
    #[error("input {input:?}: binary tensor data is not supported, give \"data\" as JSON")]
    Binary {
        /// The input.
        input: String,
    },
}

impl From<&OipError> for ErrorBody {
    fn from(error: &OipError) -> Self {
        Self::new(error.to_string())
    }
}
