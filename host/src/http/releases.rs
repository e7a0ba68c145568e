//! Deploy, promote, roll back, and how far that is, of a host that follows a registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, Path, Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::error::HttpError;
use super::{App, body};
use crate::auth::Principal;
use crate::release::{Plan, Refused, Release, ReleaseError, Releases, Status};
use crate::store::{StoreError, Verifier};

/// Changes of a model that its status shows.
const SHOWN: usize = 20;

/// The releases that are followed, and which versions may be among them.
#[derive(Clone)]
pub struct Followed {
    /// They.
    pub releases: Releases,
    /// Which publications are trusted.
    pub verifier: Verifier,
}

type Caller = Option<Extension<Arc<Principal>>>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/releases", get(all))
        .route("/models/{model}/release", get(status))
        .route("/models/{model}/release/deploy", post(deploy))
        .route("/models/{model}/release/promote", post(promote))
        .route("/models/{model}/release/rollback", post(rollback))
}

/// What is deployed, and what it has to pass.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deploy {
    version: String,
    #[serde(default)]
    plan: Plan,
}

/// How far a model is, and how it came there.
#[derive(Serialize)]
struct Report {
    model: String,
    #[serde(flatten)]
    status: Status,
    /// The newest changes, newest first.
    history: Vec<Release>,
}

async fn all(State(app): State<Arc<App>>) -> Result<Json<BTreeMap<String, Status>>, HttpError> {
    Ok(Json(followed(&app)?.releases.all()))
}

async fn status(State(app): State<Arc<App>>, Path(model): Path<String>) -> Result<Json<Report>, HttpError> {
    let Followed { releases, .. } = followed(&app)?;
    let status = releases.status(&model).ok_or_else(|| HttpError::no_release(&model))?;
    let of = model.clone();
    let history = blocking(move || Ok(releases.history(&of, SHOWN)?)).await?;
    Ok(Json(Report { model, status, history }))
}

async fn deploy(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Json<Release>, HttpError> {
    let body = body::read(request, &app.limits).await?;
    let Deploy { version, plan } =
        serde_json::from_slice(&body).map_err(|error| HttpError::malformed(format!("the body: {error}")))?;
    let Followed { releases, verifier } = followed(&app)?;
    let by = name(caller);
    let release = blocking(move || {
        releases.check(&model, &version, &verifier)?;
        releases.change(&model, &by, |release| release.deploy(&version, plan.clone()))
    });
    Ok(Json(release.await?))
}

async fn promote(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    caller: Caller,
) -> Result<Json<Release>, HttpError> {
    change(&app, model, caller, Release::promote).await
}

async fn rollback(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    caller: Caller,
) -> Result<Json<Release>, HttpError> {
    change(&app, model, caller, Release::rollback).await
}

async fn change(
    app: &App,
    model: String,
    caller: Caller,
    change: fn(&Release) -> Result<Release, Refused>,
) -> Result<Json<Release>, HttpError> {
    let Followed { releases, .. } = followed(app)?;
    if releases.status(&model).is_none() {
        return Err(HttpError::no_release(&model));
    }
    let by = name(caller);
    Ok(Json(blocking(move || releases.change(&model, &by, change)).await?))
}

/// In the history everybody who needs no key is one.
fn name(caller: Caller) -> String {
    caller.map_or_else(|| "anybody".into(), |Extension(principal)| principal.name.to_string())
}

fn followed(app: &App) -> Result<Followed, HttpError> {
    app.followed.clone().ok_or_else(HttpError::no_registry)
}

/// The store is asked on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReleaseError> + Send + 'static,
) -> Result<T, HttpError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| HttpError::panic())?.map_err(HttpError::from)
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> HttpError {
        ReleaseError::from(error).into()
    }
}
