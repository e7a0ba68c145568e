//! The runtimes that are compared: each loads the same file, is given the same inputs, and is timed
//! by its own clock around nothing but predictions.

mod component;
mod peer;
mod tract;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use edgewit_core::{Datatype, Tensor};
use serde::Deserialize;

pub(crate) use component::Component;
pub(crate) use peer::Peer;
pub(crate) use tract::{Operators, Tract};

/// The name of the side that ratios are to.
pub(crate) const WEB: &str = "onnxruntime-web";

/// Sets of input tensors; the predictions take them in turn.
pub(crate) type Inputs = Vec<Vec<Tensor>>;

/// A model loaded in one runtime.
pub(crate) trait Side {
    /// The seconds that `runs` predictions took.
    fn time(&mut self, runs: usize) -> Result<f64>;

    /// The outputs for every set of inputs, in the order of the graph.
    fn outputs(&mut self) -> Result<Vec<Vec<Values>>>;
}

/// The elements of an output, as far as comparing them needs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Values {
    /// Of a floating type.
    Numbers(Vec<f64>),
    /// Integers and strings.
    Exact(Vec<String>),
}

impl Values {
    fn of(tensor: &Tensor) -> Result<Values> {
        if let (Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64, Some(numbers)) =
            (tensor.datatype, tensor.as_f64s())
        {
            return Ok(Values::Numbers(numbers));
        }
        let text =
            |element: &serde_json::Value| element.as_str().map_or_else(|| element.to_string(), Into::into);
        let elements = serde_json::to_value(tensor.elements())?;
        Ok(Values::Exact(elements.as_array().into_iter().flatten().map(text).collect()))
    }
}

/// The largest difference of two runtimes' outputs, over the largest number of the expected output.
///
/// # Errors
/// When integers or strings differ at all, or there are others in number.
pub(crate) fn difference(expected: &[Vec<Values>], came: &[Vec<Values>]) -> Result<f64> {
    ensure!(expected.len() == came.len(), "{} sets of outputs, {} expected", came.len(), expected.len());
    let mut largest = 0.0f64;
    for (expected, came) in expected.iter().zip(came) {
        ensure!(expected.len() == came.len(), "{} outputs, {} expected", came.len(), expected.len());
        for pair in expected.iter().zip(came) {
            match pair {
                (Values::Numbers(expected), Values::Numbers(came)) if expected.len() == came.len() => {
                    let scale = expected.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
                    for (expected, came) in expected.iter().zip(came) {
                        let apart = (expected - came).abs() / scale;
                        ensure!(!apart.is_nan(), "{came} came for {expected}");
                        largest = largest.max(apart);
                    }
                }
                (Values::Exact(expected), Values::Exact(came)) if expected == came => {}
                (expected, came) => bail!("{} came for {}", begin(came), begin(expected)),
            }
        }
    }
    Ok(largest)
}

fn begin(values: &Values) -> String {
    format!("{values:?}").chars().take(80).collect()
}

/// What every side is made from.
pub(crate) struct Task<'a> {
    pub(crate) model: &'a Path,
    pub(crate) inputs: &'a Inputs,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Vec<Vec<Values>> {
        vec![vec![Values::Numbers(values.to_vec())]]
    }

    fn exact(values: &[&str]) -> Vec<Vec<Values>> {
        vec![vec![Values::Exact(values.iter().map(|value| (*value).to_owned()).collect())]]
    }

    #[test]
    fn numbers_differ_by_a_part_of_the_largest() {
        assert_eq!(difference(&numbers(&[4.0, -2.0]), &numbers(&[4.0, -1.0])).unwrap(), 0.25);
    }

    #[test]
    fn labels_must_be_equal() {
        assert_eq!(difference(&exact(&["a"]), &exact(&["a"])).unwrap(), 0.0);
        assert!(difference(&exact(&["a"]), &exact(&["b"])).is_err());
    }

    #[test]
    fn missing_numbers_and_nan_are_no_agreement() {
        assert!(difference(&numbers(&[1.0, 2.0]), &numbers(&[1.0])).is_err());
        assert!(difference(&numbers(&[1.0]), &numbers(&[f64::NAN])).is_err());
        assert!(difference(&numbers(&[1.0]), &exact(&["1"])).is_err());
    }
}
