//! A page for people: the routes of the OpenAPI document, each with a form that asks it. It is part of the binary
//! and loads nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/docs", get(|| async { file("text/html", include_str!("page.html")) }))
        .route("/docs/page.css", get(|| async { file("text/css", include_str!("page.css")) }))
        .route("/docs/page.js", get(|| async { file("text/javascript", include_str!("page.js")) }))
}

/// What the page may load: its own style and script, and answers of this host.
const POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

fn file(media_type: &str, text: &'static str) -> Response {
    let content_type = (header::CONTENT_TYPE, format!("{media_type}; charset=utf-8"));
    ([content_type], [POLICY], text).into_response()
}
