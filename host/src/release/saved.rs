//! What a host serves, written down on its own disk: so that it serves the same again when it starts and the store does
//! not answer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Release;
use crate::digest::sha256;
use crate::pack::cache::write;
use crate::store::Publication;

/// A release that was served, with the publications of its versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) release: Release,
    pub(super) publications: BTreeMap<String, Publication>,
}

/// The folder for what comes from one store.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    /// Below `cache`, for the store of this name.
    pub(super) fn new(cache: &Path, store: &str) -> Shelf {
        Shelf(cache.join("releases").join(&sha256(store.as_bytes())[..16]))
    }

    /// Where the files of versions are copied to.
    pub(super) fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// The file of a packed component.
    pub(super) fn component(&self, digest: &str) -> PathBuf {
        self.0.join("components").join(format!("{digest}.wasm"))
    }

    /// Notes what is served of a model. A host that cannot write goes on without.
    pub(super) fn save(&self, model: &str, saved: &Saved) {
        let file = self.0.join("models").join(format!("{model}.json"));
        let written = serde_json::to_vec_pretty(saved).map_err(|error| error.to_string());
        let written = written.and_then(|text| write(&file, &text).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(model, "the release cannot be saved: {error}");
        }
    }

    /// What was served when the host last ran, by model. What cannot be read is left out.
    pub(super) fn read(&self) -> BTreeMap<String, Saved> {
        let entries = fs::read_dir(self.0.join("models")).into_iter().flatten().flatten();
        let saved = entries.filter_map(|entry| {
            let path = entry.path();
            let model = path.file_stem()?.to_str()?.to_owned();
            Some((model, serde_json::from_slice(&fs::read(&path).ok()?).ok()?))
        });
        saved.collect()
    }
}
