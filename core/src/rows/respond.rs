//! Output tensors into answers.
//!
//! [`respond`] finds the outputs and checks their shapes, so that serialising cannot fail;
//! the numbers are then read from the tensors while the answer is written.

mod serialize;

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use thiserror::Error;

use super::{
    Rows,
    schema::{Reading, RowSchema},
};
use crate::{
    Tensor,
    tensor::{Element, Elements, TensorError},
};

/// Outputs that are not those of the model's schema. The client cannot help it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RespondError {
    /// An output that the answer needs.
    #[error("the model gave no output {output:?}")]
    Missing {
        /// The output.
        output: String,
    },
    /// An output whose elements do not fit its own shape.
    #[error("output {output:?}: {source}")]
    Invalid {
        /// The output.
        output: String,
        /// What is wrong with it.
        source: TensorError,
    },
    /// An output that is not one answer for each row.
    #[error("output {output:?} has the shape {shape:?} for {rows} row(s)")]
    Shape {
        /// The output.
        output: String,
        /// What the model gave.
        shape: Vec<u64>,
        /// The number of rows in the request.
        rows: usize,
    },
    /// Another number of probabilities than the manifest has labels.
    #[error("output {output:?} has {classes} probabilities for {labels} labels")]
    Labels {
        /// The probability output.
        output: String,
        /// The probabilities of a row.
        classes: usize,
        /// The labels of the manifest.
        labels: usize,
    },
}

/// The answer to a request of rows, ready to be serialised.
///
/// One row is `{<passed through>, "prediction", "label", "probability", "confidence", "model",
/// "model_version", "timestamp"}`. A batch is `{"predictions": [...], "count", "model",
/// "model_version", "timestamp"}`, its rows with the same fields less the last three, which are
/// common to all.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    schema: &'a RowSchema,
    rows: &'a Rows,
    outputs: Outputs<'a>,
    timestamp: String,
}

/// The outputs by their meaning, checked.
#[derive(Debug, Clone)]
enum Outputs<'a> {
    Classification { label: Option<&'a Tensor>, probability: Option<(&'a Tensor, usize)> },
    Regression { value: &'a Tensor, width: usize },
    Other(&'a [Tensor]),
}

/// What the model says of one row.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// The class or the value.
    pub prediction: Prediction<'a>,
    /// The name of the class.
    pub label: Option<Cow<'a, str>>,
    /// The probability of each class, in the order of the labels.
    pub probability: Option<Vec<Element<'a>>>,
    /// The largest probability; NaN if all are.
    pub confidence: Option<Element<'a>>,
}

/// The prediction for one row.
#[derive(Debug, Clone, Copy)]
pub enum Prediction<'a> {
    /// The model could not tell: all probabilities are NaN.
    Unknown,
    /// A class, by its position among the labels.
    Class(usize),
    /// A value, or the model's own name of a class that is not among the labels.
    Value(Element<'a>),
    /// Several values.
    Values(Elements<'a>),
    /// Every output, each by its name and nested as the model gave it.
    Outputs {
        /// The model's outputs for all rows.
        outputs: &'a [Tensor],
        /// The row that this is.
        row: usize,
        /// The number of rows.
        rows: usize,
    },
}

/// Reads the outputs for `rows`, which are found by name and come in any order.
pub fn respond<'a>(
    schema: &'a RowSchema,
    rows: &'a Rows,
    outputs: &'a [Tensor],
    timestamp: SystemTime,
) -> Result<Response<'a>, RespondError> {
    let count = rows.len();
    let outputs = match &schema.reading {
        Reading::Classification { label, probability } => {
            let label = label.as_ref().map(|name| find(outputs, name, count)).transpose()?;
            if let Some((label, width)) = label
                && width != 1
            {
                return Err(shape(label, count));
            }
            let probability = probability.as_ref().map(|name| find(outputs, name, count)).transpose()?;
            if let Some((probability, width)) = probability {
                let (classes, labels) = (width.max(2), schema.labels.len());
                if width == 0 {
                    return Err(shape(probability, count));
                }
                if labels > 0 && classes != labels {
                    return Err(RespondError::Labels { output: probability.name.clone(), classes, labels });
                }
            }
            Outputs::Classification { label: label.map(|(label, _)| label), probability }
        }
        Reading::Regression { prediction } => {
            let (value, width) = find(outputs, prediction, count)?;
            Outputs::Regression { value, width }
        }
        Reading::Other => {
            outputs.iter().try_for_each(|output| width(output, count).map(drop))?;
            Outputs::Other(outputs)
        }
    };
    // Formatting a time before the epoch panics, and a clock may be set to one.
    let timestamp = humantime::format_rfc3339_millis(timestamp.max(UNIX_EPOCH)).to_string();
    Ok(Response { schema, rows, outputs, timestamp })
}

/// An output by its name, and its elements for each row.
fn find<'a>(outputs: &'a [Tensor], name: &str, rows: usize) -> Result<(&'a Tensor, usize), RespondError> {
    let output = outputs
        .iter()
        .find(|output| output.name == name)
        .ok_or_else(|| RespondError::Missing { output: name.to_owned() })?;
    Ok((output, width(output, rows)?))
}

/// The number of an output's elements for each row.
fn width(output: &Tensor, rows: usize) -> Result<usize, RespondError> {
    output.validate().map_err(|source| RespondError::Invalid { output: output.name.clone(), source })?;
    match output.shape.first() {
        Some(first) if *first == rows as u64 => Ok(output.len() / rows.max(1)),
        // Some models drop the axis of rows where there is only one.
        _ if rows == 1 => Ok(output.len()),
        _ => Err(shape(output, rows)),
    }
}

fn shape(output: &Tensor, rows: usize) -> RespondError {
    RespondError::Shape { output: output.name.clone(), shape: output.shape.clone(), rows }
}

impl<'a> Response<'a> {
    /// What the model says of a row, counted from 0; `None` beyond the last.
    pub fn answer(&self, row: usize) -> Option<Answer<'a>> {
        (row < self.rows.len()).then(|| self.read(row))
    }

    /// What the model says of each row.
    pub fn answers(&self) -> impl Iterator<Item = Answer<'a>> + '_ {
        (0..self.rows.len()).map(|row| self.read(row))
    }

    fn read(&self, row: usize) -> Answer<'a> {
        let prediction = match &self.outputs {
            Outputs::Classification { label, probability } => {
                let label = label.and_then(|label| label.element(row));
                return self
                    .classify(label, probability.map(|(tensor, width)| probabilities(tensor, width, row)));
            }
            Outputs::Regression { value, width: 1 } => {
                value.element(row).map_or(Prediction::Unknown, Prediction::Value)
            }
            Outputs::Regression { value, width } => {
                Prediction::Values(value.elements_in(row * width..(row + 1) * width))
            }
            Outputs::Other(outputs) => Prediction::Outputs { outputs, row, rows: self.rows.len() },
        };
        Answer { prediction, label: None, probability: None, confidence: None }
    }

    /// The model's own label decides; without one, the largest probability does.
    fn classify(&self, label: Option<Element<'a>>, probability: Option<Vec<Element<'a>>>) -> Answer<'a> {
        let largest = probability.as_deref().map(largest);
        let labels = &self.schema.labels;
        let likeliest = match largest {
            Some(Some((class, _))) => Prediction::Class(class),
            _ => Prediction::Unknown,
        };
        let (prediction, label) = match label {
            None => {
                let name = match likeliest {
                    Prediction::Class(class) => labels.get(class),
                    _ => None,
                };
                (likeliest, name.map(|name| Cow::Borrowed(name.as_str())))
            }
            Some(given) => {
                let text = match given {
                    Element::Text(text) => Cow::Borrowed(text),
                    Element::Unsigned(value) => Cow::Owned(value.to_string()),
                    Element::Signed(value) => Cow::Owned(value.to_string()),
                    Element::Bool(value) => Cow::Owned(u8::from(value).to_string()),
                    Element::Single(_) | Element::Double(_) => Cow::Borrowed(""),
                };
                match (self.class_of(given, &text), given) {
                    (Some(class), _) => {
                        (Prediction::Class(class), Some(Cow::Borrowed(labels[class].as_str())))
                    }
                    // Without labels the columns are all that gives a class of text its position.
                    (None, Element::Text(_)) if labels.is_empty() && largest.flatten().is_some() => {
                        (likeliest, Some(text))
                    }
                    (None, _) => (Prediction::Value(given), Some(text)),
                }
            }
        };
        let nan = Element::Single(f32::NAN);
        let confidence = largest.map(|largest| largest.map_or(nan, |(_, element)| element));
        Answer { prediction, label, probability, confidence }
    }

    /// The position of the model's label among the manifest's. A number may be a label itself (the
    /// classes 3, 5 and 7) or a position; what is written among the labels goes first.
    fn class_of(&self, given: Element<'_>, text: &str) -> Option<usize> {
        let labels = &self.schema.labels;
        labels
            .iter()
            .position(|label| label == text)
            .or_else(|| match given {
                Element::Unsigned(value) => usize::try_from(value).ok(),
                Element::Signed(value) => usize::try_from(value).ok(),
                Element::Bool(value) => Some(usize::from(value)),
                _ => None,
            })
            .filter(|class| *class < labels.len())
    }
}

/// The probabilities of a row. A single one is that of the second of two classes.
fn probabilities(tensor: &Tensor, width: usize, row: usize) -> Vec<Element<'_>> {
    let elements = (row * width..(row + 1) * width).filter_map(|position| tensor.element(position));
    if width > 1 {
        return elements.collect();
    }
    elements
        .flat_map(|second| {
            let first = match second {
                Element::Single(value) => Element::Single(1.0 - value),
                Element::Double(value) => Element::Double(1.0 - value),
                other => other,
            };
            [first, second]
        })
        .collect()
}

/// The first of the largest elements and its position; `None` if all are NaN.
fn largest<'a>(elements: &[Element<'a>]) -> Option<(usize, Element<'a>)> {
    let mut largest: Option<(usize, Element<'a>, f64)> = None;
    for (position, element) in elements.iter().enumerate() {
        let Some(number) = element.as_f64().filter(|number| !number.is_nan()) else { continue };
        if largest.is_none_or(|(_, _, before)| number > before) {
            largest = Some((position, *element, number));
        }
    }
    largest.map(|(position, element, _)| (position, element))
}

#[cfg(test)]
mod tests;
