//! The routes and their layers. HTTP in, [`serving`](crate::serving) behind, JSON out.

mod body;
mod docs;
mod encoding;
mod error;
mod health;
mod oip;
mod openapi;
mod repository;
mod rows;
mod statistics;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Request, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use edgewit_core::oip::Body;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

use crate::serving::{self, Answer, Deployment, Error, Question, Registry, Repository, Workers};
use crate::telemetry::{ModelLabels, Telemetry};
use encoding::Encoding;
use error::HttpError;

/// What every handler sees. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The models.
    pub registry: Arc<Registry>,
    /// How they come into service and leave it.
    pub repository: Repository,
    /// Where predictions run.
    pub workers: Workers,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// The bounds of a request.
    pub limits: RequestLimits,
}

/// How large a request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of a body.
    pub body: usize,
    /// Rows of a batch.
    pub rows: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits { body: 16 << 20, rows: 10_000 }
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The bytes of an answer that goes in one packet in any case; compressing it would cost more than predicting.
const PACKET: u64 = 1400;

/// All routes over `app`.
pub fn router(app: App) -> Router {
    // Top to bottom is outside in: the id comes first, so that every log line and error has it.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, NewRequestId))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(
            CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(PACKET)),
        )
        .layer(axum::middleware::from_fn(error::with_request_id))
        .layer(CatchPanicLayer::custom(|_| HttpError::panic().into_response()));
    Router::new()
        .merge(rows::routes())
        .merge(health::routes())
        .merge(oip::routes())
        .merge(repository::routes())
        .merge(statistics::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .route("/metrics", get(metrics))
        .fallback(|| async { HttpError::no_route() })
        .method_not_allowed_fallback(|| async { HttpError::method() })
        .layer(layers)
        .with_state(app)
}

/// Finds the model, asks it what `read` makes of the body, and counts the request.
async fn serve(
    app: &App,
    model: Option<&str>,
    version: Option<&str>,
    request: axum::extract::Request,
    read: impl FnOnce(&Deployment, &[u8]) -> Result<(Question, Answer), Error> + Send + 'static,
) -> Result<Response, HttpError> {
    let start = Instant::now();
    let deployment = app.registry.find(model, version).map_err(|error| {
        let error = HttpError::from(error);
        app.telemetry.model(&ModelLabels::default()).request(start.elapsed(), Some(error.reason()));
        error
    })?;
    let result = async {
        let limit = app.limits.body;
        let encoding = Encoding::of(request.headers())?;
        let body = body::read(request, limit).await?;
        let read = move |deployment: &Deployment| read(deployment, &encoding.decode(body, limit)?);
        Ok::<_, HttpError>(serving::ask(&app.workers, deployment.clone(), read).await?)
    }
    .await;
    deployment.metrics.request(start.elapsed(), result.as_ref().err().map(HttpError::reason));
    Ok(respond(result?))
}

fn respond(body: Body) -> Response {
    let content_type = [(header::CONTENT_TYPE, body.content_type())];
    let json_length = body.json_length.map(|length| [(oip::JSON_LENGTH, HeaderValue::from(length))]);
    (content_type, AppendHeaders(json_length.into_iter().flatten()), body.bytes).into_response()
}

async fn metrics(axum::extract::State(app): axum::extract::State<App>) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, TYPE)], app.telemetry.encode()).into_response()
}

/// Ids sort by time, which helps whoever searches logs. A client's own id is kept.
#[derive(Clone)]
struct NewRequestId;

impl MakeRequestId for NewRequestId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()).ok().map(RequestId::new)
    }
}

fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    // Below the usual level of the log: a span that is on is formatted for each request, and a line about a
    // failed request has the same fields.
    tracing::debug_span!("request", id, method = %request.method(), path = request.uri().path())
}
