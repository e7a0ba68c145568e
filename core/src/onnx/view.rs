//! Tensors read where they lie: a message is gone through once, and nothing is copied.

use super::wire::{Fields, Packed, Value};
use super::{MessageError, TENSOR_VALUES, datatype, field};
use crate::{Data, Datatype, Tensor};

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

    pub(super) fn to_tensor(self) -> Result<Tensor, MessageError> {
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

fn text(bytes: &[u8]) -> Result<&str, MessageError> {
    std::str::from_utf8(bytes).map_err(|_| MessageError::Utf8)
}
