//! What is learned of one request on its way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ModelLabels;

/// What is learned of one request, by whoever learns it; told once, when the request has come to its end. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct Trail {
    /// When the request's head was read.
    pub began: Instant,
    notes: Arc<Mutex<Notes>>,
}

/// What is known of a request.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// The model that was found for it.
    pub model: Option<Arc<ModelLabels>>,
    /// Who sent it, by the name that the host knows.
    pub principal: Option<Arc<str>>,
    /// In the queue of the workers, and in a batch.
    pub queue: Option<Stay>,
    /// In the sandbox.
    pub stations: Stations,
}

/// A request's time in the sandbox; empty for one that never reached it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stations {
    /// Starting the sandbox, or taking one that is kept.
    pub instance: Option<Stay>,
    /// The call into it.
    pub predict: Option<Stay>,
}

/// From when to when.
#[derive(Debug, Clone, Copy)]
pub struct Stay {
    /// Its beginning.
    pub from: Instant,
    /// Its end.
    pub to: Instant,
}

impl Stay {
    /// From then to now.
    pub fn since(from: Instant) -> Stay {
        Stay { from, to: Instant::now() }
    }

    /// How long it was.
    pub fn took(self) -> Duration {
        self.to.duration_since(self.from)
    }
}

impl Stations {
    /// From the start of the sandbox to the end of the call.
    pub fn took(self) -> Option<Duration> {
        let from = self.instance.or(self.predict)?.from;
        Some(self.predict.or(self.instance)?.to.duration_since(from))
    }
}

impl Default for Trail {
    fn default() -> Self {
        Trail { began: Instant::now(), notes: Arc::default() }
    }
}

impl Trail {
    /// The model that answers it.
    pub fn model(&self, labels: &Arc<ModelLabels>) {
        self.lock().model = Some(labels.clone());
    }

    /// Who sent it.
    pub fn principal(&self, name: &str) {
        self.lock().principal = Some(name.into());
    }

    /// It waited for a worker.
    pub fn queued(&self, stay: Stay) {
        self.lock().queue = Some(stay);
    }

    /// It was in a sandbox.
    pub fn computed(&self, stations: Stations) {
        self.lock().stations = stations;
    }

    /// What is known so far.
    pub fn notes(&self) -> Notes {
        self.lock().clone()
    }

    /// A poisoned lock only means that a clone panicked elsewhere.
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
