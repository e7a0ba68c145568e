//! Every metric, by name. A leaf: nothing here knows who counts.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Which model a metric is about. Both empty: the request named no model that exists; what it
/// did name is the client's text and does not become a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
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
    request_duration: Family<ModelLabels, Histogram>,
    queue_duration: Family<ModelLabels, Histogram>,
    predict_duration: Family<ModelLabels, Histogram>,
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
        let histogram =
            || Family::<ModelLabels, Histogram>::new_with_constructor(|| Histogram::new(buckets()));
        let telemetry = Telemetry {
            requests: Family::default(),
            failures: Family::default(),
            rows: Family::default(),
            instances: Family::default(),
            request_duration: histogram(),
            queue_duration: histogram(),
            predict_duration: histogram(),
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
            |registry: &mut Registry, name: &str, help: &str, metric: &Family<ModelLabels, Histogram>| {
                registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
            };
        let request = &telemetry.request_duration;
        seconds(&mut registry, "request_duration", "From the request's head to its answer", request);
        seconds(&mut registry, "queue_duration", "Waiting for a worker", &telemetry.queue_duration);
        let predict = &telemetry.predict_duration;
        seconds(&mut registry, "predict_duration", "In the sandbox, starting it included", predict);
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

    /// A request has come to its end.
    pub fn request(&self, model: &ModelLabels, took: Duration, failure: Option<&'static str>) {
        self.requests.get_or_create(model).inc();
        self.request_duration.get_or_create(model).observe(took.as_secs_f64());
        if let Some(reason) = failure {
            let (model, version) = (model.model.clone(), model.version.clone());
            self.failures.get_or_create(&FailureLabels { model, version, reason }).inc();
        }
    }

    /// A request waits for a worker until the guard is dropped.
    pub fn queued(&self) -> Queued {
        self.pending.inc();
        Queued { pending: self.pending.clone(), since: std::time::Instant::now() }
    }

    /// A request was taken from the queue.
    pub fn dequeued(&self, model: &ModelLabels, queued: Queued) {
        self.queue_duration.get_or_create(model).observe(queued.since.elapsed().as_secs_f64());
    }

    /// A sandbox was started for a model.
    pub fn instance_started(&self, model: &ModelLabels) {
        self.instances.get_or_create(model).inc();
    }

    /// A prediction was computed.
    pub fn predicted(&self, model: &ModelLabels, rows: u64, took: Duration) {
        self.rows.get_or_create(model).inc_by(rows);
        self.predict_duration.get_or_create(model).observe(took.as_secs_f64());
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

/// Counts one waiting request; dropping it ends the wait.
pub struct Queued {
    pending: Gauge<i64>,
    since: std::time::Instant,
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
