//! The metrics of a model under the names that Triton gives them, so that its dashboards and autoscalers work here.
//!
//! They are made at a scrape of what [`ModelMetrics`] has counted. OpenMetrics gives every counter the suffix
//! `_total`, which Triton's names lack, so they are of no type; a query takes their rate all the same.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::ModelLabels;
use super::model::{CacheMetrics, ModelMetrics, Totals};

/// Every model version that was ever taken into service, and its cache where it has one.
pub(super) type Served = Arc<Mutex<BTreeMap<ModelLabels, (ModelMetrics, Option<CacheMetrics>)>>>;

/// Writes them.
#[derive(Debug)]
pub(super) struct Triton(pub(super) Served);

/// A metric's name, its description, and its value.
type Line = (&'static str, &'static str, fn(&Totals) -> u64);

const LINES: [Line; 7] = [
    ("nv_inference_request_success", "Prediction requests that were answered", |all| {
        all.requests.saturating_sub(all.failures)
    }),
    ("nv_inference_count", "Rows predicted", |all| all.rows),
    ("nv_inference_exec_count", "Predictions, a batch of requests being one", |all| all.predictions),
    ("nv_inference_pending_request_count", "Requests waiting for a worker", |all| all.pending),
    ("nv_inference_request_duration_us", "From the request's head to its answer, of all requests", |all| {
        micros(all.request)
    }),
    ("nv_inference_queue_duration_us", "Waiting for a worker, of all requests", |all| micros(all.queue)),
    ("nv_inference_compute_infer_duration_us", "In sandboxes, of all predictions", |all| micros(all.predict)),
];

impl Collector for Triton {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let served = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let totals =
            served.iter().map(|(labels, (metrics, _))| (labels, metrics.totals())).collect::<Vec<_>>();
        for (name, help, value) in LINES {
            let samples = totals.iter().map(|(labels, totals)| ((*labels).clone(), value(totals)));
            write(&mut encoder, name, help, samples)?;
        }
        let failures = totals.iter().flat_map(|(labels, totals)| {
            let failures = totals.failures_by;
            let by = [("REJECTED", failures.busy), ("BACKEND", failures.model), ("OTHER", failures.other)];
            by.map(|(reason, value)| (((*labels).clone(), [("reason", reason)]), value))
        });
        write(&mut encoder, "nv_inference_request_failure", "Prediction requests that failed", failures)?;
        type Asked = fn(&CacheMetrics) -> u64;
        let cached: [(&str, &str, Asked); 2] = [
            ("nv_cache_num_hits_per_model", "Requests answered from the response cache", |cache| {
                cache.hits_and_misses().0
            }),
            ("nv_cache_num_misses_per_model", "Requests that the response cache could not answer", |cache| {
                cache.hits_and_misses().1
            }),
        ];
        for (name, help, value) in cached {
            let cached = served
                .iter()
                .filter_map(|(labels, (_, cache))| Some((labels.clone(), value(cache.as_ref()?))));
            write(&mut encoder, name, help, cached)?;
        }
        Ok(())
    }
}

fn write<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (L, u64)>,
) -> fmt::Result {
    // A family without samples is left out.
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Unknown)?;
    for (labels, value) in samples {
        let value = ConstGauge::new(value);
        value.encode(encoder.encode_family(&labels)?)?;
    }
    Ok(())
}

fn micros(total: Duration) -> u64 {
    u64::try_from(total.as_micros()).unwrap_or(u64::MAX)
}
