//! Protobuf's wire format, as far as tensors need it: <https://protobuf.dev/programming-guides/encoding/>.

use super::MessageError;

/// How the value of a field is written.
pub(super) mod kind {
    pub(in crate::onnx) const VARINT: u32 = 0;
    pub(in crate::onnx) const EIGHT_BYTES: u32 = 1;
    pub(in crate::onnx) const BYTES: u32 = 2;
    pub(in crate::onnx) const FOUR_BYTES: u32 = 5;
}

/// The value of a field.
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Of four or eight bytes, which nothing here has.
    Other,
}

/// The fields of a message: number and value. Ends before what is no field.
pub(super) struct Fields<'a> {
    /// What was not read yet.
    pub(super) rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Why there is no other field, but for the end of the message.
    pub(super) fn fault(&self) -> Option<MessageError> {
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
            kind::VARINT => Value::Varint(take_varint(&mut rest)?),
            kind::BYTES => {
                let len = usize::try_from(take_varint(&mut rest)?).ok()?;
                Value::Bytes(rest.split_off(..len)?)
            }
            kind::EIGHT_BYTES => rest.split_off(..8).map(|_| Value::Other)?,
            kind::FOUR_BYTES => rest.split_off(..4).map(|_| Value::Other)?,
            _ => return None,
        };
        self.rest = rest;
        Some((key >> 3, value))
    }
}

/// A list of varints in one field.
pub(super) struct Packed<'a>(pub(super) &'a [u8]);

impl Iterator for Packed<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        take_varint(&mut self.0)
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

pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// The bytes of a field of so many bytes, whose number is below sixteen.
pub(super) fn delimited_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

pub(super) fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

pub(super) fn key(message: &mut Vec<u8>, number: u32, kind: u32) {
    varint(message, u64::from(number << 3 | kind));
}

pub(super) fn delimited(message: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    key(message, number, kind::BYTES);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}
