//! Prediction by rows: named features in, a readable answer out.
//!
//! A [`RowSchema`] is made once from a model and its manifest. With it a body such as
//! `{"tenure": 24, "contract": "One year"}` becomes the model's input tensors, and the output
//! tensors become `{"prediction": 1, "label": "Yes", ...}`. Calling the model in between is not
//! done here.

mod error;
mod parse;
mod respond;
mod schema;

use serde_json::{Map, Value};

pub use error::{RowError, RowReason};
pub use parse::{parse_batch, parse_row};
pub use respond::{Answer, Prediction, RespondError, Response, respond};
pub use schema::{Feature, RowSchema};

use crate::Tensor;

/// The rows of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The model's inputs, all rows stacked along the first axis. May be taken out for the call:
    /// the answer does not need them.
    pub inputs: Vec<Tensor>,
    /// For each row, the fields that its answer repeats.
    pub passthrough: Vec<Map<String, Value>>,
    /// Whether the answer is a list, even of one row.
    pub batched: bool,
}

impl Rows {
    /// Makes tensors of rows that were read from something else than a request: a CSV file, a
    /// golden case. An error names the row, counted from 0.
    pub fn from_values(schema: &RowSchema, rows: Vec<Map<String, Value>>) -> Result<Self, RowError> {
        parse::from_values(schema, rows)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.passthrough.len()
    }

    /// Whether there is no row. Parsing never gives that.
    pub fn is_empty(&self) -> bool {
        self.passthrough.is_empty()
    }
}
