//! What others see of releases, and change: how far this host is with each model, and the wanted state in the store.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::follower::Event;
use super::history::{self, ReleaseError};
use super::{Refused, Release};
use crate::store::{Publication, Store, StoreError, Verifier};

/// How long a change waits for this host to follow.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far a host is with a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// What is wanted, as far as this host knows.
    #[serde(flatten)]
    pub release: Release,
    /// The version that answers here.
    pub serving: Option<String>,
    /// Versions that are loaded here.
    pub loaded: Vec<String>,
    /// What was seen here of the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Versions that cannot be loaded here, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, String>,
}

/// The releases of the models that a host follows. Cheap to clone.
#[derive(Clone)]
pub struct Releases {
    store: Store,
    events: Sender<Event>,
    seen: Arc<(Mutex<BTreeMap<String, Status>>, Condvar)>,
}

impl Releases {
    /// Of the models of `store`, for a host whose follower hears of changes by `events`.
    pub(super) fn new(store: Store, events: Sender<Event>) -> Releases {
        Releases { store, events, seen: Arc::default() }
    }

    /// Notes how far the host is with a model.
    pub(super) fn tell(&self, model: &str, status: Status) {
        self.seen().insert(model.into(), status);
        self.seen.1.notify_all();
    }

    /// Changes a model's release, and waits until this host has followed. Blocks.
    ///
    /// # Errors
    /// What `change` refuses, or the store.
    pub fn change(
        &self,
        model: &str,
        by: &str,
        change: impl Fn(&Release) -> Result<Release, Refused>,
    ) -> Result<Release, ReleaseError> {
        let release = history::change(&self.store, model, by, change)?;
        // The follower may have ended with the host; then there is nobody to wait for.
        if self.events.send(Event::Look).is_ok() {
            let known = |seen: &mut BTreeMap<String, Status>| {
                seen.get(model).is_none_or(|status| status.release.revision < release.revision)
            };
            drop(self.seen.1.wait_timeout_while(self.seen(), PATIENCE, known));
        }
        Ok(release)
    }

    /// Whether a version can be deployed: it is published, and trusted.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, model: &str, version: &str, verifier: &Verifier) -> Result<(), StoreError> {
        Publication::read(&self.store, model, version, verifier).map(drop)
    }

    /// How far this host is with a model, if it follows that.
    pub fn status(&self, model: &str) -> Option<Status> {
        self.seen().get(model).cloned()
    }

    /// The models of this host's store, and how far it is with each.
    pub fn all(&self) -> BTreeMap<String, Status> {
        self.seen().clone()
    }

    /// The newest changes of a model, newest first. Blocks.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn history(&self, model: &str, most: usize) -> Result<Vec<Release>, StoreError> {
        history::history(&self.store, model, most)
    }

    /// A poisoned lock only means that an insertion panicked elsewhere.
    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Status>> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
