//! Predictions from rows of named features.

use std::time::SystemTime;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use edgewit_core::rows::{self, Rows};

use super::error::HttpError;
use super::{App, serve};
use crate::serving::{Deployment, Error};

/// One row to the default model.
pub(super) async fn one_default(State(app): State<App>, request: Request) -> Result<Response, HttpError> {
    answer_one(app, None, request).await
}

/// One row to the named model.
pub(super) async fn one(
    State(app): State<App>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    answer_one(app, Some(model), request).await
}

/// A batch to the default model.
pub(super) async fn batch_default(State(app): State<App>, request: Request) -> Result<Response, HttpError> {
    answer_batch(app, None, request).await
}

/// A batch to the named model.
pub(super) async fn batch(
    State(app): State<App>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    answer_batch(app, Some(model), request).await
}

async fn answer_one(app: App, model: Option<String>, request: Request) -> Result<Response, HttpError> {
    serve(&app, model.as_deref(), None, request, |deployment, body| {
        let schema = deployment.row_schema()?;
        predict(deployment, rows::parse_row(body, schema)?)
    })
    .await
}

async fn answer_batch(app: App, model: Option<String>, request: Request) -> Result<Response, HttpError> {
    let max_rows = app.limits.rows;
    serve(&app, model.as_deref(), None, request, move |deployment, body| {
        let schema = deployment.row_schema()?;
        predict(deployment, rows::parse_batch(body, schema, max_rows)?)
    })
    .await
}

fn predict(deployment: &Deployment, mut rows: Rows) -> Result<Vec<u8>, Error> {
    let schema = deployment.row_schema()?;
    let outputs = deployment.predict(std::mem::take(&mut rows.inputs), schema.requested_outputs())?;
    let response = rows::respond(schema, &rows, &outputs, SystemTime::now())?;
    Ok(serde_json::to_vec(&response)?)
}
