//! The Open Inference Protocol over HTTP: inference, metadata, readiness.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use edgewit_core::Tensor;
use edgewit_core::oip::{self, ServerMetadata};
use serde::Deserialize;

use super::error::HttpError;
use super::{App, repository, serve, statistics};
use crate::serving::{Answer, Deployment, Question};

/// Says how much of a body is JSON.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static(oip::JSON_LENGTH);

/// The model and, where the path has one, the version.
#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) model: String,
    pub(super) version: Option<String>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/models/{model}", get(metadata))
        .route("/v2/models/{model}/ready", get(ready))
        .route("/v2/models/{model}/infer", post(infer))
        .route("/v2/models/{model}/versions/{version}", get(metadata))
        .route("/v2/models/{model}/versions/{version}/ready", get(ready))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer))
}

/// Who this server is.
async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata {
        name: "edgewit".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        extensions: oip::EXTENSIONS
            .into_iter()
            .chain(repository::EXTENSIONS)
            .chain([statistics::EXTENSION])
            .map(Into::into)
            .collect(),
    })
}

/// The inputs and outputs of a model.
async fn metadata(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
) -> Result<Json<oip::ModelMetadata>, HttpError> {
    let deployment = app.registry.find(Some(&target.model), target.version.as_deref())?;
    let versions = app.registry.versions(&target.model);
    Ok(Json(oip::ModelMetadata::new(&deployment.metadata, versions)))
}

/// 200 when the model can answer.
async fn ready(State(app): State<Arc<App>>, Path(target): Path<Target>) -> Result<StatusCode, HttpError> {
    app.registry.find(Some(&target.model), target.version.as_deref())?;
    Ok(StatusCode::OK)
}

/// Tensors in, tensors out.
async fn infer(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    request: Request,
) -> Result<Response, HttpError> {
    let json_length = request.headers().get(&JSON_LENGTH).cloned();
    serve(
        &app,
        Some(&target.model),
        target.version.as_deref(),
        request,
        move |deployment, body, mut observing| {
            let json_length = json_length.as_ref().map(HeaderValue::as_bytes);
            let (inputs, reply) = oip::read(&deployment.metadata, body, json_length)?;
            let inputs = Arc::new(inputs);
            let outputs = reply.outputs().map(<[String]>::to_vec);
            if let Some(observing) = &mut observing {
                observing.given(&inputs);
            }
            let answer = move |deployment: &Deployment, outputs: &[Tensor]| {
                let body = reply.write(&deployment.metadata, outputs)?;
                if let Some(observing) = observing {
                    observing.answered(outputs, vec![]);
                }
                Ok(body)
            };
            Ok((Question { inputs, outputs }, Box::new(answer) as Answer))
        },
    )
    .await
}
