//! The probes, as Kubernetes means them: is the process alive (or is it to be started again), has it started (or is
//! it still loading), is it ready (or are requests to go elsewhere).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::App;
use crate::serving::ModelState;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/startup", get(startup))
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

/// Every model version; 503 as [`ready`].
async fn health(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    let ready = is_ready(&app);
    let models = app.registry.states();
    let status = if ready { "ok" } else { "not ready" };
    (status_of(ready), Json(Health { status, version: env!("CARGO_PKG_VERSION"), models }))
}

/// The process answers.
async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "live": true }))
}

/// 503 until every model has been loaded or has failed, and never again.
async fn startup(State(app): State<Arc<App>>) -> (StatusCode, Json<serde_json::Value>) {
    let started = app.phase.has_started();
    (status_of(started), Json(serde_json::json!({ "started": started })))
}

/// 503 until every model is ready, and once the host is told to stop.
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<serde_json::Value>) {
    let ready = is_ready(&app);
    (status_of(ready), Json(serde_json::json!({ "ready": ready })))
}

fn is_ready(app: &App) -> bool {
    !app.phase.is_draining() && app.registry.is_ready()
}

fn status_of(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
