//! The page of a model, which predicts in the browser, and here when it is asked to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::App;
use super::error::HttpError;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ui", get(default))
        .route("/ui/", get(default))
        .route("/ui/{model}", get(|Path(model): Path<String>| async move { page(&model) }))
        .route("/ui/{model}/", get(index))
        .route("/ui/{model}/{*file}", get(file))
}

/// What is compressed already.
pub(super) const COMPRESSED: &str = "application/gzip";

/// What the page may load and ask: this host. Its own policy, in the page, is for servers that send none.
const POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; \
     img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// Another version may come into service at any time. Without a network, the service worker answers.
const FRESH: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// The page of the default model.
async fn default(State(app): State<Arc<App>>) -> Result<Response, HttpError> {
    Ok(page(&app.registry.find(None, None)?.metadata.name))
}

fn page(model: &str) -> Response {
    let model = percent_encoding::utf8_percent_encode(model, percent_encoding::NON_ALPHANUMERIC);
    Redirect::temporary(&format!("/ui/{model}/")).into_response()
}

async fn index(state: State<Arc<App>>, Path(model): Path<String>) -> Result<Response, HttpError> {
    file(state, Path((model, "index.html".into()))).await
}

async fn file(
    State(app): State<Arc<App>>,
    Path((model, path)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let deployment = app.registry.find(Some(&model), None)?;
    let site = app.pages.get(deployment).await?;
    let file = site.get(&path).ok_or_else(HttpError::no_route)?;
    let headers = [(header::CONTENT_TYPE, file.media_type)];
    Ok((headers, [POLICY, FRESH], file.bytes.clone()).into_response())
}
