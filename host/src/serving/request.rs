//! One request on the workers: read, looked up in the response cache, predicted alone or in a
//! batch, answered.

use std::sync::Arc;
use std::time::Duration;

use edgewit_core::Tensor;
use edgewit_core::oip::Body;
use tokio::runtime::Handle;

use super::batch::Batcher;
use super::response_cache::Key;
use super::watch::{Made, Sample, Watch};
use super::workers::Caller;
use super::{Deployment, Error, Workers};
use crate::telemetry::{Stations, Trail};

/// What a request asks of a model.
#[derive(Clone)]
pub struct Question {
    /// The model's inputs, checked. Whoever watches shares them.
    pub inputs: Arc<Vec<Tensor>>,
    /// The outputs that are asked for; none is all.
    pub outputs: Option<Vec<String>>,
}

/// Makes the answer's body of the outputs.
pub type Answer = Box<dyn FnOnce(&Deployment, &[Tensor]) -> Result<Body, Error> + Send>;

/// Answers one request. All that computes, `read` and its [`Answer`] included, runs on a worker.
///
/// # Errors
/// [`Error::Busy`] at once when too many wait; what `read`, the model or the answer fails with.
pub async fn ask(
    workers: &Workers,
    deployment: Arc<Deployment>,
    trail: Trail,
    read: impl FnOnce(&Deployment) -> Result<(Question, Answer), Error> + Send + 'static,
) -> Result<Body, Error> {
    let (followers, timer) = (workers.clone(), Handle::current());
    let asked = deployment.clone();
    workers
        .run(&asked.metrics, trail, move |mut caller| {
            // In a batch the wait goes on until the batch is predicted.
            if caller.is_gone() || deployment.batcher().is_none() {
                caller.begin(&deployment.metrics);
            }
            if caller.is_gone() {
                return;
            }
            match read(&deployment) {
                Ok((question, answer)) => {
                    let seen = deployment.watched().map(|watch| Seen::new(watch, &question));
                    let request = Request { question, answer, caller, key: None, seen };
                    request.look_up(&deployment, &followers, &timer);
                }
                Err(error) => {
                    caller.begin(&deployment.metrics);
                    caller.answer(Err(error));
                }
            }
        })
        .await
}

/// A request that was read.
pub(super) struct Request {
    pub(super) question: Question,
    pub(super) answer: Answer,
    pub(super) caller: Caller,
    /// Where its outputs are to be kept.
    pub(super) key: Option<Key>,
    /// Who else wants to see what becomes of it.
    pub(super) seen: Option<Seen>,
}

/// A request that is watched.
pub(super) struct Seen {
    watch: Watch,
    /// What is asked, where that is wanted.
    question: Option<Question>,
    took: Option<Duration>,
    shared: bool,
}

impl Seen {
    fn new(watch: Watch, question: &Question) -> Seen {
        let question = watch.copies.then(|| question.clone());
        Seen { watch, question, took: None, shared: false }
    }

    fn tell(self, version: &str, outputs: &Result<Vec<Tensor>, Error>) {
        let made = self.question.zip(outputs.as_ref().ok()).map(|(question, outputs)| Made {
            inputs: question.inputs,
            requested: question.outputs,
            outputs: outputs.clone(),
        });
        let failed = outputs.as_ref().is_err_and(Error::is_the_models);
        let (version, took, shared) = (version.into(), self.took, self.shared);
        // A full queue is no reason to wait.
        let _ = self.watch.to.try_send(Sample { version, took, shared, failed, made });
    }
}

impl Request {
    fn look_up(mut self, deployment: &Arc<Deployment>, workers: &Workers, timer: &Handle) {
        if let Some(cache) = deployment.cache() {
            let key = cache.key(&deployment.metadata, &self.question);
            if let Some(outputs) = cache.get(&key) {
                self.caller.begin(&deployment.metrics);
                return self.caller.answer((self.answer)(deployment, &outputs));
            }
            self.key = Some(key);
        }
        match deployment.batcher() {
            Some(batcher) if batcher.takes(&self.question) => {
                self.join(deployment, batcher, workers, timer);
            }
            _ => self.alone(deployment),
        }
    }

    /// Joins a batch, and sees to it that the batch is predicted: now, once those that wait at the
    /// moment have had the chance to join, or when the first has waited long enough.
    fn join(self, deployment: &Arc<Deployment>, batcher: &Batcher, workers: &Workers, timer: &Handle) {
        let wait = batcher.max_delay.saturating_sub(self.caller.waited());
        let joined = batcher.add(self);
        if let Some(number) = joined.opened {
            let (owner, followers) = (deployment.clone(), workers.clone());
            let due = move || {
                if let Some(batch) = owner.batcher().and_then(|batcher| batcher.take(number)) {
                    batch.predict(&owner, &followers);
                }
            };
            if wait.is_zero() {
                workers.follow(due);
            } else {
                let workers = workers.clone();
                timer.spawn(async move {
                    tokio::time::sleep(wait).await;
                    workers.follow(due);
                });
            }
        }
        if let Some(batch) = joined.full {
            batch.predict(deployment, workers);
        }
    }

    /// Predicts this request by itself.
    pub(super) fn alone(mut self, deployment: &Deployment) {
        self.caller.begin(&deployment.metrics);
        if self.caller.is_gone() {
            return;
        }
        let Question { inputs, outputs } = &self.question;
        let mut stations = Stations::default();
        let outputs = deployment.predict(inputs, outputs.as_deref(), &mut stations);
        self.computed(stations, false);
        self.finish(deployment, outputs);
    }

    /// Notes when it was predicted, with others or alone.
    pub(super) fn computed(&mut self, stations: Stations, shared: bool) {
        self.caller.trail.computed(stations);
        if let Some(seen) = &mut self.seen {
            (seen.took, seen.shared) = (stations.took(), shared);
        }
    }

    /// Answers with the outputs, and keeps them where that is wanted. Failures are not kept.
    pub(super) fn finish(self, deployment: &Deployment, outputs: Result<Vec<Tensor>, Error>) {
        if let Some(seen) = self.seen {
            seen.tell(&deployment.labels.version, &outputs);
        }
        let answer = outputs.and_then(|outputs| {
            let body = (self.answer)(deployment, &outputs)?;
            if let (Some(cache), Some(key)) = (deployment.cache(), self.key) {
                cache.insert(key, outputs);
            }
            Ok(body)
        });
        self.caller.answer(answer);
    }
}
