//! The threads that compute: one per core, behind a bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Error;
use crate::telemetry::{ModelLabels, Telemetry};

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs off the asynchronous threads. The threads end when the last handle is dropped and
/// the queue is empty.
#[derive(Clone)]
pub struct Workers {
    queue: flume::Sender<Job>,
    telemetry: Arc<Telemetry>,
}

impl Workers {
    /// Starts `threads` threads behind a queue of `capacity` jobs.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(threads: usize, capacity: usize, telemetry: Arc<Telemetry>) -> std::io::Result<Workers> {
        let (queue, jobs) = flume::bounded::<Job>(capacity);
        for ix in 0..threads {
            let jobs = jobs.clone();
            std::thread::Builder::new().name(format!("worker-{ix}")).spawn(move || {
                for job in jobs {
                    // A bug of ours must not cost a thread; the caller sees that its answer is gone.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Workers { queue, telemetry })
    }

    /// Runs `job` on a worker and waits for its result. A job whose caller has gone is skipped.
    ///
    /// # Errors
    /// [`Error::Busy`] at once when the queue is full; what `job` returns otherwise.
    pub async fn run<T: Send + 'static>(
        &self,
        model: ModelLabels,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let queued = self.telemetry.queued();
        let telemetry = self.telemetry.clone();
        let job: Job = Box::new(move || {
            telemetry.dequeued(&model, queued);
            if !answer.is_closed() {
                // The caller may still go while the job runs.
                let _ = answer.send(job());
            }
        });
        self.queue.try_send(job).map_err(|_| Error::Busy)?;
        answered.await.unwrap_or_else(|_| Err(Error::Internal("the worker panicked".into())))
    }
}
