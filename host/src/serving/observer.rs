//! Answers, handed on to whoever records and watches them. Nothing waits for that: a queue that is full loses one, and
//! counts it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use edgewit_core::Tensor;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::Deployment;
use crate::telemetry::{Loss, RecordMetrics};

/// A request that was answered.
pub struct Observation {
    /// Who answered.
    pub deployment: Arc<Deployment>,
    /// The request's id.
    pub request_id: Arc<str>,
    /// When it was answered.
    pub time: SystemTime,
    /// From its head to the answer.
    pub took: Duration,
    /// What the model was given.
    pub inputs: Arc<Vec<Tensor>>,
    /// What it gave.
    pub outputs: Vec<Tensor>,
    /// For each row, the fields that the answer repeats; none where the request had no rows.
    pub passthrough: Vec<Map<String, Value>>,
    /// Whom to tell once it is stored; dropped if it never is.
    pub stored: Option<oneshot::Sender<()>>,
}

/// What comes through the queue.
pub enum Observed {
    /// An answer.
    Answer(Box<Observation>),
    /// Everything that was observed before is to be stored and watched; then this is told.
    Flush(oneshot::Sender<()>),
}

/// Where observations go. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    queue: flume::Sender<Observed>,
    metrics: RecordMetrics,
    /// Whether answers of every model are wanted, not only of those that have a baseline.
    pub all: bool,
    /// Whether an answer is given only when it is stored.
    pub confirm: bool,
}

impl Observer {
    /// An observer and the other end of its queue, which holds so many.
    pub fn new(
        places: usize,
        all: bool,
        confirm: bool,
        metrics: RecordMetrics,
    ) -> (Observer, flume::Receiver<Observed>) {
        let (queue, observed) = flume::bounded(places);
        (Observer { queue, metrics, all, confirm }, observed)
    }

    /// Begins to observe a request, if its deployment is watched. Where answers are confirmed, the receiver hears of it.
    pub fn begin(
        &self,
        deployment: &Arc<Deployment>,
        request_id: &str,
        began: Instant,
    ) -> Option<(Observing, Option<oneshot::Receiver<()>>)> {
        if !self.all && deployment.baseline.is_none() {
            return None;
        }
        let (stored, receiver) = match self.confirm && self.all {
            true => Some(oneshot::channel()).unzip(),
            false => (None, None),
        };
        let (observer, deployment, request_id) = (self.clone(), deployment.clone(), request_id.into());
        Some((
            Observing { observer, deployment, request_id, began, inputs: Arc::default(), stored },
            receiver,
        ))
    }

    /// Waits until everything that was observed so far is stored and watched. False when there is no room to ask that.
    pub async fn flush(&self) -> bool {
        let (done, flushed) = oneshot::channel();
        // Without a receiver there is nothing to wait for.
        self.queue.send_async(Observed::Flush(done)).await.is_err() || flushed.await.is_ok()
    }
}

/// A request that is observed.
pub struct Observing {
    observer: Observer,
    deployment: Arc<Deployment>,
    request_id: Arc<str>,
    began: Instant,
    inputs: Arc<Vec<Tensor>>,
    stored: Option<oneshot::Sender<()>>,
}

impl Observing {
    /// Keeps what the model is given.
    pub fn given(&mut self, inputs: &Arc<Vec<Tensor>>) {
        self.inputs = inputs.clone();
    }

    /// Hands the answer on.
    pub fn answered(self, outputs: &[Tensor], passthrough: Vec<Map<String, Value>>) {
        let Observing { observer, deployment, request_id, began, inputs, stored } = self;
        let (time, took, outputs) = (SystemTime::now(), began.elapsed(), outputs.to_vec());
        let observation =
            Observation { deployment, request_id, time, took, inputs, outputs, passthrough, stored };
        if observer.queue.try_send(Observed::Answer(Box::new(observation))).is_err() {
            observer.metrics.lost(Loss::Queue, 1);
        }
    }
}
