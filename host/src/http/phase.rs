//! How far the host is between start and stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

/// Starting, serving, draining; never back. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Phase(Arc<AtomicU8>);

impl Phase {
    /// Every model has been loaded or has failed.
    pub fn started(&self) {
        self.0.fetch_max(SERVING, Relaxed);
    }

    /// The host was told to stop: it finishes what it has, and more is to go elsewhere.
    pub fn drain(&self) {
        self.0.fetch_max(DRAINING, Relaxed);
    }

    /// Whether it is past starting.
    pub fn has_started(&self) -> bool {
        self.0.load(Relaxed) > STARTING
    }

    /// Whether it is about to stop.
    pub fn is_draining(&self) -> bool {
        self.0.load(Relaxed) == DRAINING
    }
}
