//! Every metric, by name. A leaf: nothing here knows who counts.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

/// Which model a metric is about. Both empty: the request named no model that exists; what it
/// did name is the client's text and does not become a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModelLabels {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: String,
}

/// A failure of a model's request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    model: String,
    version: String,
    reason: &'static str,
}

/// The counters of one host.
pub struct Telemetry {
    registry: Registry,
    requests: Family<ModelLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    rows: Family<ModelLabels, Counter>,
    instances: Family<ModelLabels, Counter>,
    request_duration: Family<ModelLabels, Durations>,
    queue_duration: Family<ModelLabels, Durations>,
    predict_duration: Family<ModelLabels, Durations>,
    failure_duration: Family<ModelLabels, Durations>,
    batch_size: Family<ModelLabels, Histogram>,
    batch_failures: Family<ModelLabels, Counter>,
    cache_hits: Family<ModelLabels, Counter>,
    cache_misses: Family<ModelLabels, Counter>,
    cache_evictions: Counter,
    cache_bytes: Gauge<u64, AtomicU64>,
    models: Gauge,
    pending: Gauge<i64>,
    started: Gauge<f64, AtomicU64>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry::new()
    }
}

impl Telemetry {
    /// All at zero.
    pub fn new() -> Telemetry {
        let mut registry = Registry::with_prefix("edgewit");
        let durations = || Family::<ModelLabels, Durations>::new_with_constructor(Durations::new);
        let telemetry = Telemetry {
            requests: Family::default(),
            failures: Family::default(),
            rows: Family::default(),
            instances: Family::default(),
            request_duration: durations(),
            queue_duration: durations(),
            predict_duration: durations(),
            failure_duration: durations(),
            batch_size: Family::new_with_constructor(|| Histogram::new(exponential_buckets(1.0, 2.0, 11))),
            batch_failures: Family::default(),
            cache_hits: Family::default(),
            cache_misses: Family::default(),
            cache_evictions: Counter::default(),
            cache_bytes: Gauge::default(),
            models: Gauge::default(),
            pending: Gauge::default(),
            started: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Prediction requests, answered or refused", telemetry.requests.clone());
        registry.register(
            "failures",
            "Prediction requests that failed, by reason",
            telemetry.failures.clone(),
        );
        registry.register("rows", "Rows predicted", telemetry.rows.clone());
        registry.register("instances_started", "Sandboxes started", telemetry.instances.clone());
        let seconds =
            |registry: &mut Registry, name: &str, help: &str, metric: &Family<ModelLabels, Durations>| {
                registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
            };
        let request = &telemetry.request_duration;
        seconds(&mut registry, "request_duration", "From the request's head to its answer", request);
        seconds(
            &mut registry,
            "queue_duration",
            "Waiting for a worker and for others of a batch",
            &telemetry.queue_duration,
        );
        let predict = &telemetry.predict_duration;
        seconds(&mut registry, "predict_duration", "In the sandbox, starting it included", predict);
        let failure = &telemetry.failure_duration;
        seconds(
            &mut registry,
            "failure_duration",
            "From the head of a request that failed to its answer",
            failure,
        );
        registry.register("batch_size", "Rows of a batch of requests", telemetry.batch_size.clone());
        registry.register(
            "batch_failures",
            "Batches that failed, after which each request was predicted alone",
            telemetry.batch_failures.clone(),
        );
        registry.register(
            "response_cache_hits",
            "Requests answered from the response cache",
            telemetry.cache_hits.clone(),
        );
        registry.register(
            "response_cache_misses",
            "Requests that the response cache could not answer",
            telemetry.cache_misses.clone(),
        );
        registry.register(
            "response_cache_evictions",
            "Outputs dropped from the response cache for lack of room",
            telemetry.cache_evictions.clone(),
        );
        registry.register_with_unit(
            "response_cache_size",
            "Memory of the outputs in the response cache",
            Unit::Bytes,
            telemetry.cache_bytes.clone(),
        );
        registry.register("models_loaded", "Model versions that are ready", telemetry.models.clone());
        registry.register("pending_requests", "Requests waiting for a worker", telemetry.pending.clone());
        registry.register_with_unit(
            "start_time",
            "When the process started, since the Unix epoch",
            Unit::Seconds,
            telemetry.started.clone(),
        );
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        telemetry.started.set(now.as_secs_f64());
        Telemetry { registry, ..telemetry }
    }

    /// The counters of one model version.
    pub fn model(&self, labels: &ModelLabels) -> ModelMetrics {
        ModelMetrics {
            requests: self.requests.get_or_create_owned(labels),
            failures: self.failures.clone(),
            rows: self.rows.get_or_create_owned(labels),
            instances: self.instances.get_or_create_owned(labels),
            request_duration: self.request_duration.get_or_create_owned(labels),
            queue_duration: self.queue_duration.get_or_create_owned(labels),
            predict_duration: self.predict_duration.get_or_create_owned(labels),
            failure_duration: self.failure_duration.get_or_create_owned(labels),
            labels: labels.clone(),
        }
    }

    /// The counters of the batches of one model version.
    pub fn batches(&self, labels: &ModelLabels) -> BatchMetrics {
        BatchMetrics {
            size: self.batch_size.get_or_create_owned(labels),
            failures: self.batch_failures.get_or_create_owned(labels),
        }
    }

    /// The counters of the response cache for one model version.
    pub fn cached(&self, labels: &ModelLabels) -> CacheMetrics {
        CacheMetrics {
            hits: self.cache_hits.get_or_create_owned(labels),
            misses: self.cache_misses.get_or_create_owned(labels),
        }
    }

    /// So many bytes more are in the response cache.
    pub fn cache_kept(&self, bytes: u64) {
        self.cache_bytes.inc_by(bytes);
    }

    /// So many bytes less are in the response cache, for lack of room or because they came anew.
    pub fn cache_dropped(&self, bytes: u64, evicted: bool) {
        self.cache_bytes.dec_by(bytes);
        if evicted {
            self.cache_evictions.inc();
        }
    }

    /// A request waits for a worker until the guard is dropped.
    pub fn queued(&self) -> Queued {
        self.pending.inc();
        Queued { pending: self.pending.clone(), since: Instant::now() }
    }

    /// So many model versions are ready.
    pub fn models_loaded(&self, count: usize) {
        self.models.set(count as i64);
    }

    /// The Prometheus text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// A histogram, and its sum and count: a histogram shows those in its text only.
#[derive(Debug, Clone)]
struct Durations {
    histogram: Histogram,
    nanoseconds: Counter,
    count: Counter,
}

impl EncodeMetric for Durations {
    fn encode(&self, encoder: MetricEncoder) -> std::fmt::Result {
        self.histogram.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.histogram.metric_type()
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl Durations {
    fn new() -> Durations {
        let histogram = Histogram::new(buckets());
        Durations { histogram, nanoseconds: Counter::default(), count: Counter::default() }
    }

    fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.get())
    }

    fn observe(&self, took: Duration) {
        self.histogram.observe(took.as_secs_f64());
        self.nanoseconds.inc_by(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.count.inc();
    }
}

/// What is counted of one model version. Looked up once: each family is behind a lock and a hash
/// of the labels, and a request counts in five of them.
#[derive(Clone)]
pub struct ModelMetrics {
    labels: ModelLabels,
    requests: Counter,
    failures: Family<FailureLabels, Counter>,
    rows: Counter,
    instances: Counter,
    request_duration: Durations,
    queue_duration: Durations,
    predict_duration: Durations,
    failure_duration: Durations,
}

/// What was counted so far, for whoever shows it in another form than `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests, answered or refused.
    pub requests: u64,
    /// Those that failed.
    pub failures: u64,
    /// Rows predicted.
    pub rows: u64,
    /// Predictions: a batch of requests is one.
    pub predictions: u64,
    /// From head to answer, of all requests together.
    pub request: Duration,
    /// The same of those that failed.
    pub failure: Duration,
    /// Waiting, of all requests together.
    pub queue: Duration,
    /// In sandboxes, of all predictions together.
    pub predict: Duration,
}

impl ModelMetrics {
    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        Totals {
            requests: self.request_duration.count.get(),
            failures: self.failure_duration.count.get(),
            rows: self.rows.get(),
            predictions: self.predict_duration.count.get(),
            request: self.request_duration.total(),
            failure: self.failure_duration.total(),
            queue: self.queue_duration.total(),
            predict: self.predict_duration.total(),
        }
    }

    /// A request has come to its end.
    pub fn request(&self, took: Duration, failure: Option<&'static str>) {
        self.requests.inc();
        self.request_duration.observe(took);
        if let Some(reason) = failure {
            self.failure_duration.observe(took);
            let ModelLabels { model, version } = self.labels.clone();
            self.failures.get_or_create(&FailureLabels { model, version, reason }).inc();
        }
    }

    /// A request was taken from the queue.
    pub fn dequeued(&self, queued: Queued) {
        self.queue_duration.observe(queued.since.elapsed());
    }

    /// A sandbox was started.
    pub fn instance_started(&self) {
        self.instances.inc();
    }

    /// A prediction was computed.
    pub fn predicted(&self, rows: u64, took: Duration) {
        self.rows.inc_by(rows);
        self.predict_duration.observe(took);
    }
}

/// What is counted of the batches of one model version.
pub struct BatchMetrics {
    size: Histogram,
    failures: Counter,
}

impl BatchMetrics {
    /// A batch of requests goes into a sandbox.
    pub fn formed(&self, rows: u64) {
        self.size.observe(rows as f64);
    }

    /// A batch failed.
    pub fn failed(&self) {
        self.failures.inc();
    }
}

/// What is counted of the response cache for one model version.
pub struct CacheMetrics {
    hits: Counter,
    misses: Counter,
}

impl CacheMetrics {
    /// The cache was asked, and had the outputs or not.
    pub fn asked(&self, found: bool) {
        if found { &self.hits } else { &self.misses }.inc();
    }

    /// How often the cache had the outputs, and how often not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.get(), self.misses.get())
    }
}

/// Counts one waiting request; dropping it ends the wait.
pub struct Queued {
    pending: Gauge<i64>,
    since: Instant,
}

impl Queued {
    /// How long the wait has been.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.pending.dec();
    }
}

/// From 20 µs, a fresh sandbox for a small model, to 10 s, the default deadline.
fn buckets() -> impl Iterator<Item = f64> {
    [
        20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2, 0.5, 1.0, 2.0,
        5.0, 10.0,
    ]
    .into_iter()
}
