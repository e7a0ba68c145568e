//! The answers: core parses and formats, the imported component computes.

use std::time::SystemTime;

use edgewit_core::oip::{self, Body, ServerMetadata};
use edgewit_core::rows::{self, Rows};
use edgewit_core::{ErrorBody, Manifest, ModelMetadata, RowSchema, Tensor, TensorMetadata, onnx};
use serde_json::{Value, json};

use crate::bindings::edgewit::inference::{predict, types};
use crate::datatype_from_wit;
use crate::routes::{Failure, to_json};

/// Most rows in a batch; the host's default.
const MAX_ROWS: usize = 10_000;

/// Who the composed model is.
pub(crate) fn metadata() -> Result<ModelMetadata, Failure> {
    let metadata = predict::metadata();
    let tensor = |tensor: predict::TensorMetadata| TensorMetadata {
        name: tensor.name,
        datatype: datatype_from_wit(tensor.datatype),
        shape: tensor.shape,
        labels: tensor.labels,
    };
    Ok(ModelMetadata {
        manifest: Manifest::from_json(&metadata.manifest).map_err(internal)?,
        name: metadata.name,
        version: metadata.version,
        digest: metadata.digest,
        inputs: metadata.inputs.into_iter().map(tensor).collect(),
        outputs: metadata.outputs.into_iter().map(tensor).collect(),
    })
}

/// One row in, one prediction out.
pub(crate) fn row(model: &ModelMetadata, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let schema = schema(model)?;
    answer(&schema, rows::parse_row(body, &schema).map_err(bad_row)?)
}

/// Rows in, predictions out.
pub(crate) fn batch(model: &ModelMetadata, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let schema = schema(model)?;
    answer(&schema, rows::parse_batch(body, &schema, MAX_ROWS).map_err(bad_row)?)
}

/// Tensors in, tensors out.
pub(crate) fn infer(model: &ModelMetadata, body: &[u8], json_length: Option<&[u8]>) -> Result<Body, Failure> {
    let (inputs, reply) = oip::read(model, body, json_length).map_err(bad_request)?;
    reply.write(model, &compute(&inputs, reply.outputs())?).map_err(internal)
}

/// The model's inputs and outputs, in the protocol's form.
pub(crate) fn model(model: &ModelMetadata) -> oip::ModelMetadata {
    oip::ModelMetadata::new(model, vec![model.version.clone()])
}

/// Who this server is.
pub(crate) fn server() -> ServerMetadata {
    ServerMetadata {
        name: "edgewit".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        extensions: oip::EXTENSIONS.map(Into::into).into(),
    }
}

/// The composed model is always ready.
pub(crate) fn health(model: &ModelMetadata) -> Value {
    let models = [json!({ "name": model.name, "version": model.version, "state": "ready" })];
    json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "models": models })
}

fn schema(model: &ModelMetadata) -> Result<RowSchema, Failure> {
    RowSchema::new(model).map_err(bad_request)
}

fn answer(schema: &RowSchema, rows: Rows) -> Result<Vec<u8>, Failure> {
    let outputs = compute(&rows.inputs, schema.requested_outputs())?;
    Ok(to_json(&rows::respond(schema, &rows, &outputs, SystemTime::now()).map_err(internal)?))
}

fn compute(inputs: &[Tensor], outputs: Option<&[String]>) -> Result<Vec<Tensor>, Failure> {
    match predict::predict_protobuf(&onnx::encode(inputs), outputs) {
        Ok(outputs) => onnx::decode(&outputs).map_err(internal),
        Err(types::Error::InvalidInput(text)) => Err(Failure::new(400, text)),
        Err(types::Error::Unsupported(text)) => Err(Failure::new(501, text)),
        Err(types::Error::Execution(text)) => Err(internal(text)),
    }
}

fn bad_row(error: rows::RowError) -> Failure {
    let status = if error.is_too_many_rows() { 413 } else { 400 };
    Failure { status, body: ErrorBody::from(&error) }
}

fn bad_request(error: impl std::fmt::Display) -> Failure {
    Failure::new(400, error.to_string())
}

/// What went wrong inside goes to the log, not to the client.
fn internal(error: impl std::fmt::Display) -> Failure {
    eprintln!("the request failed: {error}");
    Failure::new(500, "the model failed on this request")
}
