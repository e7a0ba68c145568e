//! Tensors as ONNX's own messages: a `SequenceProto` whose `tensor_values` are named `TensorProto`s.
//!
//! A call into a component costs for every record, list and string that crosses. A model with twenty inputs of one
//! element each would spend more time on those than on its prediction, so tensors cross in one piece. Numbers are in
//! `raw_data`, strings in `string_data`. Whatever else may hold elements is refused, any other field is passed over.
//!
//! Sources: `onnx.proto` and `onnx-data.proto` (<https://github.com/onnx/onnx/tree/main/onnx>); for the bytes,
//! <https://protobuf.dev/programming-guides/encoding/>.

use thiserror::Error;

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

/// How the value of a field is written.
mod wire {
    pub(super) const VARINT: u32 = 0;
    pub(super) const EIGHT_BYTES: u32 = 1;
    pub(super) const BYTES: u32 = 2;
    pub(super) const FOUR_BYTES: u32 = 5;
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

/// The tensors of a message, which they point into.
pub fn read(message: &[u8]) -> impl Iterator<Item = Result<TensorView<'_>, MessageError>> {
    let mut fields = Fields::of(message);
    std::iter::from_fn(move || {
        loop {
            match fields.next() {
                Some((TENSOR_VALUES, Value::Bytes(tensor))) => return Some(TensorView::read(tensor)),
                Some(_) => {}
                None => {
                    let fault = fields.fault();
                    fields.rest = &[];
                    return fault.map(Err);
                }
            }
        }
    })
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

/// A `TensorProto` that points into a message.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// The model's input or output that it is for.
    pub name: &'a str,
    /// What the elements are.
    pub datatype: Datatype,
    /// The elements of every datatype but `BYTES`, as in [`Data::Raw`].
    pub raw: &'a [u8],
    /// How many axes there are.
    pub rank: usize,
    /// How many strings there are.
    pub strings: usize,
    /// The fields from the first length of an axis to the last.
    dims: &'a [u8],
    /// The fields from the first string to the last.
    texts: &'a [u8],
}

impl<'a> TensorView<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let (mut name, mut raw, mut rank, mut strings, mut data_type) = (&[][..], &[][..], 0, 0, 0);
        let (mut dims, mut texts) = (None, None);
        let mut fields = Fields::of(bytes);
        let mut start = 0;
        while let Some(each) = fields.next() {
            let end = bytes.len() - fields.rest.len();
            let within = |span: Option<(usize, usize)>| Some((span.map_or(start, |(first, _)| first), end));
            match each {
                (field::DIMS, Value::Varint(_)) => (rank, dims) = (rank + 1, within(dims)),
                (field::DIMS, Value::Bytes(packed)) => {
                    (rank, dims) = (rank + Packed(packed).count(), within(dims));
                }
                (field::DATA_TYPE, Value::Varint(code)) => data_type = code,
                (field::STRING_DATA, Value::Bytes(_)) => (strings, texts) = (strings + 1, within(texts)),
                (field::NAME, Value::Bytes(bytes)) => name = bytes,
                (field::RAW_DATA, Value::Bytes(bytes)) => raw = bytes,
                (number, _) if field::READ.contains(&number) => return Err(MessageError::Field(number)),
                (number, _) if field::OTHER_DATA.contains(&number) => {
                    return Err(MessageError::Elements(number));
                }
                _ => {}
            }
            start = end;
        }
        if let Some(fault) = fields.fault() {
            return Err(fault);
        }
        let datatype = datatype(data_type).ok_or(MessageError::DataType(data_type))?;
        let span = |span: Option<(usize, usize)>| span.map_or(&[][..], |(first, end)| &bytes[first..end]);
        Ok(Self { name: text(name)?, datatype, raw, rank, strings, dims: span(dims), texts: span(texts) })
    }

    /// The length of each axis. A negative one comes as more than memory can address.
    pub fn shape(&self) -> impl Iterator<Item = u64> + 'a {
        Fields::of(self.dims).flat_map(|each| match each {
            (field::DIMS, Value::Varint(length)) => Lengths::One(Some(length)),
            (field::DIMS, Value::Bytes(packed)) => Lengths::Packed(Packed(packed)),
            _ => Lengths::One(None),
        })
    }

    /// The elements of a `BYTES` tensor.
    ///
    /// # Errors
    /// For each that is not UTF-8.
    pub fn texts(&self) -> impl Iterator<Item = Result<&'a str, MessageError>> {
        Fields::of(self.texts).filter_map(|each| match each {
            (field::STRING_DATA, Value::Bytes(bytes)) => Some(text(bytes)),
            _ => None,
        })
    }

    fn to_tensor(self) -> Result<Tensor, MessageError> {
        let data = match self.datatype {
            Datatype::Bytes => {
                Data::Strings(self.texts().map(|text| text.map(Into::into)).collect::<Result<_, _>>()?)
            }
            _ => Data::Raw(self.raw.into()),
        };
        Tensor::new(self.name, self.datatype, self.shape().collect(), data)
            .map_err(|error| MessageError::Tensor(self.name.into(), error))
    }
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
    key(message, TENSOR_VALUES, wire::BYTES);
    varint(message, len as u64);
    let start = message.len();
    for length in shape {
        key(message, field::DIMS, wire::VARINT);
        varint(message, length);
    }
    key(message, field::DATA_TYPE, wire::VARINT);
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

fn text(bytes: &[u8]) -> Result<&str, MessageError> {
    std::str::from_utf8(bytes).map_err(|_| MessageError::Utf8)
}

/// The value of a field.
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Of four or eight bytes, which nothing here has.
    Other,
}

/// The fields of a message: number and value. Ends before what is no field.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Why there is no other field, but for the end of the message.
    fn fault(&self) -> Option<MessageError> {
        (!self.rest.is_empty()).then_some(MessageError::Malformed)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest;
        let key = u32::try_from(take_varint(&mut rest)?).ok()?;
        let value = match key & 7 {
            wire::VARINT => Value::Varint(take_varint(&mut rest)?),
            wire::BYTES => {
                let len = usize::try_from(take_varint(&mut rest)?).ok()?;
                Value::Bytes(rest.split_off(..len)?)
            }
            wire::EIGHT_BYTES => rest.split_off(..8).map(|_| Value::Other)?,
            wire::FOUR_BYTES => rest.split_off(..4).map(|_| Value::Other)?,
            _ => return None,
        };
        self.rest = rest;
        Some((key >> 3, value))
    }
}

/// A list of varints in one field.
struct Packed<'a>(&'a [u8]);

impl Iterator for Packed<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        take_varint(&mut self.0)
    }
}

/// What one field says of a shape.
enum Lengths<'a> {
    One(Option<u64>),
    Packed(Packed<'a>),
}

impl Iterator for Lengths<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        match self {
            Self::One(value) => value.take(),
            Self::Packed(values) => values.next(),
        }
    }
}

#[inline]
fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        *bytes = rest;
        return Some((*first).into());
    }
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// The bytes of a field of so many bytes, whose number is below sixteen.
fn delimited_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn key(message: &mut Vec<u8>, number: u32, kind: u32) {
    varint(message, u64::from(number << 3 | kind));
}

fn delimited(message: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    key(message, number, wire::BYTES);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
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
