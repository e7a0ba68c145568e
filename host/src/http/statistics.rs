//! Triton's statistics extension: what was counted of each model, and how long it took in all.
//!
//! Source: `extension_statistics.md` of triton-inference-server/server. The numbers are those behind `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::App;
use super::error::HttpError;
use super::oip::Target;
use crate::serving::Deployment;

/// The extension that these routes are.
pub(super) const EXTENSION: &str = "statistics";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/models/stats", get(all))
        .route("/v2/models/{model}/stats", get(of_model))
        .route("/v2/models/{model}/versions/{version}/stats", get(of_model))
}

async fn all(State(app): State<Arc<App>>) -> Json<Value> {
    answer(app.registry.deployments().iter().map(|deployment| &**deployment))
}

/// One version where the path names it, all otherwise.
async fn of_model(State(app): State<Arc<App>>, Path(target): Path<Target>) -> Result<Json<Value>, HttpError> {
    let found = app.registry.find(Some(&target.model), target.version.as_deref())?;
    let deployments = app.registry.deployments();
    let asked = deployments.iter().map(|deployment| &**deployment).filter(|deployment| {
        let (name, version) = (&deployment.metadata.name, &deployment.metadata.version);
        *name == found.metadata.name && (target.version.is_none() || *version == found.metadata.version)
    });
    Ok(answer(asked))
}

fn answer<'a>(deployments: impl Iterator<Item = &'a Deployment>) -> Json<Value> {
    Json(json!({ "model_stats": deployments.map(statistics).collect::<Vec<_>>() }))
}

fn statistics(deployment: &Deployment) -> Value {
    let totals = deployment.metrics.totals();
    let success = totals.requests.saturating_sub(totals.failures);
    let mut inference = json!({
        "success": total(success, totals.request.saturating_sub(totals.failure)),
        "fail": total(totals.failures, totals.failure),
        "queue": total(totals.requests, totals.queue),
        "compute_infer": total(totals.predictions, totals.predict),
    });
    if let Some((hits, misses)) = deployment.cache_asked() {
        // Looking up takes less than taking the time of it.
        inference["cache_hit"] = total(hits, Duration::ZERO);
        inference["cache_miss"] = total(misses, Duration::ZERO);
    }
    json!({
        "name": deployment.metadata.name,
        "version": deployment.metadata.version,
        "inference_count": totals.rows,
        "execution_count": totals.predictions,
        "inference_stats": inference,
    })
}

fn total(count: u64, took: Duration) -> Value {
    json!({ "count": count, "ns": u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) })
}
