//! The routes and their layers. HTTP in, [`serving`](crate::serving) behind, JSON out.

mod body;
mod docs;
mod encoding;
mod error;
mod feedback;
mod gate;
mod headers;
mod health;
mod monitoring;
mod observe;
mod oip;
mod openapi;
mod phase;
mod rates;
mod releases;
mod repository;
mod rows;
mod server;
mod statistics;
mod ui;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use edgewit_core::oip::Body;
use tokio::time::timeout;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

pub use gate::Gate;
pub use headers::Cors;
pub use monitoring::{Records, Watch};
pub use phase::Phase;
pub use rates::{Rate, RateLimits};
pub use releases::Followed;
pub use server::{
    Address, ClientCertificates, ConnectionLimits, Inherited, Listener, Peer, Server, Tls, TlsError, TlsFiles,
};

use crate::serving::{
    self, Answer, Deployment, Error, Observing, Pages, Question, Registry, Repository, Workers,
};
use crate::telemetry::{Exposition, ModelLabels, Telemetry, Tracer, Trail};
use encoding::Encoding;
use error::HttpError;
use headers::secure;
use observe::RequestId;

/// What every handler sees.
pub struct App {
    /// The models.
    pub registry: Arc<Registry>,
    /// How they come into service and leave it.
    pub repository: Repository,
    /// Which versions of them are released, where the host follows a registry.
    pub followed: Option<Followed>,
    /// What browsers get of them.
    pub pages: Pages,
    /// Where predictions run.
    pub workers: Workers,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// What makes traces of requests, if anything does.
    pub tracer: Option<Arc<Tracer>>,
    /// How far the host is between start and stop.
    pub phase: Phase,
    /// The bounds of a request.
    pub limits: RequestLimits,
    /// Who may ask.
    pub gate: Arc<Gate>,
    /// From which pages.
    pub cors: Cors,
    /// Whether clients come over TLS.
    pub tls: bool,
    /// What is kept of answers, and known from that.
    pub watch: Watch,
}

/// How large a request may be, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of a body.
    pub body: usize,
    /// Rows of a batch.
    pub rows: usize,
    /// From the head of the request to its answer.
    pub time: Duration,
    /// Before a body must have come.
    pub body_time: Duration,
    /// Bytes a second of a body that may take longer.
    pub body_rate: u32,
}

impl RequestLimits {
    /// How long a body may take of which so many bytes have come: a large one takes long, but a byte now and then
    /// would hold a place for ever.
    fn time_for_body(&self, come: usize) -> Duration {
        self.body_time + Duration::from_secs_f64(come as f64 / f64::from(self.body_rate.max(1)))
    }
}

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits {
            body: 16 << 20,
            rows: 10_000,
            time: Duration::from_secs(60),
            body_time: Duration::from_secs(10),
            body_rate: 16 << 10,
        }
    }
}

/// Says of an answer that its record is stored.
const STORED: HeaderName = HeaderName::from_static("x-edgewit-record");
/// The bytes of an answer that goes in one packet in any case; compressing it would cost more than predicting.
const PACKET: u64 = 1400;

/// All routes over `app`.
pub fn router(app: App) -> Router {
    let tls = app.tls;
    // The layers and handlers of a request each have a copy.
    let app = Arc::new(app);
    // Top to bottom is outside in. Headers and compression are for every answer. What observes comes before all that may
    // answer, so that everything has an id and a line in the log. A browser asks first whether it may ask, and sends no key
    // with that.
    let layers = ServiceBuilder::new()
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(SizeAbove::new(PACKET).and(NotForContentType::const_new(ui::COMPRESSED))),
        )
        .layer(middleware::map_response(move |response| async move { secure(response, tls) }))
        .layer(middleware::from_fn_with_state(app.tracer.clone(), observe::observe))
        .layer(tower::util::option_layer(app.cors.layer()))
        .layer(CatchPanicLayer::custom(|_| HttpError::panic().into_response()))
        .layer(middleware::from_fn_with_state(app.clone(), gate::gate));
    Router::new()
        .merge(rows::routes())
        .merge(health::routes())
        .merge(oip::routes())
        .merge(repository::routes())
        .merge(statistics::routes())
        .merge(releases::routes())
        .merge(feedback::routes())
        .merge(monitoring::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(ui::routes())
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
    read: impl FnOnce(&Deployment, &[u8], Option<Observing>) -> Result<(Question, Answer), Error> + Send + 'static,
) -> Result<Response, HttpError> {
    let trail = request.extensions().get::<Trail>().cloned().unwrap_or_default();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let deployment = app.registry.choose(model, version, header).map_err(|error| {
        let error = HttpError::from(error);
        app.telemetry.model(&ModelLabels::default()).request(trail.began.elapsed(), Some(error.reason()));
        error
    })?;
    trail.model(&deployment.labels);
    let began = trail.began;
    let (observing, stored) = app.watch.observer.begin(&deployment, request_id(&request), began).unzip();
    let result = async {
        let limit = app.limits.body;
        let encoding = Encoding::of(request.headers()).ok_or_else(HttpError::encoding)?;
        let body = body::read(request, &app.limits).await?;
        let read = move |deployment: &Deployment| read(deployment, &encoding.decode(body, limit)?, observing);
        Ok::<_, HttpError>(serving::ask(&app.workers, deployment.clone(), trail, read).await?)
    };
    let result = match timeout(app.limits.time, result).await {
        Ok(result) => result,
        Err(_) => Err(HttpError::out_of_time()),
    };
    let stored = match (&result, stored.flatten()) {
        (Ok(_), Some(stored)) => timeout(app.watch.patience, stored).await.is_ok_and(|stored| stored.is_ok()),
        _ => false,
    };
    deployment.metrics.request(began.elapsed(), result.as_ref().err().map(HttpError::reason));
    let mut response = respond(result?);
    if stored {
        response.headers_mut().insert(STORED, HeaderValue::from_static("stored"));
    }
    Ok(response)
}

fn request_id(request: &axum::extract::Request) -> &str {
    let id = request.extensions().get::<RequestId>();
    id.and_then(|id| id.0.to_str().ok()).unwrap_or_default()
}

fn respond(body: Body) -> Response {
    let content_type = [(header::CONTENT_TYPE, body.content_type())];
    let json_length = body.json_length.map(|length| [(oip::JSON_LENGTH, HeaderValue::from(length))]);
    (content_type, AppendHeaders(json_length.into_iter().flatten()), body.bytes).into_response()
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let exposition = Exposition::accepted(accept.unwrap_or_default());
    ([(header::CONTENT_TYPE, exposition.content_type())], app.telemetry.encode(exposition)).into_response()
}
