//! The threads that compute: one per core, behind a bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use edgewit_core::oip::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Error;
use crate::telemetry::{ModelMetrics, Queued, Stay, Trail};

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs off the asynchronous threads. The threads end when the last handle is dropped and
/// the queue is empty.
#[derive(Clone)]
pub struct Workers {
    /// Without a bound of its own: a job that follows from another must not be refused.
    queue: flume::Sender<Job>,
    /// One for each request that may run or wait.
    places: Arc<Semaphore>,
}

/// Who waits for an answer. Takes a place in the host until it is dropped.
pub(super) struct Caller {
    answer: oneshot::Sender<Result<Body, Error>>,
    queued: Option<Queued>,
    /// What is learned of the request.
    pub(super) trail: Trail,
    _place: OwnedSemaphorePermit,
}

impl Workers {
    /// Starts `threads` threads, behind which `waiting` requests may wait.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(threads: usize, waiting: usize) -> std::io::Result<Workers> {
        let (queue, jobs) = flume::unbounded::<Job>();
        for ix in 0..threads {
            let jobs = jobs.clone();
            std::thread::Builder::new().name(format!("worker-{ix}")).spawn(move || {
                for job in jobs {
                    // A bug of ours must not cost a thread; the caller sees that its answer is gone.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        let places = threads.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Ok(Workers { queue, places: Arc::new(Semaphore::new(places)) })
    }

    /// Runs `job` on a worker and waits until it, or who it leaves the caller to, answers.
    ///
    /// # Errors
    /// [`Error::Busy`] at once when too many wait; what the caller is answered otherwise.
    pub(super) async fn run(
        &self,
        metrics: &ModelMetrics,
        trail: Trail,
        job: impl FnOnce(Caller) + Send + 'static,
    ) -> Result<Body, Error> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let (answer, answered) = oneshot::channel();
        let caller = Caller { answer, queued: Some(metrics.queued()), trail, _place: place };
        self.follow(move || job(caller));
        answered.await.unwrap_or_else(|_| Err(Error::Internal("the worker panicked".into())))
    }

    /// Runs a job that follows from others, after those that wait now.
    pub(super) fn follow(&self, job: impl FnOnce() + Send + 'static) {
        // The receivers live as long as this sender.
        let _ = self.queue.send(Box::new(job));
    }
}

impl Caller {
    /// A caller that came without a host.
    #[cfg(test)]
    pub(super) fn waiting(metrics: &ModelMetrics) -> (Caller, oneshot::Receiver<Result<Body, Error>>) {
        let (answer, answered) = oneshot::channel();
        let places = Arc::new(Semaphore::new(1));
        let place = places.try_acquire_owned().expect("the semaphore has a permit");
        let (queued, trail) = (Some(metrics.queued()), Trail::default());
        (Caller { answer, queued, trail, _place: place }, answered)
    }

    /// Whether nobody waits any more: the connection was closed.
    pub(super) fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    /// How long the caller has waited.
    pub(super) fn waited(&self) -> Duration {
        self.queued.as_ref().map_or(Duration::ZERO, |queued| queued.since().elapsed())
    }

    /// Ends the wait: work for this caller begins.
    pub(super) fn begin(&mut self, metrics: &ModelMetrics) {
        if let Some(queued) = self.queued.take() {
            self.trail.queued(Stay::since(queued.since()));
            metrics.dequeued(queued);
        }
    }

    /// Gives the caller its answer.
    pub(super) fn answer(self, answer: Result<Body, Error>) {
        // The caller may have gone in the meantime.
        let _ = self.answer.send(answer);
    }
}
