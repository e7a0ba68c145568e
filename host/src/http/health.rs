//! Is the process alive, is every model ready.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::App;
use crate::serving::ModelState;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
}

/// What `/health` answers.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    models: Vec<ModelState>,
}

/// Every model version; 503 until each is ready.
async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let ready = app.registry.is_ready();
    let models = app.registry.states();
    let status = if ready { "ok" } else { "not ready" };
    (status_of(ready), Json(Health { status, version: env!("CARGO_PKG_VERSION"), models }))
}

/// The process answers.
async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "live": true }))
}

/// 503 until every model is ready.
async fn ready(State(app): State<App>) -> (StatusCode, Json<serde_json::Value>) {
    let ready = app.registry.is_ready();
    (status_of(ready), Json(serde_json::json!({ "ready": ready })))
}

fn status_of(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
