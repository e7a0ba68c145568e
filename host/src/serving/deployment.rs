//! One version of one model, ready to predict.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use edgewit_core::{ModelMetadata, RowSchema, Tensor};

use super::Error;
use crate::runtime::{self, Instance, Limits, Program};
use crate::telemetry::{ModelLabels, Telemetry};

/// Whether requests share a sandbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Isolation {
    /// Each request gets a sandbox of its own, started for it and dropped after it.
    #[default]
    Request,
    /// Sandboxes are kept for later requests. Faster for small models; opt-in.
    Reuse,
}

/// A model version with everything its predictions need. Dropping the last handle is the drain.
pub struct Deployment {
    /// Who the model is.
    pub metadata: ModelMetadata,
    rows: Result<RowSchema, String>,
    /// Its labels in every metric.
    pub labels: ModelLabels,
    program: Program,
    limits: Limits,
    isolation: Isolation,
    idle: Mutex<Vec<Instance>>,
    telemetry: Arc<Telemetry>,
}

impl Deployment {
    /// Takes a program into service; starts it once to learn its metadata.
    ///
    /// # Errors
    /// When the component cannot be started or its metadata is not as it should be.
    pub fn new(
        program: Program,
        limits: Limits,
        isolation: Isolation,
        telemetry: Arc<Telemetry>,
    ) -> Result<Deployment, runtime::Error> {
        let metadata = program.instantiate(&limits)?.metadata()?;
        let rows = RowSchema::new(&metadata).map_err(|error| error.to_string());
        let labels = ModelLabels { model: metadata.name.clone(), version: metadata.version.clone() };
        let idle = Mutex::new(vec![]);
        Ok(Deployment { metadata, rows, labels, program, limits, isolation, idle, telemetry })
    }

    /// How rows become the model's inputs.
    ///
    /// # Errors
    /// [`Error::NoRows`] for a model that cannot be asked by rows.
    pub fn row_schema(&self) -> Result<&RowSchema, Error> {
        self.rows.as_ref().map_err(|reason| Error::NoRows(reason.clone()))
    }

    /// Predicts one batch, in a fresh sandbox unless the deployment is set to reuse them.
    ///
    /// # Errors
    /// [`Error::Runtime`]; a sandbox that failed is dropped.
    pub fn predict(&self, inputs: Vec<Tensor>, outputs: Option<&[String]>) -> Result<Vec<Tensor>, Error> {
        let rows = inputs.first().and_then(|tensor| tensor.shape.first()).copied().unwrap_or(1);
        let start = Instant::now();
        let mut instance = self.instance()?;
        let result = instance.predict(inputs, outputs);
        // A refused input leaves the sandbox as it was; anything else spends it.
        if self.isolation == Isolation::Reuse
            && matches!(result, Ok(_) | Err(runtime::Error::InvalidInput(_)))
        {
            self.lock().push(instance);
        }
        let result = result?;
        self.telemetry.predicted(&self.labels, rows, start.elapsed());
        Ok(result)
    }

    fn instance(&self) -> Result<Instance, Error> {
        if let Some(instance) = self.lock().pop() {
            return Ok(instance);
        }
        self.telemetry.instance_started(&self.labels);
        Ok(self.program.instantiate(&self.limits)?)
    }

    /// The idle sandboxes; a poisoned lock only means that a push or pop panicked elsewhere.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
