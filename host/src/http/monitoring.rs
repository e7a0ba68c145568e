//! What is known of models in use: drift and quality.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::error::HttpError;
use crate::monitor::{Monitor, Performance};
use crate::records::{Recording, Store};
use crate::serving::{Error, Observer};

/// What is kept of answers, and what is known from that. Cheap to clone.
#[derive(Clone)]
pub struct Watch {
    /// Where answers go.
    pub observer: Observer,
    /// The windows.
    pub monitor: Arc<Monitor>,
    /// The store of records, if there is one.
    pub records: Option<Records>,
    /// How long an answer waits to be stored, and a question for what was answered before.
    pub patience: Duration,
}

/// The store of records, as routes use it.
#[derive(Clone)]
pub struct Records {
    /// Where labels go.
    pub store: Store,
    /// What predictions are called there.
    pub recording: Arc<Recording>,
    /// How good models are.
    pub performance: Performance,
}

impl Watch {
    /// Waits until what was answered so far is stored and watched, unless that takes too long.
    pub(super) async fn settle(&self) {
        // What is not there in time is not told yet.
        drop(tokio::time::timeout(self.patience, self.observer.flush()).await);
    }

    /// The store.
    ///
    /// # Errors
    /// Where nothing is recorded.
    pub(super) fn records(&self) -> Result<&Records, HttpError> {
        let text = "nothing is recorded here; the setting records.store says where to";
        Ok(self.records.as_ref().ok_or(Error::Unsupported(text))?)
    }
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/models/{model}/drift", get(drift))
        .route("/models/{model}/performance", get(performance))
}

async fn drift(State(app): State<Arc<App>>, Path(model): Path<String>) -> Result<Json<Value>, HttpError> {
    app.registry.find(Some(&model), None)?;
    app.watch.settle().await;
    let (monitor, name) = (app.watch.monitor.clone(), model.clone());
    let deployments = app.registry.deployments();
    let compared = tokio::task::spawn_blocking(move || {
        let of_model = deployments.iter().filter(|deployment| deployment.metadata.name == name);
        of_model.filter_map(|deployment| monitor.drift(deployment)).collect::<Vec<_>>()
    });
    let versions = compared.await.map_err(|_| Error::Internal("the comparison panicked".into()))?;
    if versions.is_empty() {
        return Err(Error::Unsupported("the model has no baseline; `edgewit baseline` makes one").into());
    }
    Ok(Json(json!({ "model": model, "versions": versions })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The feature whose values are told apart.
    segment: Option<String>,
}

async fn performance(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, HttpError> {
    let Query(asked) = asked.map_err(|error| HttpError::malformed(error.body_text()))?;
    app.registry.find(Some(&model), None)?;
    let records = app.watch.records()?;
    app.watch.settle().await;
    let versions = records.performance.versions(&model, asked.segment.as_deref()).await;
    let versions = versions.map_err(|error| HttpError::records(&error))?;
    Ok(Json(json!({ "model": model, "versions": versions })))
}
