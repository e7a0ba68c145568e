//! Which models there are, which of them are ready, and which one answers.

use std::collections::{BTreeMap, btree_map};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use serde::Serialize;

use super::{Deployment, Error, Route};
use crate::telemetry::Telemetry;

/// All model versions of this host, by name, then by version from lowest to highest.
pub struct Registry {
    models: RwLock<Models>,
    /// Of models whose versions are released one by one; of others the highest version answers.
    routes: RwLock<BTreeMap<String, Arc<Route>>>,
    default: Option<String>,
    telemetry: Arc<Telemetry>,
}

type Models = BTreeMap<String, BTreeMap<Version, Entry>>;

enum Entry {
    Loading,
    Ready(Arc<Deployment>),
    Failed(String),
    Unloaded,
}

/// How far a model version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being packed, compiled or started.
    Loading,
    /// Answers.
    Ready,
    /// Will not answer.
    Failed,
    /// Was taken out of service.
    Unloaded,
}

/// One model version, as the health route shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelState {
    /// The model.
    pub name: String,
    /// The version.
    pub version: String,
    /// How far it is.
    pub state: State,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A version's place in the order: by its dot-separated numbers, text after them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Version(Vec<(u64, String)>, String);

impl Version {
    fn new(text: &str) -> Version {
        let part = |part: &str| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            (part[..digits].parse().unwrap_or(0), part[digits..].to_owned())
        };
        Version(text.split('.').map(part).collect(), text.to_owned())
    }
}

impl Registry {
    /// An empty registry. `default` names the model of requests that name none; without it, a
    /// single model is the default.
    pub fn new(default: Option<String>, telemetry: Arc<Telemetry>) -> Registry {
        Registry { models: RwLock::default(), routes: RwLock::default(), default, telemetry }
    }

    /// The model of requests that name none, where one was chosen.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Announces a version that will be loaded. One that is ready answers until the new one is.
    pub fn announce(&self, name: &str, version: &str) {
        self.set(name, version, Entry::Loading);
    }

    /// Takes a version into service.
    pub fn insert(&self, deployment: Deployment) {
        let (name, version) = (deployment.metadata.name.clone(), deployment.metadata.version.clone());
        self.set(&name, &version, Entry::Ready(Arc::new(deployment)));
    }

    /// Notes why a version will not come into service. One that is ready stays.
    pub fn fail(&self, name: &str, version: &str, reason: String) {
        self.set(name, version, Entry::Failed(reason));
    }

    /// Takes a model out of service, or those versions of it that are not to `keep`. Requests in flight finish.
    pub fn unload(&self, name: &str, keep: impl Fn(&str) -> bool) {
        let mut models = self.write();
        let versions = models.get_mut(name).into_iter().flatten();
        let gone = versions.filter(|(version, _)| !keep(&version.1));
        let gone = gone.map(|(_, entry)| std::mem::replace(entry, Entry::Unloaded)).collect::<Vec<_>>();
        self.count(&models);
        drop(models);
        // Unmapping a model takes a while, which nobody who asks for another is to wait for.
        drop(gone);
    }

    fn set(&self, name: &str, version: &str, entry: Entry) {
        let mut models = self.write();
        let versions = models.entry(name.to_owned()).or_default();
        let before = match versions.entry(Version::new(version)) {
            btree_map::Entry::Vacant(place) => {
                place.insert(entry);
                None
            }
            btree_map::Entry::Occupied(place)
                if matches!((place.get(), &entry), (Entry::Ready(_), Entry::Loading | Entry::Failed(_))) =>
            {
                None
            }
            btree_map::Entry::Occupied(mut place) => Some(place.insert(entry)),
        };
        self.count(&models);
        drop(models);
        drop(before);
    }

    fn count(&self, models: &Models) {
        let ready = |entry: &&Entry| matches!(entry, Entry::Ready(_));
        self.telemetry.models_loaded(models.values().flat_map(BTreeMap::values).filter(ready).count());
    }

    fn routes_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Route>>> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Models> {
        self.models.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a model's versions into service, and those that are not among them out of it, and shares its requests out by
    /// `route`: all in one step. Requests in flight finish where they are.
    pub fn release(&self, name: &str, deployments: &[Arc<Deployment>], route: Route) {
        let entry = |deployment: &Arc<Deployment>| {
            (Version::new(&deployment.metadata.version), Entry::Ready(deployment.clone()))
        };
        let mut models = self.write();
        let before = models.insert(name.to_owned(), deployments.iter().map(entry).collect());
        // Under the lock of the models: nobody finds the new versions by the old route.
        self.routes_mut().insert(name.to_owned(), Arc::new(route));
        self.count(&models);
        drop(models);
        drop(before);
    }

    /// The deployment for a prediction: of the named or the default model; in the named version, else in that which the
    /// model's route chooses, else in the highest that is ready. `header` gives the request's.
    ///
    /// # Errors
    /// When there is no such model or version, or it is not ready.
    pub fn choose<'a>(
        &self,
        name: Option<&str>,
        version: Option<&str>,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Arc<Deployment>, Error> {
        self.look_up(name, version, |route| route.choose(&header))
    }

    /// As [`Registry::choose`] for whoever asks about a model, and not of it: its stable version where it has a route.
    ///
    /// # Errors
    /// As [`Registry::choose`].
    pub fn find(&self, name: Option<&str>, version: Option<&str>) -> Result<Arc<Deployment>, Error> {
        self.look_up(name, version, Route::stable)
    }

    fn look_up(
        &self,
        name: Option<&str>,
        version: Option<&str>,
        choose: impl Fn(&Route) -> &str,
    ) -> Result<Arc<Deployment>, Error> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let name = match name.or(self.default.as_deref()) {
            Some(name) => name,
            None if models.len() == 1 => models.keys().next().ok_or(Error::NoDefault)?,
            None => return Err(Error::NoDefault),
        };
        let versions = models.get(name).ok_or_else(|| Error::UnknownModel(name.to_owned()))?;
        let route = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let unknown =
            |version: &str| Error::UnknownVersion { model: name.to_owned(), version: version.to_owned() };
        let version = match (version, &route) {
            (Some(version), Some(route)) if !route.may_name(version) => return Err(unknown(version)),
            (None, Some(route)) => Some(choose(route)),
            (version, _) => version,
        };
        let entry = match version {
            Some(version) => Some(versions.get(&Version::new(version)).ok_or_else(|| unknown(version))?),
            None => versions.values().rev().find(|entry| matches!(entry, Entry::Ready(_))),
        };
        match entry {
            Some(Entry::Ready(deployment)) => Ok(deployment.clone()),
            None if versions.values().all(|entry| matches!(entry, Entry::Unloaded)) => {
                Err(Error::Unloaded(name.to_owned()))
            }
            _ => Err(Error::NotReady(name.to_owned())),
        }
    }

    /// The versions of a model that are ready, lowest first.
    pub fn versions(&self, name: &str) -> Vec<String> {
        let ready = |model: &ModelState| model.name == name && model.state == State::Ready;
        self.states().into_iter().filter(ready).map(|model| model.version).collect()
    }

    /// Every model version and how far it is.
    pub fn states(&self) -> Vec<ModelState> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let state = |name: &String, version: &Version, entry: &Entry| {
            let (state, reason) = match entry {
                Entry::Loading => (State::Loading, None),
                Entry::Ready(_) => (State::Ready, None),
                Entry::Failed(reason) => (State::Failed, Some(reason.clone())),
                Entry::Unloaded => (State::Unloaded, None),
            };
            ModelState { name: name.clone(), version: version.1.clone(), state, reason }
        };
        models
            .iter()
            .flat_map(|(name, versions)| {
                versions.iter().map(move |(version, entry)| state(name, version, entry))
            })
            .collect()
    }

    /// Whether every announced version is ready or was taken out of service, and there is one.
    pub fn is_ready(&self) -> bool {
        let states = self.states();
        let settled = |model: &ModelState| matches!(model.state, State::Ready | State::Unloaded);
        !states.is_empty() && states.iter().all(settled)
    }

    /// The deployments that are ready, by name and version.
    pub fn deployments(&self) -> Vec<Arc<Deployment>> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let ready = |entry: &Entry| match entry {
            Entry::Ready(deployment) => Some(deployment.clone()),
            _ => None,
        };
        models.values().flat_map(BTreeMap::values).filter_map(ready).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let mut versions = ["10", "9", "1.2.10", "1.2.9", "2", "1.2.9-rc1"].map(Version::new);
        versions.sort();
        assert_eq!(versions.map(|version| version.1), ["1.2.9", "1.2.9-rc1", "1.2.10", "2", "9", "10"]);
    }
}
