//! Rows that came from somewhere else than a request: a file, a golden case.

use std::time::SystemTime;

use edgewit_core::RowSchema;
use edgewit_core::rows::{self, Rows};
use serde_json::{Map, Value};

use super::Error;
use crate::runtime::Instance;

/// Predicts rows in one batch and returns the answer to each, as the batch route gives it.
///
/// # Errors
/// [`Error::Row`] names the row and the feature at fault; or the model failed.
pub fn answer(
    instance: &mut Instance,
    schema: &RowSchema,
    rows: Vec<Map<String, Value>>,
) -> Result<Vec<Value>, Error> {
    let rows = Rows::from_values(schema, rows)?;
    let outputs = instance.predict(&rows.inputs, schema.requested_outputs())?;
    let response = rows::respond(schema, &rows, &outputs, SystemTime::now())?;
    // Through text: as a value, an f32 would turn into an f64 with digits that it never had.
    let mut json: Value = serde_json::from_slice(&serde_json::to_vec(&response)?)?;
    match json["predictions"].take() {
        Value::Array(answers) => Ok(answers),
        _ => Err(Error::Internal("a batch is answered with a list".into())),
    }
}
