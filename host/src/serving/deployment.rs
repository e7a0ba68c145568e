//! One version of one model, ready to predict.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use edgewit_core::{ModelMetadata, RowSchema, Tensor};
use edgewit_statistics::drift::Baseline;

use super::batch::Batcher;
use super::batching::{self, BatchingConfig};
use super::response_cache::DeploymentCache;
use super::{Error, ResponseCache, Watch};
use crate::runtime::{self, Instance, Limits, Program};
use crate::telemetry::{ModelLabels, ModelMetrics, Stations, Stay, Telemetry};

/// Whether requests share a sandbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Each request gets a sandbox of its own, started for it and dropped after it.
    #[default]
    Request,
    /// Sandboxes are kept for later requests, and a batch of requests may share one. Faster for
    /// small models; opt-in.
    Reuse,
}

/// How the deployments of a host predict.
#[derive(Clone)]
pub struct DeploymentConfig {
    /// What a sandbox may use.
    pub limits: Limits,
    /// Whether requests share one.
    pub isolation: Isolation,
    /// Whether requests are put together.
    pub batching: BatchingConfig,
    /// Where outputs are kept of models that ask for it.
    pub cache: Option<ResponseCache>,
}

/// A model version with everything its predictions need. Dropping the last handle is the drain.
pub struct Deployment {
    /// Who the model is.
    pub metadata: ModelMetadata,
    rows: Result<RowSchema, String>,
    /// Its labels in every metric.
    pub labels: Arc<ModelLabels>,
    /// What is counted of it.
    pub metrics: ModelMetrics,
    /// What its data looked like in training, where that is known.
    pub baseline: Option<Arc<Baseline>>,
    program: Program,
    limits: Limits,
    pub(super) isolation: Isolation,
    idle: Mutex<Vec<Instance>>,
    batcher: Option<Batcher>,
    cache: Option<DeploymentCache>,
    watch: RwLock<Option<Watch>>,
}

impl Deployment {
    /// Takes a program into service; starts it once to learn its metadata, and tries what batches
    /// gain where that is asked for.
    ///
    /// # Errors
    /// When the component cannot be started or its metadata is not as it should be.
    pub fn new(
        program: Program,
        config: &DeploymentConfig,
        telemetry: &Telemetry,
    ) -> Result<Deployment, runtime::Error> {
        let metadata = program.instantiate(&config.limits)?.metadata()?;
        let rows = RowSchema::new(&metadata).map_err(|error| error.to_string());
        let labels = ModelLabels { model: metadata.name.clone(), version: metadata.version.clone() };
        let cache = config.cache.clone().filter(|_| metadata.manifest.response_cache);
        let mut deployment = Deployment {
            metrics: telemetry.model(&labels),
            baseline: None,
            cache: cache.map(|shared| DeploymentCache { shared, metrics: telemetry.cached(&labels) }),
            metadata,
            rows,
            labels: Arc::new(labels),
            program,
            limits: config.limits.clone(),
            isolation: config.isolation,
            idle: Mutex::new(vec![]),
            batcher: None,
            watch: RwLock::default(),
        };
        deployment.batcher = batching::batcher(&deployment, &config.batching, telemetry);
        // A sandbox that was tried has grown to the batch, and its model may never see another.
        deployment.lock().clear();
        Ok(deployment)
    }

    /// Lets somebody look at its predictions from now on, or nobody.
    pub fn watch(&self, watch: Option<Watch>) {
        *self.watch.write().unwrap_or_else(PoisonError::into_inner) = watch;
    }

    /// Who looks at its predictions.
    pub(super) fn watched(&self) -> Option<Watch> {
        self.watch.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How its requests are put together, if they are.
    pub(super) fn batcher(&self) -> Option<&Batcher> {
        self.batcher.as_ref()
    }

    /// Where its outputs are kept, if they are.
    pub(super) fn cache(&self) -> Option<&DeploymentCache> {
        self.cache.as_ref()
    }

    /// Whether requests share a sandbox.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Whether its outputs are kept for the next request with the same inputs.
    pub fn keeps_responses(&self) -> bool {
        self.cache.is_some()
    }

    /// How often the response cache had its outputs and how often not, where they are kept.
    pub fn cache_asked(&self) -> Option<(u64, u64)> {
        self.cache.as_ref().map(|cache| cache.metrics.hits_and_misses())
    }

    /// How rows become the model's inputs.
    ///
    /// # Errors
    /// [`Error::NoRows`] for a model that cannot be asked by rows.
    pub fn row_schema(&self) -> Result<&RowSchema, Error> {
        self.rows.as_ref().map_err(|reason| Error::NoRows(reason.clone()))
    }

    /// Predicts one batch, in a fresh sandbox unless the deployment is set to reuse them. Writes down when, even if
    /// it fails.
    ///
    /// # Errors
    /// [`Error::Runtime`]; a sandbox that failed is dropped.
    pub fn predict(
        &self,
        inputs: &[Tensor],
        outputs: Option<&[String]>,
        stations: &mut Stations,
    ) -> Result<Vec<Tensor>, Error> {
        let rows = inputs.first().and_then(Tensor::rows).unwrap_or(1);
        let result = self.compute(inputs, outputs, stations)?;
        self.metrics.predicted(rows, stations.took().unwrap_or_default());
        Ok(result)
    }

    /// As [`Deployment::predict`], without counting the prediction.
    ///
    /// # Errors
    /// [`Error::Runtime`]; a sandbox that failed is dropped.
    pub fn compute(
        &self,
        inputs: &[Tensor],
        outputs: Option<&[String]>,
        stations: &mut Stations,
    ) -> Result<Vec<Tensor>, Error> {
        let start = Instant::now();
        let instance = self.instance();
        let started = Stay::since(start);
        stations.instance = Some(started);
        let mut instance = instance?;
        let result = instance.predict(inputs, outputs);
        stations.predict = Some(Stay::since(started.to));
        // A refused input leaves the sandbox as it was; anything else spends it.
        if self.isolation == Isolation::Reuse
            && matches!(result, Ok(_) | Err(runtime::Error::InvalidInput(_)))
        {
            self.lock().push(instance);
        }
        Ok(result?)
    }

    /// A sandbox of its own, for whoever looks closer at the model than a request does.
    ///
    /// # Errors
    /// [`Error::Runtime`].
    pub fn sandbox(&self) -> Result<Instance, Error> {
        Ok(self.program.instantiate(&self.limits)?)
    }

    fn instance(&self) -> Result<Instance, Error> {
        if let Some(instance) = self.lock().pop() {
            return Ok(instance);
        }
        self.metrics.instance_started();
        self.sandbox()
    }

    /// The idle sandboxes; a poisoned lock only means that a push or pop panicked elsewhere.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
