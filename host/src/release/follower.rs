//! Brings a host to what the store says is wanted, and the store to what the host has seen.
//!
//! One thread: it looks at the store, loads what is new, gives the registry its route, and judges candidates. Loading and
//! verifying a candidate has a thread of its own, so that a rollback never waits for it, and so has a candidate in the
//! shadow ([`candidate`]). They speak to the first by [`Event`]s.

mod candidate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::history;
use super::loader::{Deploy, Loader};
use super::releases::{Releases, Status};
use super::saved::{Saved, Shelf};
use super::trial::Trial;
use super::{Release, Stage};
use crate::serving::{Canary, Deployment, Registry, Route};
use crate::store::{Publication, Store, Verifier};

/// How long a version that could not be loaded is left alone.
const AGAIN: Duration = Duration::from_secs(10);

/// How a host follows a store.
#[derive(Debug, Clone)]
pub struct FollowerConfig {
    /// How often it looks.
    pub poll: Duration,
    /// Where it keeps what it serves.
    pub cache: PathBuf,
    /// Which publications it trusts.
    pub verifier: Verifier,
    /// What it calls itself in the history.
    pub name: String,
}

/// What the follower hears of.
pub(super) enum Event {
    /// The store has something new.
    Look,
    /// A candidate was loaded and verified, or not.
    Verified { model: String, version: String, outcome: Result<Verified, String> },
}

/// A version that was loaded. Boxed, as an event is no place for it.
type Verified = Box<(Publication, Arc<Deployment>)>;

/// A model that is followed.
#[derive(Default)]
struct Followed {
    /// What is wanted.
    release: Release,
    /// The version that the registry was last told to answer with. Where what is wanted cannot be loaded, it is another.
    serving: Option<String>,
    publications: BTreeMap<String, Publication>,
    deployments: BTreeMap<String, Arc<Deployment>>,
    /// The candidate that is being verified.
    verifying: Option<String>,
    trial: Option<Arc<Trial>>,
    /// Versions that could not be loaded, why, and when.
    failed: BTreeMap<String, (String, Instant)>,
}

/// Follows a store for one host.
pub struct Follower {
    store: Store,
    config: FollowerConfig,
    registry: Arc<Registry>,
    loader: Loader,
    shelf: Shelf,
    models: BTreeMap<String, Followed>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
    releases: Releases,
}

impl Follower {
    /// For the models of `store`, which `deploy` loads and `registry` serves.
    pub fn new(store: Store, config: FollowerConfig, registry: Arc<Registry>, deploy: Deploy) -> Follower {
        let (events, inbox) = channel();
        let releases = Releases::new(store.clone(), events.clone());
        let shelf = Shelf::new(&config.cache, store.name());
        let (verifier, models) = (config.verifier.clone(), BTreeMap::new());
        let loader = Loader { store: store.clone(), verifier, shelf: shelf.clone(), deploy };
        Follower { store, config, registry, loader, shelf, models, events, inbox, releases }
    }

    /// For whoever changes releases or asks about them.
    pub fn releases(&self) -> Releases {
        self.releases.clone()
    }

    /// Loads what answers now. Where the store, or a version in it, cannot be read, that is what answered before.
    pub fn start(&mut self) {
        let saved = self.shelf.read();
        let models = self.store.models().unwrap_or_else(|error| {
            tracing::error!("the store does not answer, so what it said before is served: {error}");
            saved.keys().cloned().collect()
        });
        for model in &models {
            match history::latest(&self.store, model, 0) {
                Ok(release) if release.revision > 0 => {
                    let first = release.stable.is_none();
                    self.apply(model, release);
                    if first {
                        // Nothing answers before it is verified, whatever a store of this name said once.
                        continue;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(
                        model,
                        "the release cannot be read, so the last known is served: {error}"
                    );
                }
            }
            let serves = self.models.get(model).is_some_and(|followed| followed.serving.is_some());
            if let Some(saved) = saved.get(model).filter(|_| !serves) {
                self.restore(model, saved);
            }
        }
    }

    /// Follows until the process ends.
    pub fn follow(mut self) {
        loop {
            match self.inbox.recv_timeout(self.config.poll) {
                Ok(Event::Look) | Err(RecvTimeoutError::Timeout) => self.look(),
                Ok(Event::Verified { model, version, outcome }) => self.verified(&model, &version, outcome),
                // It holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        match self.store.models() {
            Ok(models) => models.iter().for_each(|model| self.look_at(model)),
            Err(error) => tracing::warn!("the store does not answer: {error}"),
        }
    }

    fn look_at(&mut self, model: &str) {
        let known = self.models.get(model).map_or(0, |followed| followed.release.revision);
        let mut newest = None;
        loop {
            let revision = newest.as_ref().map_or(known, |release: &Release| release.revision);
            match history::next(&self.store, model, revision) {
                Ok(Some(release)) => newest = Some(release),
                Ok(None) => break,
                Err(error) => return tracing::warn!(model, "the release cannot be read: {error}"),
            }
        }
        let again = |followed: &Followed| {
            let missing =
                followed.release.stable.as_ref().filter(|stable| !followed.deployments.contains_key(*stable));
            missing
                .is_some_and(|stable| followed.failed.get(stable).is_none_or(|(_, at)| at.elapsed() > AGAIN))
        };
        match newest {
            Some(release) => self.apply(model, release),
            None if self.models.get(model).is_some_and(again) => {
                let release = self.models[model].release.clone();
                self.apply(model, release);
            }
            None => {}
        }
        self.judge(model);
    }

    /// Serves `release` as far as its versions can be loaded: without its stable version, what answered before goes on.
    fn apply(&mut self, model: &str, release: Release) {
        let mut followed = self.models.remove(model).unwrap_or_default();
        tracing::info!(
            model,
            revision = release.revision,
            stable = release.stable,
            candidate = release.candidate.as_ref().map(|candidate| candidate.version.as_str()),
            by = release.by,
            reason = release.reason,
            "release"
        );
        followed.release = release;
        let wanted =
            followed.release.stable.iter().chain(&followed.release.previous).cloned().collect::<Vec<_>>();
        for version in wanted {
            if followed.deployments.contains_key(&version) {
                continue;
            }
            match self.loader.load(model, &version) {
                Ok((publication, deployment)) => followed.insert(&version, publication, deployment),
                Err(reason) => {
                    tracing::error!(model, version, "cannot load: {reason}");
                    if followed.serving.is_none() && followed.release.stable.as_ref() == Some(&version) {
                        self.registry.fail(model, &version, reason.clone());
                    }
                    followed.failed.insert(version, (reason, Instant::now()));
                }
            }
        }
        self.serve(model, &mut followed);
        self.models.insert(model.into(), followed);
        self.tell(model);
    }

    /// Gives the registry the route, starts what the candidate's stage takes, and writes down what is served.
    fn serve(&self, model: &str, followed: &mut Followed) {
        self.begin_candidate(model, followed);
        let Some(stable) = followed.release.stable.clone() else { return };
        if !followed.deployments.contains_key(&stable) {
            return;
        }
        let candidate =
            followed.release.candidate.as_ref().filter(|candidate| candidate.stage == Stage::Canary);
        let candidate = candidate.filter(|candidate| followed.deployments.contains_key(&candidate.version));
        let canary = candidate.map(|candidate| Canary {
            version: candidate.version.clone(),
            weight: candidate.plan.canary_weight,
            header: candidate.plan.canary_header.clone(),
        });
        let previous = followed
            .release
            .previous
            .as_ref()
            .filter(|previous| followed.deployments.contains_key(*previous));
        let versions = [Some(&stable), previous, candidate.map(|candidate| &candidate.version)];
        let answering = versions.into_iter().flatten().map(|version| followed.deployments[version].clone());
        let answering = answering.collect::<Vec<_>>();
        let route = Route::new(&stable, canary, previous.map(String::as_str));
        self.registry.release(model, &answering, route);
        followed.serving = Some(stable);

        let wanted = followed.release.versions().into_iter().map(str::to_owned).collect::<Vec<_>>();
        followed.deployments.retain(|version, _| wanted.contains(version));
        followed.publications.retain(|version, _| wanted.contains(version));
        followed.failed.retain(|version, _| wanted.contains(version));
        let saved = Saved { release: followed.release.clone(), publications: followed.publications.clone() };
        self.shelf.save(model, &saved);
    }

    /// Serves what was served before, which needs nothing of the store.
    fn restore(&mut self, model: &str, saved: &Saved) {
        let mut followed = self.models.remove(model).unwrap_or_default();
        let wanted = saved.release.stable.iter().chain(&saved.release.previous);
        for version in wanted.filter(|version| saved.publications.contains_key(*version)) {
            let publication = saved.publications[version].clone();
            match self.loader.deploy(&publication) {
                Ok(deployment) => followed.insert(version, publication, deployment),
                Err(reason) => tracing::error!(model, version, "cannot load: {reason}"),
            }
        }
        // What the store wants stays known, so that it is tried again.
        let wanted =
            std::mem::replace(&mut followed.release, Release { candidate: None, ..saved.release.clone() });
        self.serve(model, &mut followed);
        if wanted.revision > 0 {
            followed.release = wanted;
        }
        self.models.insert(model.into(), followed);
        self.tell(model);
    }

    fn tell(&self, model: &str) {
        let Some(followed) = self.models.get(model) else { return };
        let status = Status {
            release: followed.release.clone(),
            serving: followed.serving.clone(),
            loaded: followed.deployments.keys().cloned().collect(),
            seen: followed.trial.as_ref().map(|trial| trial.summary()),
            failed: followed
                .failed
                .iter()
                .map(|(version, (reason, _))| (version.clone(), reason.clone()))
                .collect(),
        };
        self.releases.tell(model, status);
    }
}

impl Followed {
    fn insert(&mut self, version: &str, publication: Publication, deployment: Arc<Deployment>) {
        self.publications.insert(version.into(), publication);
        self.deployments.insert(version.into(), deployment);
        self.failed.remove(version);
    }
}
