//! Tensors as ONNX's own messages: a `SequenceProto` whose `tensor_values` are named `TensorProto`s.
//!
//! A call into a component costs for every record, list and string that crosses. A model with twenty inputs of one
//! element each would spend more time on those than on its prediction, so tensors cross in one piece. Numbers are in
//! `raw_data`, strings in `string_data`. Whatever else may hold elements is refused, any other field is passed over.
//!
//! Sources: `onnx.proto` and `onnx-data.proto` (<https://github.com/onnx/onnx/tree/main/onnx>); for the bytes,
//! <https://protobuf.dev/programming-guides/encoding/>.

mod view;
mod wire;

use thiserror::Error;

pub use view::{TensorView, read};
use wire::{delimited, delimited_len, key, kind, varint, varint_len};

use crate::{Data, Datatype, Tensor};

/// `SequenceProto.tensor_values`.
const TENSOR_VALUES: u32 = 3;

/// The fields of `TensorProto` that are read and written.
mod field {
    pub(super) const DIMS: u32 = 1;
    pub(super) const DATA_TYPE: u32 = 2;
    pub(super) const STRING_DATA: u32 = 6;
    pub(super) const NAME: u32 = 8;
    pub(super) const RAW_DATA: u32 = 9;
    pub(super) const READ: [u32; 5] = [DIMS, DATA_TYPE, STRING_DATA, NAME, RAW_DATA];
    /// Elements by other means: typed lists, and a file.
    pub(super) const OTHER_DATA: [u32; 6] = [4, 5, 7, 10, 11, 13];
}

/// Bytes that are no such message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The bytes end within a field, or a field is of a kind that protobuf does not have.
    #[error("the message is cut off or no protobuf")]
    Malformed,
    /// A field in another form than its type has.
    #[error("field {0} of a TensorProto has another type")]
    Field(u32),
    /// An element type that the protocol has no datatype for.
    #[error("there is no datatype for the ONNX element type {0}")]
    DataType(u64),
    /// Elements in another field than `raw_data` and `string_data`.
    #[error("elements are in field {0}; expected them in raw_data or string_data")]
    Elements(u32),
    /// A name or an element that is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// Elements that do not fit the shape and the datatype.
    #[error("tensor `{0}`: {1}")]
    Tensor(String, crate::tensor::TensorError),
}

/// The tensors of a message, their elements held against datatype and shape.
///
/// # Errors
/// When it is no such message, or a tensor's elements do not fit.
pub fn decode(message: &[u8]) -> Result<Vec<Tensor>, MessageError> {
    read(message).map(|view| view?.to_tensor()).collect()
}

/// The message of `tensors`.
pub fn encode(tensors: &[Tensor]) -> Vec<u8> {
    let parts = || tensors.iter().map(|tensor| (tensor, tensor.shape.iter().copied(), (&tensor.data).into()));
    let lens = parts().map(|(tensor, shape, data)| delimited_len(len(&tensor.name, shape, data)));
    let mut message = Vec::with_capacity(lens.sum());
    for (tensor, shape, data) in parts() {
        write(&mut message, &tensor.name, tensor.datatype, shape, data);
    }
    message
}

/// Elements to be written.
#[derive(Debug, Clone, Copy)]
pub enum Elements<'a> {
    /// Of every datatype but `BYTES`, as in [`Data::Raw`].
    Raw(&'a [u8]),
    /// Of a `BYTES` tensor.
    Strings(&'a [String]),
}

impl<'a> From<&'a Data> for Elements<'a> {
    fn from(data: &'a Data) -> Self {
        match data {
            Data::Raw(bytes) => Self::Raw(bytes),
            Data::Strings(strings) => Self::Strings(strings),
        }
    }
}

impl Elements<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Raw(bytes) => delimited_len(bytes.len()),
            Self::Strings(strings) => strings.iter().map(|string| delimited_len(string.len())).sum(),
        }
    }
}

/// Appends a tensor to a message.
pub fn write(
    message: &mut Vec<u8>,
    name: &str,
    datatype: Datatype,
    shape: impl Iterator<Item = u64> + Clone,
    data: Elements<'_>,
) {
    let len = len(name, shape.clone(), data);
    key(message, TENSOR_VALUES, kind::BYTES);
    varint(message, len as u64);
    let start = message.len();
    for length in shape {
        key(message, field::DIMS, kind::VARINT);
        varint(message, length);
    }
    key(message, field::DATA_TYPE, kind::VARINT);
    varint(message, code(datatype));
    delimited(message, field::NAME, name.as_bytes());
    match data {
        Elements::Raw(bytes) => delimited(message, field::RAW_DATA, bytes),
        Elements::Strings(strings) => {
            strings.iter().for_each(|string| delimited(message, field::STRING_DATA, string.as_bytes()));
        }
    }
    debug_assert_eq!(message.len() - start, len);
}

/// The bytes of a `TensorProto`.
fn len(name: &str, shape: impl Iterator<Item = u64>, data: Elements<'_>) -> usize {
    let lengths = shape.map(|length| 1 + varint_len(length)).sum::<usize>();
    lengths + 2 + delimited_len(name.len()) + data.len()
}

/// `TensorProto.DataType`.
fn code(datatype: Datatype) -> u64 {
    match datatype {
        Datatype::Fp32 => 1,
        Datatype::Uint8 => 2,
        Datatype::Int8 => 3,
        Datatype::Uint16 => 4,
        Datatype::Int16 => 5,
        Datatype::Int32 => 6,
        Datatype::Int64 => 7,
        Datatype::Bytes => 8,
        Datatype::Bool => 9,
        Datatype::Fp16 => 10,
        Datatype::Fp64 => 11,
        Datatype::Uint32 => 12,
        Datatype::Uint64 => 13,
    }
}

fn datatype(of: u64) -> Option<Datatype> {
    Datatype::ALL.into_iter().find(|datatype| code(*datatype) == of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> Vec<Tensor> {
        let strings = Data::Strings(vec!["One year".into(), String::new(), "ä".repeat(200)]);
        vec![
            Tensor::new("contract", Datatype::Bytes, vec![3, 1], strings).unwrap(),
            Tensor::new("x", Datatype::Fp32, vec![1, 300], Data::Raw(vec![7; 1200])).unwrap(),
            Tensor::new("scalar", Datatype::Bool, vec![], Data::Raw(vec![1])).unwrap(),
            Tensor::new("none", Datatype::Int64, vec![0, 4], Data::Raw(vec![])).unwrap(),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode(&encode(&tensors())), Ok(tensors()));
        for datatype in Datatype::ALL {
            let data = Data::empty(datatype);
            let tensor = Tensor::new("x", datatype, vec![0], data).unwrap();
            assert_eq!(decode(&encode(std::slice::from_ref(&tensor))), Ok(vec![tensor]));
        }
    }

    #[test]
    fn a_message_of_the_reference_library_is_read() {
        // onnx.numpy_helper.from_array(np.array([[1, 2]], np.int32), "x"), in a SequenceProto with a name.
        let tensor = b"\x08\x01\x08\x02\x10\x06\x42\x01x\x4a\x08\x01\0\0\0\x02\0\0\0";
        let packed = b"\x0a\x02\x01\x02\x10\x06\x42\x01x\x4a\x08\x01\0\0\0\x02\0\0\0";
        for tensor in [&tensor[..], packed] {
            let message = [b"\x0a\x01s\x10\x01\x1a", &[tensor.len() as u8][..], tensor].concat();
            let data = Data::Raw(vec![1, 0, 0, 0, 2, 0, 0, 0]);
            assert_eq!(
                decode(&message),
                Ok(vec![Tensor::new("x", Datatype::Int32, vec![1, 2], data).unwrap()])
            );
        }
    }

    #[test]
    fn every_message_that_is_cut_off_is_refused_or_lacks_a_tensor() {
        let (whole, all) = (encode(&tensors()), tensors());
        for end in 0..whole.len() {
            match decode(&whole[..end]) {
                Ok(read) => assert!(read.len() < all.len() && all.starts_with(&read), "{end}"),
                Err(error) => assert_eq!(error, MessageError::Malformed, "{end}"),
            }
        }
    }

    #[test]
    fn what_is_no_tensor_of_ours_is_refused() {
        let check = |fields: &[u8], expected: &str| {
            let message = [b"\x1a", &[fields.len() as u8][..], fields].concat();
            assert_eq!(decode(&message).unwrap_err().to_string(), expected);
        };
        check(b"\x10\x10", "there is no datatype for the ONNX element type 16");
        check(
            b"\x10\x01\x22\x04\0\0\0\0",
            "elements are in field 4; expected them in raw_data or string_data",
        );
        check(b"\x12\x01\x01", "field 2 of a TensorProto has another type");
        check(b"\x10\x08\x32\x01\xff", "a string is not UTF-8");
        check(
            b"\x08\x02\x10\x09\x42\x01x\x4a\x01\x01",
            "tensor `x`: BOOL elements of shape [2] take 2 bytes, the data has 1",
        );
        check(
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x09\x42\x01x",
            "tensor `x`: the shape [18446744073709551615] has too many elements",
        );
        check(b"\x0f", "the message is cut off or no protobuf");
    }
}
