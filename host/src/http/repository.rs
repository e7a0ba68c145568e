//! Triton's model repository and model configuration extensions.
//!
//! Source: `extension_model_repository.md` and `extension_model_configuration.md` of
//! triton-inference-server/server.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use edgewit_core::{Datatype, TensorMetadata};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::HttpError;
use super::oip::Target;
use super::{App, body};
use crate::serving::{self, Error, Isolation, ModelState};

/// The extensions that these routes are.
pub(super) const EXTENSIONS: [&str; 2] = ["model_configuration", "model_repository"];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/repository/index", post(index))
        .route("/v2/repository/models/{model}/load", post(load))
        .route("/v2/repository/models/{model}/unload", post(unload))
        .route("/v2/models/{model}/config", get(config))
        .route("/v2/models/{model}/versions/{version}/config", get(config))
}

/// One entry of the index.
#[derive(Serialize)]
struct Entry {
    name: String,
    version: String,
    state: &'static str,
    reason: String,
}

impl From<ModelState> for Entry {
    fn from(model: ModelState) -> Entry {
        let (state, reason) = match model.state {
            serving::State::Ready => ("READY", ""),
            serving::State::Loading => ("LOADING", ""),
            serving::State::Failed => ("UNAVAILABLE", model.reason.as_deref().unwrap_or_default()),
            serving::State::Unloaded => ("UNAVAILABLE", "unloaded"),
        };
        let reason = reason.to_owned();
        Entry { name: model.name, version: model.version, state, reason }
    }
}

/// Which entries are asked for.
#[derive(Default, Deserialize)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

async fn index(State(app): State<Arc<App>>, request: Request) -> Result<Json<Vec<Entry>>, HttpError> {
    let asked = read::<IndexRequest>(&app, request).await?;
    let entries = app.registry.states().into_iter().map(Entry::from);
    Ok(Json(entries.filter(|entry| !asked.ready || entry.state == "READY").collect()))
}

/// What a model is to be loaded with.
#[derive(Default, Deserialize)]
struct LoadRequest {
    #[serde(default)]
    parameters: Map<String, Value>,
}

async fn load(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<(), HttpError> {
    let LoadRequest { parameters } = read(&app, request).await?;
    if parameters.keys().any(|name| name == "config" || name.starts_with("file:")) {
        let text = "a model is loaded from its folder; parameters `config` and `file:` are not supported";
        return Err(Error::Unsupported(text).into());
    }
    Ok(app.repository.load(model).await?)
}

/// No model depends on another, so that the parameter `unload_dependents` changes nothing.
async fn unload(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<(), HttpError> {
    read::<Map<String, Value>>(&app, request).await?;
    Ok(app.repository.unload(&model).await?)
}

/// The object that the body is; what it is by default where there is none.
async fn read<T: Default + for<'de> Deserialize<'de>>(app: &App, request: Request) -> Result<T, HttpError> {
    let body = body::read(request, &app.limits).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    // By way of an object: a list would do for a struct.
    let object = serde_json::from_slice::<Map<String, Value>>(&body);
    let read = object.and_then(|object| T::deserialize(Value::Object(object)));
    read.map_err(|error| HttpError::malformed(format!("the body: {error}")))
}

/// The model as a `ModelConfig` of Triton's. Shapes have their axis of rows, so `max_batch_size` is 0.
async fn config(State(app): State<Arc<App>>, Path(target): Path<Target>) -> Result<Json<Value>, HttpError> {
    let deployment = app.registry.find(Some(&target.model), target.version.as_deref())?;
    let model = &deployment.metadata;
    let tensors = |tensors: &[TensorMetadata]| tensors.iter().map(tensor).collect::<Value>();
    Ok(Json(json!({
        "name": model.name,
        "platform": edgewit_core::oip::PLATFORM,
        "backend": "edgewit",
        "version_policy": { "latest": { "num_versions": app.registry.versions(&model.name).len() } },
        "max_batch_size": 0,
        "input": tensors(&model.inputs),
        "output": tensors(&model.outputs),
        "response_cache": { "enable": deployment.keeps_responses() },
        "parameters": {
            "digest": { "string_value": model.digest },
            "isolation": {
                "string_value": match deployment.isolation() {
                    Isolation::Request => "request",
                    Isolation::Reuse => "reuse",
                },
            },
        },
    })))
}

fn tensor(tensor: &TensorMetadata) -> Value {
    let datatype = match tensor.datatype {
        Datatype::Bytes => "STRING",
        other => other.name(),
    };
    json!({ "name": tensor.name, "data_type": format!("TYPE_{datatype}"), "dims": tensor.shape })
}
