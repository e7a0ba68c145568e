//! Models that come into service and leave it while the host runs.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Error, Registry, State};

/// Puts what lies on disk of the model of this name into the registry. Takes long.
pub type Load = Arc<dyn Fn(&str) -> Result<(), Error> + Send + Sync>;

/// The models on disk and in service. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    registry: Arc<Registry>,
    load: Load,
    /// One change at a time: loading packs and compiles on all cores.
    turn: Arc<Mutex<()>>,
}

impl Repository {
    /// Over `registry`, with `load` to fill it.
    pub fn new(registry: Arc<Registry>, load: Load) -> Repository {
        Repository { registry, load, turn: Arc::default() }
    }

    /// Takes a model as it lies on disk into service, all its versions; in place of what answers until then.
    ///
    /// # Errors
    /// When there is no such model on disk, or a version cannot be loaded; what was ready stays.
    pub async fn load(&self, name: String) -> Result<(), Error> {
        let turn = self.turn.clone().lock_owned().await;
        let load = self.load.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            load(&name)
        });
        loaded.await.unwrap_or_else(|_| Err(Error::Internal("loading panicked".into())))
    }

    /// Takes a model out of service, all its versions. Requests in flight finish.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn unload(&self, name: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let known = |state: State| state != State::Unloaded;
        if !self.registry.states().iter().any(|model| model.name == name && known(model.state)) {
            return Err(Error::UnknownModel(name.to_owned()));
        }
        self.registry.unload(name, |_| false);
        tracing::info!(model = name, "unloaded");
        Ok(())
    }
}
