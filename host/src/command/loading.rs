//! Models from the folder into the registry: all when the host starts, one again when it is told to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::Result;
use edgewit_core::ModelMetadata;

use crate::config::ServeConfig;
use crate::pack::cache::ModelCache;
use crate::pack::source::{self, Source};
use crate::progress::Progress;
use crate::runtime::{CompileCache, Engine, Program, trim};
use crate::serving::{Deployment, DeploymentConfig, Error, Registry, ResponseCache, Site};
use crate::store::StoreError;
use crate::telemetry::Telemetry;
use crate::web::{self, Origin};

/// What loading takes.
pub(super) struct Loading {
    folder: PathBuf,
    threads: usize,
    deployment: DeploymentConfig,
    engine: Engine,
    compiled: CompileCache,
    registry: Arc<Registry>,
    telemetry: Arc<Telemetry>,
}

impl Loading {
    /// For a folder that holds so many model versions.
    pub(super) fn open(
        config: &ServeConfig,
        models: usize,
        registry: &Arc<Registry>,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Loading> {
        let cache = || ResponseCache::new(config.response_cache, telemetry.clone());
        Ok(Loading {
            folder: config.models.clone(),
            threads: config.workers,
            deployment: DeploymentConfig {
                limits: config.limits.clone(),
                isolation: config.isolation,
                batching: config.batching.clone(),
                cache: (config.response_cache > 0).then(cache),
            },
            engine: Engine::new(&config.engine(models))?,
            compiled: CompileCache::open(&config.cache.join("compiled"))?,
            registry: registry.clone(),
            telemetry: telemetry.clone(),
        })
    }

    /// Packs, compiles and starts models, one on each core at a time; one that fails leaves the others be. Gives
    /// the failures.
    pub(super) fn load(&self, sources: &[Source]) -> Vec<String> {
        let progress = Progress::logged();
        let models = ModelCache::new(&self.engine, &self.compiled);
        let deploy = |source: &Source| -> Result<Deployment> {
            let program = models.program(source, &progress)?;
            let mut deployment = Deployment::new(program, &self.deployment, &self.telemetry)?;
            deployment.baseline = source.baseline.clone();
            if source.baseline.as_ref().is_some_and(|baseline| baseline.digest != source.digest) {
                let (model, version) = (&source.name, &source.version);
                tracing::warn!(
                    model,
                    version,
                    "drift.json was made with another model.onnx; its scores may differ"
                );
            }
            Ok(deployment)
        };
        let next = AtomicUsize::new(0);
        let work = || {
            let mut failures = vec![];
            while let Some(source) = sources.get(next.fetch_add(1, Relaxed)) {
                match deploy(source) {
                    Ok(deployment) => self.registry.insert(deployment),
                    Err(error) => failures.push(self.failed(source, &error)),
                }
            }
            failures
        };
        let failures = std::thread::scope(|scope| {
            let threads = (0..self.threads.min(sources.len())).map(|_| scope.spawn(work));
            let threads = threads.collect::<Vec<_>>();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        if models.has_packed() {
            drop(models);
            trim();
        }
        failures
    }

    /// The page of a model in service, of the files that it was made from.
    pub(super) fn site(&self, model: &ModelMetadata) -> Result<Site, Error> {
        let failed = |problem: String| Error::Internal(problem);
        let folders = source::versions(&self.folder).map_err(|error| failed(error.to_string()))?;
        let sources = folders.iter().filter_map(|folder| Source::read(folder).ok());
        let is_it = |source: &Source| {
            (&source.name, &source.version, &source.digest) == (&model.name, &model.version, &model.digest)
        };
        let mut sources = sources.filter(is_it);
        let source = sources.next().ok_or_else(|| failed("its files have changed; load it again".into()))?;
        let models = ModelCache::new(&self.engine, &self.compiled);
        let packed = models.pack(&source, &Progress::logged()).map_err(|error| failed(error.to_string()))?;
        let made = site(&packed);
        drop(models);
        trim();
        made
    }

    fn failed(&self, source: &Source, error: &anyhow::Error) -> String {
        let Source { name, version, .. } = source;
        tracing::error!(model = name, version, "cannot load: {error:#}");
        self.registry.fail(name, version, format!("{error:#}"));
        format!("version {version}: {error:#}")
    }

    /// Makes a deployment of a packed component, which `read` reads: found compiled by its digest where it was compiled
    /// before.
    pub(super) fn deploy(
        &self,
        digest: &str,
        read: &dyn Fn() -> Result<Vec<u8>, StoreError>,
    ) -> Result<Deployment, String> {
        let program = match Program::find(&self.engine, &self.compiled, digest) {
            Some(program) => program,
            None => {
                let component = read().map_err(|error| error.to_string())?;
                let program = Program::named(&self.engine, &self.compiled, digest, &component);
                program.map_err(|error| error.to_string())?
            }
        };
        Deployment::new(program, &self.deployment, &self.telemetry).map_err(|error| error.to_string())
    }

    /// Loads a model as it lies in the folder now; versions that are there no more leave service.
    pub(super) fn load_again(&self, name: &str) -> Result<(), Error> {
        let failed = |problem: String| Error::Load { model: name.to_owned(), problem };
        let folders = source::versions(&self.folder).map_err(|error| failed(error.to_string()))?;
        let named = |folder: &PathBuf| source::name(folder).is_ok_and(|found| found == name);
        let sources = folders.iter().filter(|folder| named(folder)).map(|folder| Source::read(folder));
        let sources = sources.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
        if sources.is_empty() {
            return Err(Error::UnknownModel(name.to_owned()));
        }
        for source in &sources {
            self.registry.announce(name, &source.version);
        }
        let failures = self.load(&sources);
        self.registry.unload(name, |version| sources.iter().any(|source| source.version == version));
        if failures.is_empty() { Ok(()) } else { Err(failed(failures.join("; "))) }
    }
}

/// The page of a packed model.
pub(super) fn site(packed: &[u8]) -> Result<Site, Error> {
    let files = web::site(packed, Origin::Host).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(web::hosted(files))
}
