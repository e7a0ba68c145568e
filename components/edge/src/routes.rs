//! Which path is which answer; the host's paths, for one model.

use edgewit_core::oip::{Body, JSON_LENGTH};
use edgewit_core::{ErrorBody, ModelMetadata};
use serde::Serialize;
use spin_sdk::http::{Method, Request, Response};

use crate::answer;

/// Answers a request, or says what is wrong with it.
pub(crate) fn route(request: &Request) -> Response {
    let id = request.header("x-request-id").and_then(|id| id.as_str()).map_or_else(new_id, str::to_owned);
    let response = match find(request) {
        Ok(body) => respond(200, body),
        Err(mut error) => {
            error.body.request_id = Some(id.clone());
            respond(error.status, to_json(&error.body).into())
        }
    };
    response.into_builder().header("x-request-id", id).build()
}

/// A request that got no answer: the HTTP status and the error body.
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) body: ErrorBody,
}

impl Failure {
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Failure {
        Failure { status, body: ErrorBody::new(text) }
    }
}

fn find(request: &Request) -> Result<Body, Failure> {
    let segments = request.path().split('/').skip(1).collect::<Vec<_>>();
    let (route, model, version): (Route, Option<&str>, Option<&str>) = match *segments.as_slice() {
        ["predict"] => (Route::Row, None, None),
        ["predict", "batch"] => (Route::Batch, None, None),
        ["models", model, "predict"] => (Route::Row, Some(model), None),
        ["models", model, "predict", "batch"] => (Route::Batch, Some(model), None),
        ["health"] => (Route::Health, None, None),
        ["health", "live"] | ["v2", "health", "live"] => (Route::Live, None, None),
        ["health", "ready"] | ["v2", "health", "ready"] => (Route::Ready, None, None),
        ["v2"] => (Route::Server, None, None),
        ["v2", "models", model] => (Route::Model, Some(model), None),
        ["v2", "models", model, "ready"] => (Route::ModelReady, Some(model), None),
        ["v2", "models", model, "infer"] => (Route::Infer, Some(model), None),
        ["v2", "models", model, "versions", version] => (Route::Model, Some(model), Some(version)),
        ["v2", "models", model, "versions", version, "ready"] => {
            (Route::ModelReady, Some(model), Some(version))
        }
        ["v2", "models", model, "versions", version, "infer"] => (Route::Infer, Some(model), Some(version)),
        _ => return Err(Failure::new(404, "there is no such path")),
    };
    let takes_body = matches!(route, Route::Row | Route::Batch | Route::Infer);
    if *request.method() != if takes_body { Method::Post } else { Method::Get } {
        return Err(Failure::new(405, "this path does not take that method"));
    }
    let metadata = answer::metadata()?;
    check(&metadata, model, version)?;
    let json = match route {
        Route::Row => answer::row(&metadata, request.body())?,
        Route::Batch => answer::batch(&metadata, request.body())?,
        Route::Infer => {
            let json_length = request.header(JSON_LENGTH).map(|header| header.as_bytes());
            return answer::infer(&metadata, request.body(), json_length);
        }
        Route::Health => to_json(&answer::health(&metadata)),
        Route::Live => to_json(&serde_json::json!({ "live": true })),
        Route::Ready => to_json(&serde_json::json!({ "ready": true })),
        Route::Server => to_json(&answer::server()),
        Route::Model => to_json(&answer::model(&metadata)),
        Route::ModelReady => vec![],
    };
    Ok(json.into())
}

enum Route {
    Row,
    Batch,
    Infer,
    Health,
    Live,
    Ready,
    Server,
    Model,
    ModelReady,
}

/// Only the composed model is here.
fn check(metadata: &ModelMetadata, model: Option<&str>, version: Option<&str>) -> Result<(), Failure> {
    if let Some(model) = model.filter(|model| *model != metadata.name) {
        return Err(Failure::new(404, format!("there is no model `{model}`")));
    }
    if let Some(version) = version.filter(|version| *version != metadata.version) {
        let text = format!("model `{}` has no version `{version}`", metadata.name);
        return Err(Failure::new(404, text));
    }
    Ok(())
}

fn respond(status: u16, body: Body) -> Response {
    let mut response = Response::builder();
    response.status(status).header("content-type", body.content_type());
    if let Some(length) = body.json_length {
        response.header(JSON_LENGTH, length.to_string());
    }
    response.body(body.bytes).build()
}

pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Only a map with keys that are not strings could fail, and there is none.
    serde_json::to_vec(value).unwrap_or_default()
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
