//! Why a row cannot be predicted.

use thiserror::Error;

use crate::{ErrorBody, tensor::ValueError};

/// What is wrong with a request's rows, and where.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}{reason}", self.place())]
pub struct RowError {
    /// The row of a batch, counted from 0.
    pub row: Option<usize>,
    /// The field of the row, as the request or the model names it.
    pub feature: Option<String>,
    /// What is wrong.
    pub reason: RowReason,
}

/// What is wrong with a request's rows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowReason {
    /// No JSON, or JSON of another form.
    #[error("{0}")]
    Body(String),
    /// A batch of no rows.
    #[error("the batch has no rows")]
    Empty,
    /// More rows than the server takes; whatever follows was not read.
    #[error("the batch has more than {limit} rows")]
    TooManyRows {
        /// The largest number that is taken.
        limit: usize,
    },
    /// Another number of rows than the model was made for.
    #[error("the model takes {expected} row(s) at a time, came {came}")]
    BatchSize {
        /// The length of the first axis of the model's inputs.
        expected: u64,
        /// The number of rows that were given.
        came: usize,
    },
    /// A field that is neither a feature nor passed through.
    #[error("there is no such feature{}", did_you_mean(.nearest))]
    Unknown {
        /// The name that may have been meant.
        nearest: Option<String>,
    },
    /// A feature that is not there and must be.
    #[error("is missing")]
    Missing,
    /// A field that is there twice.
    #[error("is given twice")]
    Repeated,
    /// A value that does not fit.
    #[error("{0}")]
    Value(ValueError),
    /// A value in a list that does not fit.
    #[error("element {position}: {source}")]
    Element {
        /// Which element, row-major and counted from 0.
        position: usize,
        /// What is wrong with it.
        source: ValueError,
    },
    /// Lists of another shape.
    #[error("expected a list of shape {expected:?}, nested or flat, came {came:?}")]
    Shape {
        /// The shape for one row; -1 is any length.
        expected: Vec<i64>,
        /// What was given.
        came: Vec<u64>,
    },
}

impl RowError {
    /// An error of the whole body.
    pub(crate) fn body(reason: RowReason) -> Self {
        Self { row: None, feature: None, reason }
    }

    /// Whether the request is too large rather than wrong.
    pub fn is_too_many_rows(&self) -> bool {
        matches!(self.reason, RowReason::TooManyRows { .. })
    }

    fn place(&self) -> String {
        let row = self.row.map(|row| format!("row {row}: ")).unwrap_or_default();
        let colon = if matches!(self.reason, RowReason::Missing | RowReason::Repeated) { "" } else { ":" };
        let feature = self.feature.as_ref().map(|name| format!("{name:?}{colon} ")).unwrap_or_default();
        row + &feature
    }
}

impl From<&RowError> for ErrorBody {
    fn from(error: &RowError) -> Self {
        Self { row: error.row, feature: error.feature.clone(), ..Self::new(error.to_string()) }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}
