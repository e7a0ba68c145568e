//! Puts records into the store, many at once, and tries again until it takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::record::micros;
use super::{Record, Store, StoreError};
use crate::telemetry::{Loss, RecordMetrics};

/// Rows of one transaction, about.
const BATCH: usize = 1024;
/// Between two attempts, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Between two looks for what is too old.
const HOUR: Duration = Duration::from_secs(3600);

/// What is to be written.
pub enum Entry {
    /// The rows of a request, and whom to tell once they are stored.
    Records(Vec<Record>, Option<oneshot::Sender<()>>),
    /// To be told when everything before is stored.
    Flush(oneshot::Sender<()>),
}

/// The end of the writer's queue that others have. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: flume::Sender<Entry>,
    up: Arc<AtomicBool>,
    metrics: RecordMetrics,
}

impl Writer {
    /// Starts to write what comes; `places` requests may wait.
    pub fn start(store: Store, places: usize, retention: Option<Duration>, metrics: RecordMetrics) -> Writer {
        let (queue, entries) = flume::bounded(places);
        let up = Arc::new(AtomicBool::new(true));
        let writer = Writer { queue, up: up.clone(), metrics: metrics.clone() };
        let writing = Writing { store, up, metrics, retention, forgotten: None };
        tokio::spawn(writing.run(entries));
        writer
    }

    /// Hands records over. There may be no room, as when the store has been down for long: then they are lost, and counted.
    /// While it is down nobody waits to hear that they are stored.
    pub fn write(&self, records: Vec<Record>, stored: Option<oneshot::Sender<()>>) {
        let (count, stored) = (records.len() as u64, stored.filter(|_| self.up.load(Relaxed)));
        if self.queue.try_send(Entry::Records(records, stored)).is_err() {
            let loss = if self.up.load(Relaxed) { Loss::Queue } else { Loss::Store };
            self.metrics.lost(loss, count);
        }
    }

    /// Tells `done` when everything before is stored; drops it if there is no room.
    pub fn flush(&self, done: oneshot::Sender<()>) {
        // The receiver hears that it was dropped.
        drop(self.queue.try_send(Entry::Flush(done)));
    }
}

struct Writing {
    store: Store,
    up: Arc<AtomicBool>,
    metrics: RecordMetrics,
    retention: Option<Duration>,
    forgotten: Option<Instant>,
}

/// What the store is to do.
#[derive(Clone, Copy)]
enum Work<'a> {
    Prepare,
    Insert(&'a [Record]),
}

impl Writing {
    async fn run(mut self, entries: flume::Receiver<Entry>) {
        self.until_done(Work::Prepare, &mut vec![]).await;
        loop {
            self.forget().await;
            let first = match tokio::time::timeout(HOUR, entries.recv_async()).await {
                Ok(Ok(first)) => first,
                Ok(Err(_)) => break,
                Err(_) => continue,
            };
            let (mut records, mut told) = (vec![], vec![]);
            for entry in std::iter::once(first).chain(entries.try_iter()) {
                match entry {
                    Entry::Records(rows, stored) => {
                        records.extend(rows);
                        told.extend(stored);
                    }
                    Entry::Flush(done) => told.push(done),
                }
                if records.len() >= BATCH {
                    break;
                }
            }
            if !records.is_empty() {
                self.until_done(Work::Insert(&records), &mut told).await;
                self.metrics.stored(records.len() as u64);
            }
            // Whoever does not wait any more need not hear it.
            told.into_iter().for_each(|stored| _ = stored.send(()));
        }
        self.store.close().await;
    }

    /// Tries until it is done. Once it fails, those who wait to hear of it are let go.
    async fn until_done(&self, work: Work<'_>, waiting: &mut Vec<oneshot::Sender<()>>) {
        let mut pause = PAUSES.0;
        while let Err(error) = self.attempt(work).await {
            if self.up.swap(false, Relaxed) {
                tracing::error!("records cannot be stored, and wait: {error}");
            }
            self.metrics.up(false);
            waiting.clear();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        if !self.up.swap(true, Relaxed) {
            tracing::info!("records are stored again");
        }
        self.metrics.up(true);
    }

    async fn attempt(&self, work: Work<'_>) -> Result<(), StoreError> {
        match work {
            Work::Prepare => self.store.prepare().await,
            Work::Insert(records) => self.store.insert(records).await,
        }
    }

    /// Deletes what is too old, once an hour.
    async fn forget(&mut self) {
        let Some(retention) = self.retention else { return };
        if self.forgotten.is_some_and(|last| last.elapsed() < HOUR) {
            return;
        }
        self.forgotten = Some(Instant::now());
        let before = SystemTime::now().checked_sub(retention).map_or(0, micros);
        match self.store.forget(before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "deleted records that were too old"),
            Err(error) => tracing::warn!("records that are too old could not be deleted: {error}"),
        }
    }
}
