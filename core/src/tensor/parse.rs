//! JSON values into elements, without a tree in between.
//!
//! [`Values`] walks one value or nested lists of values and hands each to a closure; [`Lists`]
//! follows the nesting, so that the shape is known at the end; [`encode`] makes the bytes.
//! serde's errors carry only text, so the reason of a failure is left in a slot beside it.

use std::fmt;

use half::f16;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Data, Datatype};

/// Why a JSON value cannot be an element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A value of another type.
    #[error("expected {expected}, came {came}")]
    Type {
        /// What fits, in words.
        expected: &'static str,
        /// What was given, in words.
        came: &'static str,
    },
    /// A number with a fraction where whole numbers are wanted.
    #[error("expected a whole number, came {value}")]
    Fraction {
        /// The number that was given.
        value: String,
    },
    /// A number too large or too small for the datatype; for a float, one that would be infinite.
    #[error("{value} is out of range for {datatype}")]
    Range {
        /// The number that was given.
        value: String,
        /// What it should become.
        datatype: Datatype,
    },
    /// A value that is not one of the categories.
    #[error("expected one of {allowed}; came {came}")]
    Category {
        /// The categories, the first of them if there are many.
        allowed: String,
        /// The value that was given.
        came: String,
    },
    /// Lists of different lengths, or lists beside values.
    #[error("the lists are not of equal length and depth")]
    Ragged,
}

/// A JSON value that is neither a list nor an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Signed(value) => write!(f, "{value}"),
            // Not `Display`, which writes 1e300 with all its zeros.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{:?}", crate::json::excerpt(value)),
        }
    }
}

impl Scalar<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
        }
    }

    fn misfit(self, datatype: Datatype) -> ValueError {
        ValueError::Type { expected: expected(datatype), came: self.kind() }
    }
}

/// What fits a datatype, in words.
fn expected(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Bool => "true or false",
        Datatype::Bytes => "a string",
        _ if datatype.is_integer() => "a whole number",
        _ => "a number",
    }
}

/// The little-endian bytes of an element, at the front of eight. Null is NaN where `nullable`
/// allows it and the datatype has it.
pub(crate) fn encode(datatype: Datatype, nullable: bool, scalar: Scalar<'_>) -> Result<[u8; 8], ValueError> {
    fn front<const N: usize>(bytes: [u8; N]) -> [u8; 8] {
        let mut front = [0; 8];
        front[..N].copy_from_slice(&bytes);
        front
    }
    let range = || ValueError::Range { value: scalar.to_string(), datatype };
    macro_rules! integer {
        ($type:ty) => {
            front(<$type>::try_from(whole(datatype, scalar)?).map_err(|_| range())?.to_le_bytes())
        };
    }
    Ok(match datatype {
        Datatype::Bool => match scalar {
            Scalar::Bool(value) => front([u8::from(value)]),
            Scalar::Unsigned(value @ 0..=1) => front([value as u8]),
            // Clients that know one type of numbers write true as 1.0.
            Scalar::Float(value) if value == 0.0 || value == 1.0 => front([value as u8]),
            _ => return Err(scalar.misfit(datatype)),
        },
        Datatype::Uint8 => integer!(u8),
        Datatype::Uint16 => integer!(u16),
        Datatype::Uint32 => integer!(u32),
        Datatype::Uint64 => integer!(u64),
        Datatype::Int8 => integer!(i8),
        Datatype::Int16 => integer!(i16),
        Datatype::Int32 => integer!(i32),
        Datatype::Int64 => integer!(i64),
        Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64 => {
            let number = match scalar {
                Scalar::Unsigned(value) => value as f64,
                Scalar::Signed(value) => value as f64,
                Scalar::Float(value) => value,
                Scalar::Null if nullable => f64::NAN,
                _ => return Err(scalar.misfit(datatype)),
            };
            let (bytes, infinite) = match datatype {
                Datatype::Fp16 => {
                    let number = f16::from_f64(number);
                    (front(number.to_le_bytes()), number.is_infinite())
                }
                Datatype::Fp32 => (front((number as f32).to_le_bytes()), (number as f32).is_infinite()),
                _ => (front(number.to_le_bytes()), number.is_infinite()),
            };
            if infinite {
                return Err(range());
            }
            bytes
        }
        Datatype::Bytes => return Err(scalar.misfit(datatype)),
    })
}

/// The whole number of a JSON number. 24.0 is whole: many clients write every number with a point.
fn whole(datatype: Datatype, scalar: Scalar<'_>) -> Result<i128, ValueError> {
    match scalar {
        Scalar::Unsigned(value) => Ok(i128::from(value)),
        Scalar::Signed(value) => Ok(i128::from(value)),
        Scalar::Float(value) if value.fract() != 0.0 => {
            Err(ValueError::Fraction { value: scalar.to_string() })
        }
        // The conversion saturates, and then no integer type can hold it.
        Scalar::Float(value) => Ok(value as i128),
        _ => Err(scalar.misfit(datatype)),
    }
}

/// The text of a `BYTES` element. Null is empty where `nullable` allows it.
pub(crate) fn text(nullable: bool, scalar: Scalar<'_>) -> Result<String, ValueError> {
    match scalar {
        Scalar::Text(value) => Ok(value.to_owned()),
        Scalar::Null if nullable => Ok(String::new()),
        _ => Err(scalar.misfit(Datatype::Bytes)),
    }
}

impl Data {
    /// Appends an element.
    pub(crate) fn push(
        &mut self,
        datatype: Datatype,
        nullable: bool,
        scalar: Scalar<'_>,
    ) -> Result<(), ValueError> {
        match self {
            Self::Raw(bytes) => {
                let element = encode(datatype, nullable, scalar)?;
                bytes.extend_from_slice(&element[..datatype.size().unwrap_or(0)]);
            }
            Self::Strings(strings) => strings.push(text(nullable, scalar)?),
        }
        Ok(())
    }

    /// Makes the element at `position`, which exists, the given value.
    pub(crate) fn put(
        &mut self,
        position: usize,
        datatype: Datatype,
        nullable: bool,
        scalar: Scalar<'_>,
    ) -> Result<(), ValueError> {
        match self {
            Self::Raw(bytes) => {
                let size = datatype.size().unwrap_or(0);
                let element = encode(datatype, nullable, scalar)?;
                bytes[position * size..][..size].copy_from_slice(&element[..size]);
            }
            Self::Strings(strings) => strings[position] = text(nullable, scalar)?,
        }
        Ok(())
    }
}

/// How values are nested in lists.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// The length of the lists at each depth, once one of them has ended.
    lengths: Vec<Option<u64>>,
    /// The depth of the values, once there is one.
    leaf: Option<usize>,
    /// The values so far; in a failure, the position of the value that failed.
    pub(crate) count: usize,
}

impl Lists {
    /// The shape of the nested lists.
    pub(crate) fn shape(&self) -> Vec<u64> {
        self.lengths.iter().map(|length| length.unwrap_or(0)).collect()
    }

    fn open(&mut self, depth: usize) -> Result<(), ValueError> {
        if self.leaf.is_some_and(|leaf| leaf <= depth) {
            return Err(ValueError::Ragged);
        }
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        Ok(())
    }

    fn close(&mut self, depth: usize, length: u64) -> Result<(), ValueError> {
        match self.lengths[depth].replace(length) {
            Some(before) if before != length => Err(ValueError::Ragged),
            _ => Ok(()),
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), ValueError> {
        if *self.leaf.get_or_insert(depth) == depth && self.lengths.len() == depth {
            return Ok(());
        }
        Err(ValueError::Ragged)
    }
}

/// Reads one value, or lists of values where `lists` is given, and hands each to `accept`.
pub(crate) struct Values<'a, F> {
    pub(crate) datatype: Datatype,
    pub(crate) lists: Option<&'a mut Lists>,
    pub(crate) depth: usize,
    pub(crate) accept: &'a mut F,
    pub(crate) failure: &'a mut Option<ValueError>,
}

impl<F: FnMut(Scalar<'_>) -> Result<(), ValueError>> Values<'_, F> {
    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        let Self { lists, depth, accept, failure, .. } = self;
        let outcome = match lists {
            None => accept(scalar),
            Some(lists) => lists.value(depth).and_then(|()| accept(scalar)).map(|()| lists.count += 1),
        };
        outcome.map_err(|error| fail(failure, error))
    }
}

fn fail<E: Error>(slot: &mut Option<ValueError>, error: ValueError) -> E {
    *slot = Some(error);
    E::custom("")
}

impl<'de, F: FnMut(Scalar<'_>) -> Result<(), ValueError>> DeserializeSeed<'de> for Values<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Scalar<'_>) -> Result<(), ValueError>> Visitor<'de> for Values<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(expected(self.datatype))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(Scalar::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(Scalar::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { datatype, lists, depth, accept, failure } = self;
        let Some(lists) = lists else {
            let error = ValueError::Type { expected: expected(datatype), came: "a list" };
            return Err(fail(failure, error));
        };
        lists.open(depth).map_err(|error| fail(failure, error))?;
        let mut length = 0;
        loop {
            let lists = Some(&mut *lists);
            let inner = Values { datatype, lists, depth: depth + 1, accept, failure };
            if list.next_element_seed(inner)?.is_none() {
                break;
            }
            length += 1;
        }
        lists.close(depth, length).map_err(|error| fail(failure, error))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Read to its end first, so that a body that is not JSON is called that.
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        let error = ValueError::Type { expected: expected(self.datatype), came: "an object" };
        Err(fail(self.failure, error))
    }
}

#[cfg(test)]
mod tests;
