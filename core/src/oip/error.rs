//! Why a protocol body cannot be read.

use thiserror::Error;

use crate::{
    Datatype, ErrorBody,
    schema::InputError,
    tensor::{TensorError, ValueError},
};

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
    /// The length of the JSON is not a number, or more than there is.
    #[error(
        "the header Inference-Header-Content-Length must be a length of at most {body} bytes, came {came:?}"
    )]
    JsonLength {
        /// The length of the body.
        body: usize,
        /// The header.
        came: String,
    },
    /// Binary data that is not there.
    #[error(
        "input {input:?}: binary_data_size is {expected}, the body has {left} bytes left after its JSON, whose length \
         the header Inference-Header-Content-Length says"
    )]
    BinarySize {
        /// The input.
        input: String,
        /// The size that was given.
        expected: u64,
        /// What the body has.
        left: usize,
    },
    /// More binary data than the inputs say.
    #[error("the body has {left} bytes more than its inputs say")]
    Rest {
        /// How many.
        left: usize,
    },
    /// Data in both places.
    #[error("input {input:?}: \"data\" and \"binary_data_size\" are both given")]
    Both {
        /// The input.
        input: String,
    },
    /// Binary data that does not fill the shape.
    #[error("input {input:?}: {source}")]
    Invalid {
        /// The input.
        input: String,
        /// What is wrong with it.
        source: TensorError,
    },
    /// Binary data that is no text.
    #[error("input {input:?}, element {position}: {problem}")]
    Text {
        /// The input.
        input: String,
        /// Which element, counted from 0.
        position: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// `FP16` as JSON, which has no such numbers.
    #[error("input {input:?}: FP16 cannot be given as JSON, only as binary data")]
    HalfInput {
        /// The input.
        input: String,
    },
    /// `FP16` asked for as JSON.
    #[error("output {output:?}: FP16 cannot be answered as JSON; ask for it with \"binary_data\": true")]
    HalfOutput {
        /// The output.
        output: String,
    },
    /// A classification of what has no order.
    #[error("output {output:?} is {datatype}, which has no classification")]
    Unranked {
        /// The output.
        output: String,
        /// What it is.
        datatype: Datatype,
    },
    /// A parameter of another type.
    #[error("the parameter {name:?} must be {expected}, came {came}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What fits, in words.
        expected: &'static str,
        /// What was given.
        came: String,
    },
    /// A tensor in memory that only a client on the same machine could share.
    #[error("{name:?} is in shared memory, which is not supported; send and ask for the data in the body")]
    SharedMemory {
        /// The input or output.
        name: String,
    },
    /// A body of nothing but a tensor, for a model that leaves open what it is.
    #[error("a body without JSON is for a model of one input with at most one axis of any length: {problem}")]
    Raw {
        /// What the model has instead, or what is wrong with the body.
        problem: String,
    },
    /// The tensors or the outputs are not the model's.
    #[error(transparent)]
    Input(#[from] InputError),
}

impl From<&OipError> for ErrorBody {
    fn from(error: &OipError) -> Self {
        Self::new(error.to_string())
    }
}
