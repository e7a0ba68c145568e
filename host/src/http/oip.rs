//! The Open Inference Protocol over HTTP, in JSON.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use edgewit_core::oip::{self, InferResponse, ServerMetadata};
use edgewit_core::{ModelMetadata, Tensor};
use serde::Deserialize;

use super::error::HttpError;
use super::{App, serve};
use crate::serving::{Answer, Deployment, Question};

/// The model and, where the path has one, the version.
#[derive(Deserialize)]
pub(super) struct Target {
    model: String,
    version: Option<String>,
}

/// Who this server is.
pub(super) async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata {
        name: "edgewit".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        extensions: vec![],
    })
}

/// The inputs and outputs of a model.
pub(super) async fn metadata(
    State(app): State<App>,
    Path(target): Path<Target>,
) -> Result<Json<oip::ModelMetadata>, HttpError> {
    let deployment = app.registry.find(Some(&target.model), target.version.as_deref())?;
    let versions = app.registry.versions(&target.model);
    Ok(Json(oip::ModelMetadata::new(&deployment.metadata, versions)))
}

/// 200 when the model can answer.
pub(super) async fn ready(
    State(app): State<App>,
    Path(target): Path<Target>,
) -> Result<StatusCode, HttpError> {
    app.registry.find(Some(&target.model), target.version.as_deref())?;
    Ok(StatusCode::OK)
}

/// Tensors in, tensors out.
pub(super) async fn infer(
    State(app): State<App>,
    Path(target): Path<Target>,
    request: Request,
) -> Result<Response, HttpError> {
    serve(&app, Some(&target.model), target.version.as_deref(), request, |deployment, body| {
        let request = oip::parse_infer(body)?;
        let model = &deployment.metadata;
        model.check_inputs(&request.inputs)?;
        request.outputs.as_deref().map_or(Ok(()), |outputs| model.check_outputs(outputs))?;
        let id = request.id;
        let answer = move |deployment: &Deployment, outputs: &[Tensor]| {
            let ModelMetadata { name, version, .. } = &deployment.metadata;
            let response =
                InferResponse { model_name: name, model_version: version, id: id.as_deref(), outputs };
            Ok(serde_json::to_vec(&response)?)
        };
        Ok((Question { inputs: request.inputs, outputs: request.outputs }, Box::new(answer) as Answer))
    })
    .await
}
