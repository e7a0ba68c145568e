//! What is counted of one model version.

use std::fmt;
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::ModelLabels;

/// A failure of a model's request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FailureLabels {
    pub(super) model: String,
    pub(super) version: String,
    pub(super) reason: &'static str,
}

/// What is counted of one model version. Looked up once: each family is behind a lock and a hash
/// of the labels, and a request counts in five of them.
#[derive(Debug, Clone)]
pub struct ModelMetrics {
    pub(super) labels: ModelLabels,
    pub(super) requests: Counter,
    pub(super) failures: Family<FailureLabels, Counter>,
    pub(super) failed: Failed,
    pub(super) rows: Counter,
    pub(super) instances: Counter,
    pub(super) pending: Gauge,
    pub(super) request_duration: Durations,
    pub(super) queue_duration: Durations,
    pub(super) predict_duration: Durations,
    pub(super) failure_duration: Durations,
}

/// What was counted so far, for whoever shows it in another form than `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests, answered or refused.
    pub requests: u64,
    /// Those that failed.
    pub failures: u64,
    /// The same by who is at fault.
    pub failures_by: Failures,
    /// Rows predicted.
    pub rows: u64,
    /// Predictions: a batch of requests is one.
    pub predictions: u64,
    /// Requests that wait for a worker now.
    pub pending: u64,
    /// From head to answer, of all requests together.
    pub request: Duration,
    /// The same of those that failed.
    pub failure: Duration,
    /// Waiting, of all requests together.
    pub queue: Duration,
    /// In sandboxes, of all predictions together.
    pub predict: Duration,
}

/// Failures by who is at fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// The queue was full.
    pub busy: u64,
    /// The model failed, or its sandbox was stopped.
    pub model: u64,
    /// Everything else, the client's mistakes among it.
    pub other: u64,
}

/// [`Failures`] as they are counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Failed {
    busy: Counter,
    model: Counter,
    other: Counter,
}

impl Failed {
    fn of(&self, reason: &str) -> &Counter {
        match reason {
            "busy" => &self.busy,
            "execution" | "trap" | "deadline" | "memory" => &self.model,
            _ => &self.other,
        }
    }
}

/// A histogram, and its sum and count: a histogram shows those in its text only.
#[derive(Debug, Clone)]
pub(super) struct Durations {
    histogram: Histogram,
    nanoseconds: Counter,
    count: Counter,
}

impl Durations {
    pub(super) fn new(buckets: impl Iterator<Item = f64>) -> Durations {
        Durations {
            histogram: Histogram::new(buckets),
            nanoseconds: Counter::default(),
            count: Counter::default(),
        }
    }

    fn observe(&self, took: Duration) {
        self.histogram.observe(took.as_secs_f64());
        self.nanoseconds.inc_by(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.count.inc();
    }

    fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.get())
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, encoder: MetricEncoder) -> fmt::Result {
        self.histogram.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl ModelMetrics {
    /// A request waits for a worker until the guard is dropped.
    pub fn queued(&self) -> Queued {
        self.pending.inc();
        Queued { pending: self.pending.clone(), since: Instant::now() }
    }

    /// A request was taken from the queue.
    pub fn dequeued(&self, queued: Queued) {
        self.queue_duration.observe(queued.since.elapsed());
    }

    /// A request has come to its end.
    pub fn request(&self, took: Duration, failure: Option<&'static str>) {
        self.requests.inc();
        self.request_duration.observe(took);
        if let Some(reason) = failure {
            self.failure_duration.observe(took);
            let ModelLabels { model, version } = self.labels.clone();
            self.failures.get_or_create(&FailureLabels { model, version, reason }).inc();
            self.failed.of(reason).inc();
        }
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

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let Failed { busy, model, other } = &self.failed;
        Totals {
            requests: self.request_duration.count.get(),
            failures: self.failure_duration.count.get(),
            failures_by: Failures { busy: busy.get(), model: model.get(), other: other.get() },
            rows: self.rows.get(),
            predictions: self.predict_duration.count.get(),
            pending: u64::try_from(self.pending.get()).unwrap_or(0),
            request: self.request_duration.total(),
            failure: self.failure_duration.total(),
            queue: self.queue_duration.total(),
            predict: self.predict_duration.total(),
        }
    }
}

/// What is counted of the batches of one model version.
pub struct BatchMetrics {
    pub(super) size: Histogram,
    pub(super) failures: Counter,
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
#[derive(Debug, Clone)]
pub struct CacheMetrics {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
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
    pending: Gauge,
    since: Instant,
}

impl Queued {
    /// When the wait began.
    pub fn since(&self) -> Instant {
        self.since
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.pending.dec();
    }
}
