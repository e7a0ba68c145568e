//! The answers: core parses and formats, the imported component computes.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edgewit_core::manifest::ManifestError;
use edgewit_core::rows::{self, Rows};
use edgewit_core::{ErrorBody, Manifest, ModelMetadata, RowSchema, Tensor, TensorMetadata, onnx};

use crate::bindings::edgewit::inference::{predict, types};
use crate::bindings::exports::edgewit::browser::scoring::Failure;
use crate::datatype_from_wit;

/// A page asks for as many rows as fit its memory.
const MAX_ROWS: usize = u32::MAX as usize;

/// JavaScript's milliseconds since 1970; there is no clock here.
pub(crate) fn time(milliseconds: f64) -> SystemTime {
    Duration::try_from_secs_f64(milliseconds / 1000.0).map_or(UNIX_EPOCH, |since| UNIX_EPOCH + since)
}

/// One row in, one prediction out.
pub(crate) fn row(body: &[u8], now: SystemTime) -> Result<String, Failure> {
    let schema = schema()?;
    answer(schema, rows::parse_row(body, schema).map_err(bad_row)?, now)
}

/// Rows in, predictions out.
pub(crate) fn batch(body: &[u8], now: SystemTime) -> Result<String, Failure> {
    let schema = schema()?;
    answer(schema, rows::parse_batch(body, schema, MAX_ROWS).map_err(bad_row)?, now)
}

/// Predicts rows and writes the answer.
pub(crate) fn answer(schema: &RowSchema, rows: Rows, now: SystemTime) -> Result<String, Failure> {
    let outputs = compute(&rows.inputs, schema.requested_outputs())?;
    let response = rows::respond(schema, &rows, &outputs, now).map_err(execution)?;
    serde_json::to_string(&response).map_err(execution)
}

type Schema = Result<RowSchema, ManifestError>;
static SCHEMA: OnceLock<Schema> = OnceLock::new();

/// Asks the model what it is.
pub(crate) fn prepare() -> Result<(), Failure> {
    let metadata = predict::metadata();
    let tensor = |tensor: predict::TensorMetadata| TensorMetadata {
        name: tensor.name,
        datatype: datatype_from_wit(tensor.datatype),
        shape: tensor.shape,
        labels: tensor.labels,
    };
    let metadata = ModelMetadata {
        manifest: Manifest::from_json(&metadata.manifest).map_err(execution)?,
        name: metadata.name,
        version: metadata.version,
        digest: metadata.digest,
        inputs: metadata.inputs.into_iter().map(tensor).collect(),
        outputs: metadata.outputs.into_iter().map(tensor).collect(),
    };
    SCHEMA.get_or_init(|| RowSchema::new(&metadata));
    Ok(())
}

/// How rows become the model's inputs.
pub(crate) fn schema() -> Result<&'static RowSchema, Failure> {
    let schema = SCHEMA.get().ok_or_else(|| execution("the model was not asked what it is"))?;
    schema.as_ref().map_err(invalid)
}

fn compute(inputs: &[Tensor], outputs: Option<&[String]>) -> Result<Vec<Tensor>, Failure> {
    match predict::predict_protobuf(&onnx::encode(inputs), outputs) {
        Ok(outputs) => onnx::decode(&outputs).map_err(execution),
        Err(types::Error::InvalidInput(text)) => Err(invalid(text)),
        Err(types::Error::Unsupported(text)) => Err(Failure::Unsupported(text)),
        Err(types::Error::Execution(text)) => Err(Failure::Execution(text)),
    }
}

fn bad_row(error: rows::RowError) -> Failure {
    body(&ErrorBody::from(&error))
}

fn invalid(error: impl std::fmt::Display) -> Failure {
    body(&ErrorBody::new(error.to_string()))
}

fn execution(error: impl std::fmt::Display) -> Failure {
    Failure::Execution(error.to_string())
}

fn body(error: &ErrorBody) -> Failure {
    // Only a map with keys that are not strings could fail, and there is none.
    Failure::InvalidInput(serde_json::to_string(error).unwrap_or_default())
}
