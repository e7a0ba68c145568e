//! What is written of a version when it is published.

use std::collections::BTreeMap;
use std::io::Read;

use edgewit_core::Manifest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Store, StoreError, Verifier};
use crate::digest::{sha256, sha256_read};

/// One published version: what it consists of, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// When it was published (RFC 3339).
    pub created: String,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The version of Edgewit that packed it.
    pub edgewit: String,
    /// The packed component, `components/<sha256>.wasm`.
    pub component: Blob,
    /// The files of the version's folder, by their paths in it.
    pub files: BTreeMap<String, Blob>,
    /// How well the model did in evaluation, as in its manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Its lineage, as in its manifest: data and its digest, training commit, parent version.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub training: Map<String, Value>,
}

/// An object by what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Blob {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Blob {
        Blob { sha256: sha256(bytes), size: bytes.len() as u64 }
    }

    /// Of what is read from there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(from: impl Read) -> std::io::Result<Blob> {
        let (sha256, size) = sha256_read(from)?;
        Ok(Blob { sha256, size })
    }

    /// Says how `come` is not this.
    ///
    /// # Errors
    /// The text has what was expected and what came.
    pub fn compare(&self, come: &Blob) -> Result<(), String> {
        if come.size != self.size {
            return Err(format!("expected {} bytes, got {}", self.size, come.size));
        }
        if come.sha256 != self.sha256 {
            return Err(format!("expected SHA-256 {}, got {}", self.sha256, come.sha256));
        }
        Ok(())
    }
}

/// `<model>/<version>/version.json`.
pub(super) fn object(model: &str, version: &str) -> String {
    format!("{model}/{version}/version.json")
}

/// `components/<sha256>.wasm`.
pub(super) fn component_object(blob: &Blob) -> String {
    format!("components/{}.wasm", blob.sha256)
}

impl Publication {
    /// The publication of a version, checked by `verifier`.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for a version that is not there or half pushed, [`StoreError::Untrusted`],
    /// [`StoreError::Damaged`].
    pub fn read(
        store: &Store,
        model: &str,
        version: &str,
        verifier: &Verifier,
    ) -> Result<Publication, StoreError> {
        let name = object(model, version);
        let missing = || StoreError::Missing {
            store: store.name().into(),
            model: model.into(),
            version: version.into(),
        };
        let bytes = store.read(&name)?.ok_or_else(missing)?;
        let signature = if verifier.is_on() { store.read(&format!("{name}.sig"))? } else { None };
        verifier
            .check(&bytes, signature.as_deref())
            .map_err(|problem| StoreError::Untrusted { object: store.object(&name), problem })?;
        let damaged = |problem: String| StoreError::Damaged { object: store.object(&name), problem };
        let publication: Publication =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        // A good publication in another's place is none.
        if (publication.model.as_str(), publication.version.as_str()) != (model, version) {
            return Err(damaged(format!(
                "expected {model} {version}, got {} {}",
                publication.model, publication.version
            )));
        }
        // A path that leads out of the version's folder is nothing that was pushed by this program.
        let outside = |path: &&String| {
            path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\\')
        };
        if let Some(path) = publication.files.keys().find(outside) {
            return Err(damaged(format!("expected a path within the folder, got {path}")));
        }
        Ok(publication)
    }

    /// The packed component.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is not what was published.
    pub fn component(&self, store: &Store) -> Result<Vec<u8>, StoreError> {
        published(store, &component_object(&self.component), &self.component)
    }

    /// A file of the version's folder, by its path in it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is not what was published.
    pub fn file(&self, store: &Store, path: &str) -> Result<Vec<u8>, StoreError> {
        let name = format!("{}/{}/{path}", self.model, self.version);
        match self.files.get(path) {
            Some(blob) => published(store, &name, blob),
            None => Err(StoreError::Damaged {
                object: store.object(&name),
                problem: "it was not published".into(),
            }),
        }
    }

    /// What its manifest says, without what is about serving.
    pub(super) fn describe(&mut self, manifest: &Manifest) {
        self.metrics = manifest.metrics.clone();
        self.training = manifest.training.clone();
    }
}

fn published(store: &Store, name: &str, blob: &Blob) -> Result<Vec<u8>, StoreError> {
    let damaged = |problem: String| StoreError::Damaged { object: store.object(name), problem };
    let bytes = store.read(name)?.ok_or_else(|| damaged("it is gone".into()))?;
    blob.compare(&Blob::of(&bytes)).map_err(damaged)?;
    Ok(bytes)
}
