//! Every metric of the host, by name.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::access::AccessMetrics;
use super::connections::ConnectionMetrics;
use super::exposition::{self, Exposition};
use super::model::{BatchMetrics, CacheMetrics, Durations, Failed, FailureLabels, ModelMetrics};
use super::records::{RecordMetrics, WatchMetrics};
use super::triton::{Served, Triton};

/// Which model a metric is about. Both empty: the request named no model that exists; what it
/// did name is the client's text and does not become a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct ModelLabels {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    arch: &'static str,
    os: &'static str,
}

/// The counters of one host.
pub struct Telemetry {
    registry: Registry,
    requests: Family<ModelLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    rows: Family<ModelLabels, Counter>,
    instances: Family<ModelLabels, Counter>,
    pending: Family<ModelLabels, Gauge>,
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
    access: AccessMetrics,
    /// What is counted of connections.
    pub connections: ConnectionMetrics,
    /// What is counted of records.
    pub records: RecordMetrics,
    /// What is known of models from them.
    pub watch: WatchMetrics,
    served: Served,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry::new()
    }
}

impl Telemetry {
    /// All at zero.
    pub fn new() -> Telemetry {
        let durations =
            || Family::<ModelLabels, Durations>::new_with_constructor(|| Durations::new(buckets()));
        let mut telemetry = Telemetry {
            registry: Registry::default(),
            requests: Family::default(),
            failures: Family::default(),
            rows: Family::default(),
            instances: Family::default(),
            pending: Family::default(),
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
            access: AccessMetrics::default(),
            connections: ConnectionMetrics::default(),
            records: RecordMetrics::default(),
            watch: WatchMetrics::default(),
            served: Arc::new(Mutex::default()),
        };
        let mut registry = Registry::default();
        telemetry.register_ours(registry.sub_registry_with_prefix("edgewit"));
        telemetry.watch.register(registry.sub_registry_with_prefix("ml"));
        registry.register_collector(Box::new(Triton(telemetry.served.clone())));
        #[cfg(target_os = "linux")]
        registry.register_collector(Box::new(super::process::Process::started_now()));
        telemetry.registry = registry;
        telemetry
    }

    fn register_ours(&self, to: &mut Registry) {
        to.register("requests", "Prediction requests, answered or refused", self.requests.clone());
        to.register("failures", "Prediction requests that failed, by reason", self.failures.clone());
        to.register("rows", "Rows predicted", self.rows.clone());
        to.register("instances_started", "Sandboxes started", self.instances.clone());
        to.register("pending_requests", "Requests waiting for a worker", self.pending.clone());
        let seconds = |to: &mut Registry, name: &str, help: &str, metric: &Family<ModelLabels, Durations>| {
            to.register_with_unit(name, help, Unit::Seconds, metric.clone());
        };
        seconds(to, "request_duration", "From the request's head to its answer", &self.request_duration);
        let help = "Waiting for a worker and for others of a batch";
        seconds(to, "queue_duration", help, &self.queue_duration);
        seconds(to, "predict_duration", "In the sandbox, starting it included", &self.predict_duration);
        let help = "From the head of a request that failed to its answer";
        seconds(to, "failure_duration", help, &self.failure_duration);
        to.register("batch_size", "Rows of a batch of requests", self.batch_size.clone());
        let help = "Batches that failed, after which each request was predicted alone";
        to.register("batch_failures", help, self.batch_failures.clone());
        let help = "Requests answered from the response cache";
        to.register("response_cache_hits", help, self.cache_hits.clone());
        let help = "Requests that the response cache could not answer";
        to.register("response_cache_misses", help, self.cache_misses.clone());
        let help = "Outputs dropped from the response cache for lack of room";
        to.register("response_cache_evictions", help, self.cache_evictions.clone());
        let help = "Memory of the outputs in the response cache";
        to.register_with_unit("response_cache_size", help, Unit::Bytes, self.cache_bytes.clone());
        to.register("models_loaded", "Model versions that are ready", self.models.clone());
        self.access.register(to);
        self.connections.register(to);
        self.records.register(to);
        let build = BuildLabels {
            version: env!("CARGO_PKG_VERSION"),
            arch: std::env::consts::ARCH,
            os: std::env::consts::OS,
        };
        to.register("build", "The version of Edgewit, and what it was built for", Info::new(build));
    }

    /// Counts the lines that the log had no room for.
    pub fn watch_log(&mut self, log: &super::Log) {
        let help = "Lines that were not written because the log could not be written as fast";
        let dropped = log.dropped();
        self.registry.sub_registry_with_prefix("edgewit").register("log_lines_dropped", help, dropped);
    }

    /// The counters of one model version.
    pub fn model(&self, labels: &ModelLabels) -> ModelMetrics {
        let metrics = || ModelMetrics {
            requests: self.requests.get_or_create_owned(labels),
            failures: self.failures.clone(),
            failed: Failed::default(),
            rows: self.rows.get_or_create_owned(labels),
            instances: self.instances.get_or_create_owned(labels),
            pending: self.pending.get_or_create_owned(labels),
            request_duration: self.request_duration.get_or_create_owned(labels),
            queue_duration: self.queue_duration.get_or_create_owned(labels),
            predict_duration: self.predict_duration.get_or_create_owned(labels),
            failure_duration: self.failure_duration.get_or_create_owned(labels),
            labels: labels.clone(),
        };
        if *labels == ModelLabels::default() {
            return metrics();
        }
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.entry(labels.clone()).or_insert_with(|| (metrics(), None)).0.clone()
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
        let metrics = CacheMetrics {
            hits: self.cache_hits.get_or_create_owned(labels),
            misses: self.cache_misses.get_or_create_owned(labels),
        };
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cache)) = served.get_mut(labels) {
            *cache = Some(metrics.clone());
        }
        metrics
    }

    /// The counters of who is let in.
    pub fn access(&self) -> AccessMetrics {
        self.access.clone()
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

    /// So many model versions are ready.
    pub fn models_loaded(&self, count: usize) {
        self.models.set(count as i64);
    }

    /// All metrics as text.
    pub fn encode(&self, exposition: Exposition) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        match exposition {
            Exposition::OpenMetrics => text,
            Exposition::Prometheus => exposition::prometheus(&text),
        }
    }
}

/// From 20 µs, a fresh sandbox for a small model, to 10 s, the default deadline; each at most 1.7 times the one
/// before, so that a quantile read from them, p99.9 as well as p50, is off by a third at worst.
fn buckets() -> impl Iterator<Item = f64> {
    let steps = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];
    let decades = [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];
    let all = decades.into_iter().flat_map(move |decade| steps.map(|step| rounded(step * decade)));
    all.filter(|bound| (20e-6..=10.0).contains(bound))
}

/// Without the last digits that a product of floats has too many: a bound is a label.
fn rounded(bound: f64) -> f64 {
    (bound * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_reach_from_a_fresh_sandbox_to_the_deadline_in_small_steps() {
        let bounds = buckets().collect::<Vec<_>>();
        assert_eq!((bounds[0], bounds[bounds.len() - 1]), (20e-6, 10.0));
        assert!(bounds.is_sorted() && bounds.windows(2).all(|pair| pair[1] / pair[0] < 1.7), "{bounds:?}");
        assert!(bounds.iter().all(|bound| bound.to_string().len() < 8), "{bounds:?}");
    }
}
