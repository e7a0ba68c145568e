//! Is the process alive, is every model ready.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::App;
use crate::serving::ModelState;

/// What `/health` answers.
#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
    models: Vec<ModelState>,
}

/// Every model version; 503 until each is ready.
pub(super) async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let ready = app.registry.is_ready();
    let models = app.registry.states();
    let status = if ready { "ok" } else { "not ready" };
    (status_of(ready), Json(Health { status, version: env!("CARGO_PKG_VERSION"), models }))
}

/// The process answers.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "live": true }))
}

/// 503 until every model is ready.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<serde_json::Value>) {
    let ready = app.registry.is_ready();
    (status_of(ready), Json(serde_json::json!({ "ready": ready })))
}

fn status_of(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
