//! Reading elements: one by one, as `f64`, and as JSON.
//!
//! JSON is written straight from the bytes. An `FP32` is written with the shortest digits that
//! give the same `FP32` again (0.1, not 0.10000000149011612); NaN and infinities, which JSON does
//! not have, become null.

use half::f16;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::{Data, Datatype, Tensor};

/// One element of a tensor, and its JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element<'a> {
    /// A `BOOL`.
    Bool(bool),
    /// A `UINT8` to `UINT64`.
    Unsigned(u64),
    /// An `INT8` to `INT64`.
    Signed(i64),
    /// An `FP16` or `FP32`.
    Single(f32),
    /// An `FP64`.
    Double(f64),
    /// A `BYTES` element.
    Text(&'a str),
}

impl Element<'_> {
    /// The element as a number: true is 1; text has none.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(value))),
            Self::Unsigned(value) => Some(value as f64),
            Self::Signed(value) => Some(value as f64),
            Self::Single(value) => Some(f64::from(value)),
            Self::Double(value) => Some(value),
            Self::Text(_) => None,
        }
    }
}

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Bool(value) => serializer.serialize_bool(value),
            Self::Unsigned(value) => serializer.serialize_u64(value),
            Self::Signed(value) => serializer.serialize_i64(value),
            Self::Single(value) => serializer.serialize_f32(value),
            Self::Double(value) => serializer.serialize_f64(value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl Tensor {
    /// The element at a row-major position.
    pub fn element(&self, position: usize) -> Option<Element<'_>> {
        let bytes = match &self.data {
            Data::Strings(strings) => return strings.get(position).map(|text| Element::Text(text)),
            Data::Raw(bytes) => bytes,
        };
        let size = self.datatype.size()?;
        let start = position.checked_mul(size)?;
        let bytes = bytes.get(start..start.checked_add(size)?)?;
        Some(match self.datatype {
            Datatype::Bool => Element::Bool(bytes[0] != 0),
            Datatype::Uint8 => Element::Unsigned(u64::from(bytes[0])),
            Datatype::Uint16 => Element::Unsigned(u64::from(u16::from_le_bytes(fixed(bytes)))),
            Datatype::Uint32 => Element::Unsigned(u64::from(u32::from_le_bytes(fixed(bytes)))),
            Datatype::Uint64 => Element::Unsigned(u64::from_le_bytes(fixed(bytes))),
            Datatype::Int8 => Element::Signed(i64::from(i8::from_le_bytes(fixed(bytes)))),
            Datatype::Int16 => Element::Signed(i64::from(i16::from_le_bytes(fixed(bytes)))),
            Datatype::Int32 => Element::Signed(i64::from(i32::from_le_bytes(fixed(bytes)))),
            Datatype::Int64 => Element::Signed(i64::from_le_bytes(fixed(bytes))),
            Datatype::Fp16 => Element::Single(f16::from_le_bytes(fixed(bytes)).to_f32()),
            Datatype::Fp32 => Element::Single(f32::from_le_bytes(fixed(bytes))),
            Datatype::Fp64 => Element::Double(f64::from_le_bytes(fixed(bytes))),
            Datatype::Bytes => return None,
        })
    }

    /// The element at a row-major position as a number; `None` for text and beyond the end.
    pub fn f64_at(&self, position: usize) -> Option<f64> {
        self.element(position)?.as_f64()
    }

    /// Every element as a number; `None` for a tensor of text.
    pub fn as_f64s(&self) -> Option<Vec<f64>> {
        (0..self.len()).map(|position| self.f64_at(position)).collect()
    }

    /// The elements as one flat list, to be serialised.
    pub fn elements(&self) -> Elements<'_> {
        Elements { tensor: self, start: 0, end: self.len() }
    }

    /// The elements at some row-major positions as one flat list, to be serialised.
    pub fn elements_in(&self, positions: std::ops::Range<usize>) -> Elements<'_> {
        Elements { tensor: self, start: positions.start, end: positions.end }
    }

    /// The elements from `start` as lists nested to `shape`, to be serialised.
    pub fn nested<'a>(&'a self, shape: &'a [u64], start: usize) -> Nested<'a> {
        Nested { tensor: self, shape, start }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut fixed = [0; N];
    fixed.copy_from_slice(bytes);
    fixed
}

/// Some elements of a tensor; serialises as a flat list.
#[derive(Debug, Clone, Copy)]
pub struct Elements<'a> {
    tensor: &'a Tensor,
    start: usize,
    end: usize,
}

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The datatype is looked at once and not for each element.
        let bytes = match &self.tensor.data {
            Data::Strings(strings) => {
                return serializer.collect_seq(strings.iter().take(self.end).skip(self.start));
            }
            Data::Raw(bytes) => bytes.as_slice(),
        };
        let size = self.tensor.datatype.size().unwrap_or(1);
        let bytes = bytes.get(self.start * size..self.end * size).unwrap_or_default();
        macro_rules! list {
            ($type:ty) => {
                serializer.collect_seq(
                    bytes.chunks_exact(size).map(|element| <$type>::from_le_bytes(fixed(element))),
                )
            };
        }
        match self.tensor.datatype {
            Datatype::Bool => serializer.collect_seq(bytes.iter().map(|byte| *byte != 0)),
            Datatype::Uint8 | Datatype::Bytes => list!(u8),
            Datatype::Uint16 => list!(u16),
            Datatype::Uint32 => list!(u32),
            Datatype::Uint64 => list!(u64),
            Datatype::Int8 => list!(i8),
            Datatype::Int16 => list!(i16),
            Datatype::Int32 => list!(i32),
            Datatype::Int64 => list!(i64),
            Datatype::Fp16 => {
                let halves = bytes.chunks_exact(size).map(|element| f16::from_le_bytes(fixed(element)));
                serializer.collect_seq(halves.map(f16::to_f32))
            }
            Datatype::Fp32 => list!(f32),
            Datatype::Fp64 => list!(f64),
        }
    }
}

/// Some elements of a tensor; serialises as lists nested to a shape, a single value for none.
#[derive(Debug, Clone, Copy)]
pub struct Nested<'a> {
    tensor: &'a Tensor,
    shape: &'a [u64],
    start: usize,
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { tensor, shape, start } = *self;
        match shape {
            [] => tensor.element(start).serialize(serializer),
            [length] => Elements { tensor, start, end: start + *length as usize }.serialize(serializer),
            [length, inner @ ..] => {
                let width = inner.iter().product::<u64>() as usize;
                let mut list = serializer.serialize_seq(Some(*length as usize))?;
                for index in 0..*length as usize {
                    list.serialize_element(&Nested { tensor, shape: inner, start: start + index * width })?;
                }
                list.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(shape: &[u64], values: &[f32]) -> Tensor {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::new("x", Datatype::Fp32, shape.to_vec(), Data::Raw(bytes)).unwrap()
    }

    fn check(tensor: &Tensor, expect: &str) {
        assert_eq!(serde_json::to_string(&tensor.elements()).unwrap(), expect);
    }

    #[test]
    fn a_float_is_written_with_its_own_shortest_digits() {
        check(&floats(&[2], &[0.1, 16_777_216.0]), "[0.1,16777216.0]");
    }

    #[test]
    fn what_json_does_not_have_is_null() {
        check(&floats(&[4], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0]), "[null,null,null,-0.0]");
    }

    #[test]
    fn every_datatype_is_written() {
        for (datatype, bytes, expect) in [
            (Datatype::Bool, vec![0, 1], "[false,true]"),
            (Datatype::Uint8, vec![255], "[255]"),
            (Datatype::Int8, vec![255], "[-1]"),
            (Datatype::Uint16, vec![0, 1], "[256]"),
            (Datatype::Int16, vec![254, 255], "[-2]"),
            (Datatype::Uint32, vec![255; 4], "[4294967295]"),
            (Datatype::Int32, vec![255; 4], "[-1]"),
            (Datatype::Uint64, vec![255; 8], "[18446744073709551615]"),
            (Datatype::Int64, vec![255; 8], "[-1]"),
            (Datatype::Fp16, f16::from_f32(1.5).to_le_bytes().to_vec(), "[1.5]"),
            (Datatype::Fp64, 0.1_f64.to_le_bytes().to_vec(), "[0.1]"),
        ] {
            let count = bytes.len() / datatype.size().unwrap();
            let tensor = Tensor::new("x", datatype, vec![count as u64], Data::Raw(bytes)).unwrap();
            check(&tensor, expect);
            let single: Vec<_> = (0..count).map(|position| tensor.element(position).unwrap()).collect();
            assert_eq!(serde_json::to_string(&single).unwrap(), expect);
        }
        let text = Data::Strings(vec!["a\"b".into(), "ü".into()]);
        check(&Tensor::new("x", Datatype::Bytes, vec![2], text).unwrap(), r#"["a\"b","ü"]"#);
    }

    #[test]
    fn nested_lists_follow_the_shape() {
        let tensor = floats(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
        let nested = serde_json::to_string(&tensor.nested(&tensor.shape, 0)).unwrap();
        assert_eq!(nested, "[[[1.0],[2.0]],[[3.0],[4.0]]]");
        assert_eq!(serde_json::to_string(&tensor.nested(&[], 2)).unwrap(), "3.0");
        assert_eq!(serde_json::to_string(&tensor.nested(&[1], 3)).unwrap(), "[4.0]");
    }

    #[test]
    fn numbers_are_read_as_f64() {
        let tensor = floats(&[2], &[0.5, -2.0]);
        assert_eq!(tensor.as_f64s(), Some(vec![0.5, -2.0]));
        assert_eq!(tensor.f64_at(2), None);
        let text = Tensor::new("x", Datatype::Bytes, vec![1], Data::Strings(vec!["1".into()])).unwrap();
        assert_eq!(text.as_f64s(), None);
    }

    #[test]
    fn a_tensor_is_written_as_the_protocol_says() {
        assert_eq!(
            serde_json::to_string(&floats(&[1, 2], &[0.1, 2.0])).unwrap(),
            r#"{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.1,2.0]}"#
        );
    }
}
