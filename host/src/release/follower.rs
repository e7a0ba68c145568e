//! Brings a host to what the store says is wanted, and the store to what the host has seen.
//!
//! One thread: it looks at the store, loads what is new, gives the registry its route, and judges candidates. Loading and
//! verifying a candidate has a thread of its own, so that a rollback never waits for it, and so has a candidate in the
//! shadow. They speak to the first by [`Event`]s.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use edgewit_statistics::drift::Baseline;
use serde::Serialize;

use super::evidence::Verdict;
use super::history::{self, ReleaseError};
use super::saved::{Saved, Shelf};
use super::trial::{self, Trial};
use super::{Refused, Release, Stage};
use crate::pack::cache::write;
use crate::pack::source::{self, BASELINE};
use crate::serving::{Canary, Deployment, Registry, Route, Watch};
use crate::store::{Blob, Publication, Store, StoreError, Verifier};

/// Samples that may wait to be looked at; what comes then is not looked at.
const WAITING: usize = 256;
/// How long a version that could not be loaded is left alone.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a change waits for this host to follow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a deployment of a published version, whose packed component the second argument reads.
pub type Deploy = Arc<
    dyn Fn(&Publication, &dyn Fn() -> Result<Vec<u8>, StoreError>) -> Result<Deployment, String>
        + Send
        + Sync,
>;

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

enum Event {
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
    release: Release,
    publications: BTreeMap<String, Publication>,
    deployments: BTreeMap<String, Arc<Deployment>>,
    /// The candidate that is being verified.
    verifying: Option<String>,
    trial: Option<Arc<Trial>>,
    /// Versions that could not be loaded, why, and when.
    failed: BTreeMap<String, (String, Instant)>,
}

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
            let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.seen.1.wait_timeout_while(seen, PATIENCE, known));
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
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).get(model).cloned()
    }

    /// The models of this host's store, and how far it is with each.
    pub fn all(&self) -> BTreeMap<String, Status> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest changes of a model, newest first. Blocks.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn history(&self, model: &str, most: usize) -> Result<Vec<Release>, StoreError> {
        history::history(&self.store, model, most)
    }
}

/// Follows a store for one host.
pub struct Follower {
    store: Store,
    config: FollowerConfig,
    registry: Arc<Registry>,
    deploy: Deploy,
    shelf: Shelf,
    models: BTreeMap<String, Followed>,
    inbox: Receiver<Event>,
    releases: Releases,
}

impl Follower {
    /// For the models of `store`, which `deploy` loads and `registry` serves.
    pub fn new(store: Store, config: FollowerConfig, registry: Arc<Registry>, deploy: Deploy) -> Follower {
        let (events, inbox) = channel();
        let releases = Releases { store: store.clone(), events, seen: Arc::default() };
        let shelf = Shelf::new(&config.cache, store.name());
        Follower { store, config, registry, deploy, shelf, models: BTreeMap::new(), inbox, releases }
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
            let release = history::latest(&self.store, model, 0);
            match (release, saved.get(model)) {
                (Ok(release), _) if release.revision > 0 => self.apply(model, release),
                (Err(error), Some(saved)) => {
                    tracing::error!(model, "the release cannot be read, so the last one is served: {error}");
                    self.restore(model, saved);
                }
                (Err(error), None) => tracing::error!(model, "the release cannot be read: {error}"),
                (Ok(_), _) => {}
            }
            let serves = self.models.get(model).is_some_and(|followed| followed.serving().is_some());
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
            match self.load(model, &version) {
                Ok((publication, deployment)) => followed.insert(&version, publication, deployment),
                Err(reason) => {
                    tracing::error!(model, version, "cannot load: {reason}");
                    if followed.serving().is_none() && followed.release.stable.as_ref() == Some(&version) {
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

        let wanted = followed.release.versions().into_iter().map(str::to_owned).collect::<Vec<_>>();
        followed.deployments.retain(|version, _| wanted.contains(version));
        followed.publications.retain(|version, _| wanted.contains(version));
        followed.failed.retain(|version, _| wanted.contains(version));
        let saved = Saved { release: followed.release.clone(), publications: followed.publications.clone() };
        self.shelf.save(model, &saved);
    }

    fn begin_candidate(&self, model: &str, followed: &mut Followed) {
        let candidate = followed.release.candidate.clone();
        let same = |trial: &Arc<Trial>| candidate.as_ref() == Some(&trial.candidate);
        if followed.trial.as_ref().is_some_and(|trial| !same(trial)) {
            followed.trial = None;
            followed.deployments.values().for_each(|deployment| deployment.watch(None));
        }
        let Some(candidate) = candidate else { return };
        let loaded = followed.deployments.get(&candidate.version).cloned();
        // One that is loaded, as it answered before, is verified like any other.
        let Some(deployment) = loaded.filter(|_| candidate.stage != Stage::Verify) else {
            if followed.verifying.as_ref() != Some(&candidate.version) {
                followed.verifying = Some(candidate.version.clone());
                self.begin_verifying(model, &candidate.version);
            }
            return;
        };
        let stable = followed.release.stable.as_ref().and_then(|stable| followed.deployments.get(stable));
        let (Some(stable), None) = (stable, &followed.trial) else { return };
        let trial = Arc::new(Trial::new(candidate, deployment.clone()));
        let (to, samples) = sync_channel(WAITING);
        let watching = trial.clone();
        // It ends when nobody is watched any more.
        let started = std::thread::Builder::new().name("trial".into()).spawn(move || {
            samples.iter().for_each(|sample| watching.see(sample));
        });
        if let Err(error) = started {
            return tracing::error!(model, "the candidate cannot be watched: {error}");
        }
        stable.watch(Some(Watch { to: to.clone(), copies: trial.copies() }));
        if !trial.copies() {
            deployment.watch(Some(Watch { to, copies: false }));
        }
        followed.trial = Some(trial);
    }

    /// Loads a candidate and holds it against its golden cases, in a thread of its own.
    fn begin_verifying(&self, model: &str, version: &str) {
        let (loader, events) = (self.loader(), self.releases.events.clone());
        let (model, version) = (model.to_owned(), version.to_owned());
        let (named, of) = (version.clone(), model.clone());
        let started = std::thread::Builder::new().name("verify".into()).spawn(move || {
            let verified = || {
                let (publication, deployment) =
                    loader.load(&model, &version).map_err(|error| format!("cannot load: {error}"))?;
                let folder = loader.golden(&model, &version).map_err(|error| error.to_string())?;
                let cases = trial::verify(&deployment, &folder)?;
                tracing::info!(model, version, cases, "verified");
                Ok(Box::new((publication, deployment)))
            };
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(verified));
            let outcome = outcome.unwrap_or_else(|_| Err("verifying it panicked".into()));
            // Without a follower there is nobody to tell.
            let _ = events.send(Event::Verified { model, version, outcome });
        });
        if let Err(error) = started {
            let event = Event::Verified { model: of, version: named, outcome: Err(error.to_string()) };
            let _ = self.releases.events.send(event);
        }
    }

    fn verified(&mut self, model: &str, version: &str, outcome: Result<Verified, String>) {
        let Some(followed) = self.models.get_mut(model) else { return };
        if followed.verifying.as_deref() == Some(version) {
            followed.verifying = None;
        }
        let candidate = followed.release.candidate.as_ref().filter(|candidate| candidate.version == version);
        let Some(stage) = candidate.map(|candidate| candidate.stage) else { return };
        let release = match outcome {
            Ok(verified) => {
                let (publication, deployment) = *verified;
                followed.insert(version, publication, deployment);
                if stage != Stage::Verify {
                    // Another host was faster; this one can join in now.
                    let mut followed = self.models.remove(model).unwrap_or_default();
                    self.serve(model, &mut followed);
                    self.models.insert(model.into(), followed);
                    return self.tell(model);
                }
                self.change(model, |release| release.passed(version, stage))
            }
            Err(reason) => {
                tracing::error!(model, version, "the candidate is rejected: {reason}");
                self.change(model, |release| release.reject(version, stage, reason.clone()))
            }
        };
        if release {
            self.look_at(model);
        }
    }

    /// Sends the candidate on, or back, if what was seen of it says so.
    fn judge(&mut self, model: &str) {
        let Some(trial) = self.models.get(model).and_then(|followed| followed.trial.clone()) else { return };
        let (version, stage) = (trial.candidate.version.as_str(), trial.candidate.stage);
        let changed = match trial.verdict() {
            Verdict::Wait => false,
            Verdict::Passed => self.change(model, |release| release.passed(version, stage)),
            Verdict::Failed(reason) => {
                tracing::error!(model, version, "the candidate is rejected: {reason}");
                self.change(model, |release| release.reject(version, stage, reason.clone()))
            }
        };
        if changed {
            self.look_at(model);
        } else {
            self.tell(model);
        }
    }

    /// Changes a release by what this host has seen. That another was faster is as good.
    fn change(&self, model: &str, change: impl Fn(&Release) -> Result<Release, Refused>) -> bool {
        match history::change(&self.store, model, &self.config.name, change) {
            Ok(_) => true,
            Err(ReleaseError::Refused(_)) => true,
            Err(ReleaseError::Store(error)) => {
                tracing::warn!(model, "the release cannot be changed: {error}");
                false
            }
        }
    }

    /// Serves what was served before, which needs nothing of the store.
    fn restore(&mut self, model: &str, saved: &Saved) {
        let mut followed = self.models.remove(model).unwrap_or_default();
        let wanted = saved.release.stable.iter().chain(&saved.release.previous);
        for version in wanted.filter(|version| saved.publications.contains_key(*version)) {
            let publication = saved.publications[version].clone();
            match self.loader().deploy(&publication) {
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

    fn load(&self, model: &str, version: &str) -> Result<(Publication, Arc<Deployment>), String> {
        self.loader().load(model, version)
    }

    fn loader(&self) -> Loader {
        Loader {
            store: self.store.clone(),
            verifier: self.config.verifier.clone(),
            shelf: self.shelf.clone(),
            deploy: self.deploy.clone(),
        }
    }

    fn tell(&self, model: &str) {
        let Some(followed) = self.models.get(model) else { return };
        let status = Status {
            release: followed.release.clone(),
            serving: followed.serving(),
            loaded: followed.deployments.keys().cloned().collect(),
            seen: followed.trial.as_ref().map(|trial| trial.summary()),
            failed: followed
                .failed
                .iter()
                .map(|(version, (reason, _))| (version.clone(), reason.clone()))
                .collect(),
        };
        self.releases.seen.0.lock().unwrap_or_else(PoisonError::into_inner).insert(model.into(), status);
        self.releases.seen.1.notify_all();
    }
}

impl Followed {
    fn insert(&mut self, version: &str, publication: Publication, deployment: Arc<Deployment>) {
        self.publications.insert(version.into(), publication);
        self.deployments.insert(version.into(), deployment);
        self.failed.remove(version);
    }

    fn serving(&self) -> Option<String> {
        let loaded = |version: &&String| self.deployments.contains_key(*version);
        self.release.stable.iter().find(loaded).cloned()
    }
}

/// What loading a version takes.
struct Loader {
    store: Store,
    verifier: Verifier,
    shelf: Shelf,
    deploy: Deploy,
}

impl Loader {
    fn load(&self, model: &str, version: &str) -> Result<(Publication, Arc<Deployment>), String> {
        let publication = Publication::read(&self.store, model, version, &self.verifier);
        let publication = publication.map_err(|error| error.to_string())?;
        let deployment = self.deploy(&publication)?;
        Ok((publication, deployment))
    }

    fn deploy(&self, publication: &Publication) -> Result<Arc<Deployment>, String> {
        let mut deployment = (self.deploy)(publication, &|| self.component(publication))?;
        // A version that cannot be watched for drift still answers.
        deployment.baseline = self.baseline(publication).unwrap_or_else(|problem| {
            tracing::warn!(
                model = publication.model,
                version = publication.version,
                "no baseline: {problem}"
            );
            None
        });
        let (name, version) = (&deployment.metadata.name, &deployment.metadata.version);
        if (name, version) != (&publication.model, &publication.version) {
            return Err(format!("the component is {name} {version}"));
        }
        Ok(Arc::new(deployment))
    }

    /// The packed component: from this host's disk if it is there, and whole.
    fn component(&self, publication: &Publication) -> Result<Vec<u8>, StoreError> {
        let file = self.shelf.component(&publication.component.sha256);
        if let Ok(bytes) = std::fs::read(&file)
            && Blob::of(&bytes) == publication.component
        {
            return Ok(bytes);
        }
        let bytes = publication.component(&self.store)?;
        if let Err(error) = write(&file, &bytes) {
            tracing::warn!("the component cannot be kept: {error}");
        }
        Ok(bytes)
    }

    /// What the version's data looked like in training, if that was published: from this host's disk, where it is there
    /// and whole.
    fn baseline(&self, publication: &Publication) -> Result<Option<Arc<Baseline>>, String> {
        let Some(blob) = publication.files.get(BASELINE) else { return Ok(None) };
        let folder = self.shelf.files().join(&publication.model).join(&publication.version);
        let file = folder.join(BASELINE);
        if !std::fs::read(&file).is_ok_and(|bytes| Blob::of(&bytes) == *blob) {
            let bytes = publication.file(&self.store, BASELINE).map_err(|error| error.to_string())?;
            write(&file, &bytes).map_err(|error| error.to_string())?;
        }
        source::baseline_in(&folder).map_err(|error| error.to_string())
    }

    /// The folder with a version's golden cases.
    fn golden(&self, model: &str, version: &str) -> Result<PathBuf, StoreError> {
        let wanted = |path: &str| path.starts_with("golden/") || path.starts_with("test_data_set_");
        let (_, folder) = self.store.pull(model, version, &self.verifier, &self.shelf.files(), wanted)?;
        Ok(folder)
    }
}
