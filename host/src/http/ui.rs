//! The page of a model, which predicts in the browser, and here when it is asked to.
//!
//! A browser that opens a page sends no key. A host that asks for keys gives it one that is the same for every model and
//! asks its reader for a key; what is of the model, that page then fetches with it.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::App;
use super::error::HttpError;
use super::gate::{DEFAULT_PAGE, PAGE};
use crate::serving::Site;
use crate::web;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ui", get(default))
        .route("/ui/", get(default))
        .route(DEFAULT_PAGE, get(default_model))
        .route("/ui/{model}", get(|Path(model): Path<String>| async move { page(&model, "") }))
        .route("/ui/{model}/", get(|app, model| shared(app, model, "index.html")))
        .route("/ui/{model}/sw.js", get(|app, model| shared(app, model, "sw.js")))
        .route("/ui/{model}/page/{file}", get(shell))
        .route(PAGE, get(file))
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

/// The page that asks for a key.
static SHELL: LazyLock<Site> = LazyLock::new(|| web::hosted(web::shell()));

/// The page of the default model. Which one that is, is told to those with a key.
async fn default(State(app): State<Arc<App>>) -> Result<Response, HttpError> {
    if app.gate.guards_pages() {
        return Ok(Redirect::temporary("/ui/-/").into_response());
    }
    Ok(page(&app.registry.find(None, None)?.metadata.name, ""))
}

async fn default_model(State(app): State<Arc<App>>) -> Result<Response, HttpError> {
    Ok(page(&app.registry.find(None, None)?.metadata.name, "model.json"))
}

fn page(model: &str, file: &str) -> Response {
    let model = percent_encoding::utf8_percent_encode(model, percent_encoding::NON_ALPHANUMERIC);
    Redirect::temporary(&format!("/ui/{model}/{file}")).into_response()
}

/// A file that is asked for without a key.
async fn shared(app: State<Arc<App>>, Path(model): Path<String>, path: &str) -> Result<Response, HttpError> {
    if app.gate.guards_pages() {
        return answer(&SHELL, path);
    }
    file(app, Path((model, path.into()))).await
}

async fn shell(Path((_, file)): Path<(String, String)>) -> Result<Response, HttpError> {
    answer(&SHELL, &format!("page/{file}"))
}

async fn file(
    State(app): State<Arc<App>>,
    Path((model, path)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let deployment = app.registry.find(Some(&model), None)?;
    answer(&*app.pages.get(deployment).await?, &path)
}

fn answer(site: &Site, path: &str) -> Result<Response, HttpError> {
    let file = site.get(path).ok_or_else(HttpError::no_route)?;
    let headers = [(header::CONTENT_TYPE, file.media_type)];
    Ok((headers, [POLICY, FRESH], file.bytes.clone()).into_response())
}
