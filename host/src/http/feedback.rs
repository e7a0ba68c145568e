//! The truth about predictions, told by those who learn it later.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::HttpError;
use super::monitoring::Records;
use super::{App, body};
use crate::records::Label;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/feedback", post(of_default)).route("/models/{model}/feedback", post(of_model))
}

/// What is true of a prediction, which is named by its request or by its business key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    request_id: Option<String>,
    /// Which row of the request, counted from 0.
    #[serde(default)]
    row: u32,
    key: Option<Value>,
    label: Value,
}

/// What became of it.
#[derive(Serialize)]
struct Stored {
    /// Labels that are stored.
    stored: usize,
    /// Keys that no prediction has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

async fn of_default(State(app): State<Arc<App>>, request: Request) -> Result<Json<Stored>, HttpError> {
    store(app, None, request).await
}

async fn of_model(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Json<Stored>, HttpError> {
    store(app, Some(model), request).await
}

/// Answers when the labels are on disk.
async fn store(app: Arc<App>, model: Option<String>, request: Request) -> Result<Json<Stored>, HttpError> {
    let deployment = app.registry.find(model.as_deref(), None)?;
    let model = &deployment.metadata.name;
    let records = app.watch.records()?;
    let body = body::read(request, &app.limits).await?;
    let feedback = read(&body)?;
    if feedback.iter().any(|entry| entry.key.is_some()) {
        // The prediction may have been answered a moment ago.
        app.watch.settle().await;
    }
    let (mut labels, mut unknown) = (Vec::with_capacity(feedback.len()), vec![]);
    for entry in feedback {
        match label(records, model, entry).await? {
            Ok(label) => labels.push(label),
            Err(key) => unknown.push(key),
        }
    }
    if labels.is_empty() {
        return Err(HttpError::no_prediction(&unknown));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    records.store.label(model, &labels, now).await.map_err(|error| HttpError::records(&error))?;
    app.telemetry.records.labelled(labels.len() as u64);
    Ok(Json(Stored { stored: labels.len(), unknown }))
}

/// One entry, or a list of them.
fn read(body: &[u8]) -> Result<Vec<Feedback>, HttpError> {
    let malformed = |error: serde_json::Error| {
        let form =
            r#"expected {"request_id": "..", "label": ..}, {"key": .., "label": ..}, or a list of them"#;
        HttpError::malformed(format!("{error}; {form}"))
    };
    let value = serde_json::from_slice::<Value>(body).map_err(malformed)?;
    let entries = match value {
        Value::Array(_) => serde_json::from_value(value),
        Value::Object(_) => serde_json::from_value(value).map(|entry| vec![entry]),
        _ => Err(serde::de::Error::custom("neither an object nor a list")),
    };
    let entries: Vec<Feedback> = entries.map_err(malformed)?;
    match entries.is_empty() {
        true => Err(HttpError::malformed("the list is empty")),
        false => Ok(entries),
    }
}

/// The label of an entry; its key where no prediction has that.
async fn label(records: &Records, model: &str, entry: Feedback) -> Result<Result<Label, String>, HttpError> {
    let label = match &entry.label {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => entry.label.to_string(),
        other => {
            return Err(HttpError::malformed(format!("label: expected a class or a number, got {other}")));
        }
    };
    let key = match (entry.request_id, &entry.key) {
        (Some(request_id), None) => return Ok(Ok(Label { request_id, row: entry.row.into(), label })),
        (None, Some(Value::String(key))) => key.clone(),
        (None, Some(Value::Number(key))) => key.to_string(),
        (None, Some(other)) => {
            return Err(HttpError::malformed(format!("key: expected text or a number, got {other}")));
        }
        (None, None) => return Err(HttpError::malformed("expected request_id or key, got neither")),
        (Some(_), Some(_)) => return Err(HttpError::malformed("expected request_id or key, got both")),
    };
    if records.recording.key.is_none() {
        let text = "key: the setting records.key names no field; tell of a prediction by its request_id";
        return Err(HttpError::malformed(text));
    }
    let stored = records.recording.stored_key(&key);
    let found =
        records.store.last_of_key(model, &stored).await.map_err(|error| HttpError::records(&error))?;
    Ok(found.map(|(request_id, row)| Label { request_id, row, label }).ok_or(key))
}
