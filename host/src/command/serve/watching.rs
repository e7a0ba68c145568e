//! What becomes of answers: records in the store, windows against baselines, metrics of both.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::config::ServeConfig;
use crate::http::{Records, Watch};
use crate::monitor::{Monitor, Performance, Recorder};
use crate::records::{Store, Writer};
use crate::serving::{Observer, Registry};
use crate::telemetry::Telemetry;

/// Answers that may wait to be watched.
const PLACES: usize = 10_000;
/// How long an answer waits to be stored.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks whether there is room in a queue.
const PAUSE: Duration = Duration::from_millis(20);

/// What is to be ended with the host.
pub(super) struct Watching {
    observer: Observer,
    metrics: JoinHandle<()>,
}

/// Begins to watch.
pub(super) fn start(
    config: &ServeConfig,
    telemetry: &Arc<Telemetry>,
    registry: &Arc<Registry>,
) -> Result<(Watch, Watching)> {
    let monitor = Monitor::new(config.monitor.clone(), telemetry.clone());
    let counted = telemetry.records.clone();
    let (mut recorder, mut records) = (None, None);
    if let Some(config) = &config.records {
        let (store, recording) = (Store::new(&config.store)?, config.recording.clone());
        let writer = Writer::start(store.clone(), config.queue, config.retention, counted.clone());
        let performance = Performance::new(store.clone(), config.quality, telemetry.clone());
        records = Some(Records { store, recording: recording.clone(), performance });
        recorder = Some(Recorder { writer, recording });
    }
    let confirm = config.records.as_ref().is_some_and(|records| records.confirm);
    let places = config.records.as_ref().map_or(PLACES, |records| records.queue);
    let (observer, observed) = Observer::new(places, recorder.is_some(), confirm, counted);
    monitor.start(observed, recorder)?;
    let performance = records.as_ref().map(|records| records.performance.clone());
    let metrics = tokio::spawn(monitor.clone().keep_metrics(registry.clone(), performance));
    let watch = Watch { observer: observer.clone(), monitor, records, patience: PATIENCE };
    Ok((watch, Watching { observer, metrics }))
}

impl Watching {
    /// Waits until what was answered is stored, for at most so long.
    pub(super) async fn finish(self, most: Duration) {
        self.metrics.abort();
        let flushed = async {
            while !self.observer.flush().await {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(most, flushed).await.is_err() {
            tracing::error!("some records could not be stored before the end");
        }
    }
}
