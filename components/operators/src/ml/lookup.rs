//! Finding values in a list of keys, and taking elements by position: what the operators that map values share.

use std::cmp::Ordering;

use tract_onnx::tract_hir::internal::*;

use crate::kernel::{elements, tensor_of};

/// Keys and their positions, sorted for binary search: no hashing state, and a lookup touches few pages of a fresh
/// sandbox. Of a key listed twice the last position counts. Narrow numbers are looked up as wide ones; NaN is a key
/// like another, and -0 is 0.
#[derive(Debug)]
pub(crate) enum Lookup {
    Ints(Vec<(i64, usize)>),
    Floats(Vec<(f64, usize)>),
    Strings(Vec<(String, usize)>),
}

impl Lookup {
    /// Of a list of strings, of integers or of floats of any width.
    pub(crate) fn new(keys: &Tensor) -> TractResult<Self> {
        let datum_type = keys.datum_type();
        Ok(if datum_type == DatumType::String {
            Self::Strings(index(elements(keys)?))
        } else if datum_type.is_float() {
            Self::Floats(index(elements(keys.cast_to::<f64>()?.as_ref())?))
        } else if datum_type.is_integer() {
            Self::Ints(index(elements(keys.cast_to::<i64>()?.as_ref())?))
        } else {
            bail!("expected keys that are numbers or strings, got {datum_type:?}")
        })
    }

    /// The position of every element of `x`; `None` for what is no key. A float is truncated where keys are integers.
    pub(crate) fn positions(&self, x: &Tensor) -> TractResult<TVec<Option<usize>>> {
        let is_float = x.datum_type().is_float();
        Ok(match self {
            Self::Strings(index) => elements::<String>(x)?.iter().map(|v| find(index, v)).collect(),
            Self::Floats(index) => {
                elements(x.cast_to::<f64>()?.as_ref())?.iter().map(|v| find(index, v)).collect()
            }
            Self::Ints(index) if is_float => {
                let truncated = |v: &f64| v.is_finite().then_some(*v as i64);
                let values = x.cast_to::<f64>()?;
                elements(values.as_ref())?.iter().map(|v| find(index, &truncated(v)?)).collect()
            }
            Self::Ints(index) => {
                elements(x.cast_to::<i64>()?.as_ref())?.iter().map(|v| find(index, v)).collect()
            }
        })
    }
}

/// One order for all keys.
trait Key: Clone {
    fn order(&self, other: &Self) -> Ordering;
}

impl Key for i64 {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl Key for String {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl Key for f64 {
    /// NaN comes last.
    fn order(&self, other: &Self) -> Ordering {
        self.partial_cmp(other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
    }
}

fn index<T: Key>(keys: &[T]) -> Vec<(T, usize)> {
    let mut index: Vec<_> = keys.iter().cloned().zip(0..).collect();
    index.sort_by(|a, b| a.0.order(&b.0).then(b.1.cmp(&a.1)));
    index.dedup_by(|later, first| later.0.order(&first.0).is_eq());
    index
}

fn find<T: Key>(index: &[(T, usize)], value: &T) -> Option<usize> {
    index.binary_search_by(|(key, _)| key.order(value)).ok().map(|found| index[found].1)
}

/// The elements of `values` at `positions`, as a tensor of `shape`.
pub(crate) fn take(values: &Tensor, positions: &[usize], shape: &[usize]) -> TractResult<Tensor> {
    fn of<T: Datum>(values: &Tensor, positions: &[usize], shape: &[usize]) -> TractResult<Tensor> {
        let values = elements::<T>(values)?;
        let taken = positions.iter().map(|at| values.get(*at).cloned());
        let taken = taken.collect::<Option<_>>().context("a position beyond the values")?;
        tensor_of::<T>(shape, taken)
    }
    match values.datum_type() {
        DatumType::String => of::<String>(values, positions, shape),
        DatumType::F32 => of::<f32>(values, positions, shape),
        DatumType::F64 => of::<f64>(values, positions, shape),
        DatumType::I64 => of::<i64>(values, positions, shape),
        DatumType::I32 => of::<i32>(values, positions, shape),
        DatumType::I16 => of::<i16>(values, positions, shape),
        other => bail!("expected numbers or strings, got {other:?}"),
    }
}

/// An element for a message.
pub(crate) fn show(x: &Tensor, ix: usize) -> String {
    match x.datum_type() {
        DatumType::String => elements::<String>(x).ok().and_then(|x| x.get(ix)).map(|v| format!("{v:?}")),
        _ => {
            x.cast_to::<f64>().ok().and_then(|x| Some(elements::<f64>(x.as_ref()).ok()?.get(ix)?.to_string()))
        }
    }
    .unwrap_or_default()
}
