//! Predictions from rows of named features.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use edgewit_core::rows::{self, Rows};
use edgewit_core::{RowSchema, Tensor};

use super::error::HttpError;
use super::{App, serve};
use crate::serving::{Answer, Deployment, Observing, Question};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/predict", post(one_default))
        .route("/predict/batch", post(batch_default))
        .route("/models/{model}/predict", post(one))
        .route("/models/{model}/predict/batch", post(batch))
}

/// One row to the default model.
async fn one_default(State(app): State<Arc<App>>, request: Request) -> Result<Response, HttpError> {
    answer_one(app, None, request).await
}

/// One row to the named model.
async fn one(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    answer_one(app, Some(model), request).await
}

/// A batch to the default model.
async fn batch_default(State(app): State<Arc<App>>, request: Request) -> Result<Response, HttpError> {
    answer_batch(app, None, request).await
}

/// A batch to the named model.
async fn batch(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    answer_batch(app, Some(model), request).await
}

async fn answer_one(app: Arc<App>, model: Option<String>, request: Request) -> Result<Response, HttpError> {
    serve(&app, model.as_deref(), None, request, |deployment, body, observing| {
        let schema = deployment.row_schema()?;
        Ok(question(schema, rows::parse_row(body, schema)?, observing))
    })
    .await
}

async fn answer_batch(app: Arc<App>, model: Option<String>, request: Request) -> Result<Response, HttpError> {
    let max_rows = app.limits.rows;
    serve(&app, model.as_deref(), None, request, move |deployment, body, observing| {
        let schema = deployment.row_schema()?;
        Ok(question(schema, rows::parse_batch(body, schema, max_rows)?, observing))
    })
    .await
}

fn question(schema: &RowSchema, mut rows: Rows, mut observing: Option<Observing>) -> (Question, Answer) {
    let inputs = Arc::new(std::mem::take(&mut rows.inputs));
    if let Some(observing) = &mut observing {
        observing.given(&inputs);
    }
    let outputs = schema.requested_outputs().map(<[String]>::to_vec);
    let answer = move |deployment: &Deployment, outputs: &[Tensor]| {
        let response = rows::respond(deployment.row_schema()?, &rows, outputs, SystemTime::now())?;
        let body = serde_json::to_vec(&response)?;
        if let Some(observing) = observing {
            observing.answered(outputs, rows.passthrough);
        }
        Ok(body.into())
    };
    (Question { inputs, outputs }, Box::new(answer))
}
