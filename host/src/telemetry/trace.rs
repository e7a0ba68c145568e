//! Spans of requests, sent to a collector by OTLP over HTTP.
//!
//! A request's spans are made when it has come to its end, of what its [`Trail`](super::Trail) says, so that a
//! request costs nothing for its trace on its way. Whether it is sent is its caller's decision where there is one (the header
//! `traceparent`), else one of chance.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider};
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};

use super::{Notes, Stay};

/// Time for a collector to take a batch of spans.
const PATIENCE: Duration = Duration::from_secs(10);
/// Spans that may wait to be sent; more are dropped.
const WAITING: usize = 16_384;
/// Spans of one message.
const MESSAGE: usize = 2048;

/// Where spans go, and which.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceConfig {
    /// The collector's address for traces, as `http://host:4318/v1/traces`.
    pub endpoint: String,
    /// The part of requests without a caller's decision that is traced, from 0 to 1.
    pub ratio: f64,
}

/// Makes spans and sends them.
pub struct Tracer {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

/// A request that has come to its end.
pub struct RequestSpan<'a> {
    /// Its caller's span, as [`Tracer::parent`] found it.
    pub parent: &'a Context,
    /// The request id.
    pub id: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The status of its answer.
    pub status: u16,
    /// Why it failed.
    pub reason: Option<&'static str>,
    /// When its head was read.
    pub began: Instant,
    /// What was learned of it.
    pub notes: &'a Notes,
}

impl Tracer {
    /// Sends spans in the background from now on.
    ///
    /// # Errors
    /// When the address is not one, or a variable of the environment that OpenTelemetry reads is not as it should be.
    pub fn new(config: &TraceConfig) -> Result<Tracer, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new())
            .with_endpoint(&config.endpoint)
            .with_timeout(PATIENCE)
            .build()?;
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(WAITING).with_max_export_batch_size(MESSAGE);
        let service = Resource::builder().with_service_name("edgewit");
        let service = service.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(
                BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build(),
            )
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.ratio))))
            .with_resource(service.build())
            .build();
        let tracer = provider.tracer("edgewit");
        Ok(Tracer { provider, tracer, propagator: TraceContextPropagator::new() })
    }

    /// The caller's span, by the headers `traceparent` and `tracestate`.
    pub fn parent(&self, headers: &dyn Extractor) -> Context {
        self.propagator.extract_with_context(&Context::new(), headers)
    }

    /// Makes the spans of a request: itself, and below it the queue, the instance and the prediction. Tells the
    /// trace's id if it is one of those that are sent.
    pub fn record(&self, request: &RequestSpan<'_>) -> Option<TraceId> {
        let clock = Clock { instant: Instant::now(), time: SystemTime::now() };
        let span = SpanBuilder::from_name("request")
            .with_kind(SpanKind::Server)
            .with_start_time(clock.at(request.began));
        let context = request.parent.with_span(self.tracer.build_with_context(span, request.parent));
        let span = context.span();
        if !span.is_recording() {
            return None;
        }
        span.set_attributes([
            KeyValue::new("http.request.method", request.method.to_owned()),
            KeyValue::new("url.path", request.path.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(request.status)),
            KeyValue::new("edgewit.request_id", request.id.to_owned()),
        ]);
        let Notes { model, queue, stations, .. } = request.notes;
        if let Some(labels) = model {
            span.set_attribute(KeyValue::new("edgewit.model", labels.model.clone()));
            span.set_attribute(KeyValue::new("edgewit.version", labels.version.clone()));
        }
        if let Some(reason) = request.reason {
            span.set_attribute(KeyValue::new("error.type", reason));
        }
        if request.status >= 500 {
            span.set_status(Status::error(request.reason.unwrap_or_default()));
        }
        let below = [("queue", queue), ("instance", &stations.instance), ("predict", &stations.predict)];
        for (name, stay) in below {
            if let Some(Stay { from, to }) = stay {
                let span = SpanBuilder::from_name(name).with_start_time(clock.at(*from));
                let mut span = self.tracer.build_with_context(span, &context);
                opentelemetry::trace::Span::end_with_timestamp(&mut span, clock.at(*to));
            }
        }
        span.end_with_timestamp(clock.time);
        Some(span.span_context().trace_id())
    }

    /// Sends what still waits, and nothing after that.
    pub fn finish(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(error = error.to_string(), "the last traces were not sent");
        }
    }
}

/// One moment on both clocks, by which others are told.
struct Clock {
    instant: Instant,
    time: SystemTime,
}

impl Clock {
    fn at(&self, instant: Instant) -> SystemTime {
        self.time - self.instant.saturating_duration_since(instant)
    }
}

/// The HTTP client that the host has anyway. It blocks, on the thread that does nothing but send spans.
struct Client(ureq::Agent);

impl Client {
    fn new() -> Client {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Client(config.timeout_global(Some(PATIENCE)).build().into())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let answered = || -> Result<Response<Bytes>, HttpError> {
            let (head, body) = request.into_parts();
            let mut answer = self.0.run(Request::from_parts(head, &*body))?;
            let body = answer.body_mut().read_to_vec()?;
            Ok(answer.map(|_| body.into()))
        };
        Box::pin(std::future::ready(answered()))
    }
}
