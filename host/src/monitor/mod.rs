//! What is known of models in use: whether their data have drifted, and how often they are right.
//!
//! Answers come through the [`Observer`](crate::serving::Observer)'s queue to one thread, which takes them into the windows of
//! their deployment and hands their records to the [`Writer`]. Every some seconds the measures become metrics.

mod performance;
mod watched;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgewit_core::ModelMetadata;
use edgewit_statistics::drift::Limits;
use serde_json::{Map, Value};

pub use performance::{Performance, VersionPerformance};
pub use watched::{DriftReport, Watched};

use crate::records::{Reading, Recording, Writer};
use crate::serving::{Deployment, Observation, Observed, Registry};
use crate::telemetry::{Loss, ModelLabels, Telemetry};

/// How models are watched.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorConfig {
    /// Rows of a window.
    pub window: usize,
    /// From when on a difference is a drift.
    pub limits: Limits,
    /// Between two updates of the metrics.
    pub interval: Duration,
}

/// The windows of all deployments.
pub struct Monitor {
    config: MonitorConfig,
    watched: Mutex<HashMap<ModelLabels, Watched>>,
    telemetry: Arc<Telemetry>,
}

/// Where records go, and what they hold.
pub struct Recorder {
    /// Where to.
    pub writer: Writer,
    /// What.
    pub recording: Arc<Recording>,
}

impl Monitor {
    /// Without a row yet.
    pub fn new(config: MonitorConfig, telemetry: Arc<Telemetry>) -> Arc<Monitor> {
        Arc::new(Monitor { config, watched: Mutex::default(), telemetry })
    }

    /// Takes what comes through the queue, in a thread of its own, until all observers are dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        self: &Arc<Monitor>,
        observed: flume::Receiver<Observed>,
        recorder: Option<Recorder>,
    ) -> std::io::Result<()> {
        let monitor = self.clone();
        let run = move || {
            for observed in observed {
                match (observed, &recorder) {
                    (Observed::Answer(observation), _) => monitor.take(*observation, recorder.as_ref()),
                    (Observed::Flush(done), Some(recorder)) => recorder.writer.flush(done),
                    // Whoever does not wait any more need not hear it.
                    (Observed::Flush(done), None) => _ = done.send(()),
                }
            }
        };
        std::thread::Builder::new().name("monitor".into()).spawn(run).map(drop)
    }

    fn take(&self, mut observation: Observation, recorder: Option<&Recorder>) {
        let deployment = observation.deployment.clone();
        let Ok(schema) = deployment.row_schema() else { return };
        // The request has mostly ended by now, and nobody else has them.
        let inputs = Arc::unwrap_or_clone(std::mem::take(&mut observation.inputs));
        let rows = rows(&deployment.metadata, inputs, &observation.passthrough);
        let outputs = std::mem::take(&mut observation.outputs);
        let Ok(reading) = Reading::new(schema, &rows, &outputs) else {
            return self.telemetry.records.lost(Loss::Unreadable, rows.len() as u64);
        };
        if let Some(baseline) = &deployment.baseline {
            let mut all = self.lock();
            let watched = all.entry((*deployment.labels).clone());
            let watched = watched.or_insert_with(|| Watched::new(baseline, schema, self.config.window));
            if !watched.is_of(baseline) {
                *watched = Watched::new(baseline, schema, self.config.window);
            }
            reading.rows().for_each(|row| watched.push(&row));
        }
        if let Some(Recorder { writer, recording }) = recorder
            && recording.takes(&observation.request_id)
        {
            writer.write(recording.records(&observation, &reading), observation.stored);
        }
    }

    /// How far a deployment's data are from its baseline; `None` where it has none.
    pub fn drift(&self, deployment: &Deployment) -> Option<DriftReport> {
        let baseline = deployment.baseline.as_ref()?;
        let schema = deployment.row_schema().ok()?;
        // Compared without the lock: that takes a while, and rows go on coming.
        let found = self.lock().get(&deployment.labels).filter(|watched| watched.is_of(baseline)).cloned();
        let watched = found.unwrap_or_else(|| Watched::new(baseline, schema, self.config.window));
        let report = watched.report(&deployment.metadata.version, &self.config.limits);
        let metrics = &self.telemetry.watch;
        for drift in &report.features {
            metrics.drift(&deployment.labels, &drift.name, drift.psi.unwrap_or(0.0));
        }
        metrics.drifted(&deployment.labels, report.drifted.len());
        Some(report)
    }

    /// Brings the metrics up to date every some seconds, for as long as it is polled.
    pub async fn keep_metrics(self: Arc<Monitor>, registry: Arc<Registry>, performance: Option<Performance>) {
        let mut turns = tokio::time::interval(self.config.interval);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let deployments = registry.deployments();
            let labels =
                deployments.iter().map(|deployment| (*deployment.labels).clone()).collect::<Vec<_>>();
            self.lock().retain(|of, _| labels.contains(of));
            let monitor = self.clone();
            let compared = tokio::task::spawn_blocking(move || {
                for deployment in &deployments {
                    monitor.drift(deployment);
                }
            });
            // A comparison that panicked was logged.
            drop(compared.await);
            if let Some(performance) = &performance {
                let mut models = labels.into_iter().map(|labels| labels.model).collect::<Vec<_>>();
                models.dedup();
                for model in models {
                    if let Err(error) = performance.versions(&model, None).await {
                        tracing::debug!("the measures of quality are not up to date: {error}");
                    }
                }
            }
        }
    }

    /// A poisoned lock only means that a push panicked elsewhere.
    fn lock(&self) -> MutexGuard<'_, HashMap<ModelLabels, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of a request as their schema has them; an inference request is in any order, and repeats nothing.
fn rows(
    model: &ModelMetadata,
    mut inputs: Vec<edgewit_core::Tensor>,
    passthrough: &[Map<String, Value>],
) -> edgewit_core::rows::Rows {
    inputs.sort_by_key(|tensor| model.inputs.iter().position(|input| input.name == tensor.name));
    let count = inputs.first().and_then(edgewit_core::Tensor::rows).unwrap_or(1) as usize;
    let passthrough = if passthrough.is_empty() { vec![Map::new(); count] } else { passthrough.to_vec() };
    edgewit_core::rows::Rows { inputs, passthrough, batched: true }
}
