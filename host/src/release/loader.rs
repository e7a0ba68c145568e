//! A published version into a deployment: its component, held against the digest that was published, and its baseline.

use std::path::PathBuf;
use std::sync::Arc;

use edgewit_statistics::drift::Baseline;

use super::saved::Shelf;
use crate::pack::cache::write;
use crate::pack::source::{self, BASELINE};
use crate::serving::Deployment;
use crate::store::{Blob, Publication, Store, StoreError, Verifier};

/// Makes a deployment of a published version, whose packed component the second argument reads.
pub type Deploy = Arc<
    dyn Fn(&Publication, &dyn Fn() -> Result<Vec<u8>, StoreError>) -> Result<Deployment, String>
        + Send
        + Sync,
>;

/// What loading a version takes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    pub(super) store: Store,
    pub(super) verifier: Verifier,
    pub(super) shelf: Shelf,
    pub(super) deploy: Deploy,
}

impl Loader {
    /// A version as it is published.
    pub(super) fn load(&self, model: &str, version: &str) -> Result<(Publication, Arc<Deployment>), String> {
        let publication = Publication::read(&self.store, model, version, &self.verifier);
        let publication = publication.map_err(|error| error.to_string())?;
        let deployment = self.deploy(&publication)?;
        Ok((publication, deployment))
    }

    /// A version whose publication is known: where this host has seen it before, that takes nothing of the store.
    pub(super) fn deploy(&self, publication: &Publication) -> Result<Arc<Deployment>, String> {
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
    pub(super) fn golden(&self, model: &str, version: &str) -> Result<PathBuf, StoreError> {
        let wanted = |path: &str| path.starts_with("golden/") || path.starts_with("test_data_set_");
        let (_, folder) = self.store.pull(model, version, &self.verifier, &self.shelf.files(), wanted)?;
        Ok(folder)
    }
}
