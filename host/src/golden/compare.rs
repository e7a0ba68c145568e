//! Whether an answer is near enough to the expected one.

use edgewit_core::{Data, Datatype, Tensor};
use serde_json::Value;

/// How far a number may be off: `|got - expected| <= absolute + relative * |expected|`.
/// Unset parts are the case's own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tolerance {
    /// The absolute part.
    pub absolute: Option<f64>,
    /// The relative part.
    pub relative: Option<f64>,
}

impl Tolerance {
    pub(super) fn or(self, absolute: f64, relative: f64) -> (f64, f64) {
        (self.absolute.unwrap_or(absolute), self.relative.unwrap_or(relative))
    }
}

/// Compares numbers; two NaN are equal, and an infinity only equals itself.
fn near(got: f64, expected: f64, (absolute, relative): (f64, f64)) -> bool {
    got == expected
        || (got.is_nan() && expected.is_nan())
        || (got - expected).abs() <= absolute + relative * expected.abs() && expected.is_finite()
}

/// Everything in `expected` must be in `got`; `got` may have more fields.
pub(super) fn json(got: &Value, expected: &Value, tolerance: (f64, f64), at: &str) -> Result<(), String> {
    match (got, expected) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) if near(a, b, tolerance) => Ok(()),
            _ => Err(format!("{at}: expected {b}, got {a}")),
        },
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .try_for_each(|(ix, (a, b))| json(a, b, tolerance, &format!("{at}[{ix}]"))),
        (Value::Object(a), Value::Object(b)) => b.iter().try_for_each(|(key, b)| {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            json(a.get(key).unwrap_or(&Value::Null), b, tolerance, &at)
        }),
        (a, b) if a == b => Ok(()),
        (a, b) => Err(format!("{at}: expected {b}, got {a}")),
    }
}

/// Datatype, shape and elements.
pub(super) fn tensor(got: &Tensor, expected: &Tensor, tolerance: (f64, f64)) -> Result<(), String> {
    let name = &got.name;
    if got.datatype != expected.datatype {
        return Err(format!("{name}: expected datatype {}, got {}", expected.datatype, got.datatype));
    }
    if got.shape != expected.shape {
        return Err(format!("{name}: expected shape {:?}, got {:?}", expected.shape, got.shape));
    }
    let exact = !matches!(got.datatype, Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64);
    match (&got.data, &expected.data) {
        (a, b) if exact => {
            if a == b {
                Ok(())
            } else {
                Err(format!("{name}: expected {expected:?}, got {got:?}"))
            }
        }
        (Data::Raw(_), Data::Raw(_)) => {
            let (got, expected) = (got.as_f64s().unwrap_or_default(), expected.as_f64s().unwrap_or_default());
            let worst = got.iter().zip(&expected).position(|(a, b)| !near(*a, *b, tolerance));
            worst
                .map_or(Ok(()), |ix| Err(format!("{name}[{ix}]: expected {}, got {}", expected[ix], got[ix])))
        }
        _ => Err(format!("{name}: strings against numbers")),
    }
}
