//! A backup that was made, and what becomes of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{BackupError, CONTENTS, Contents, POSTGRES, REGISTRY, SQLITE, file_error};
use crate::records::{self, CopyError, is_postgres};
use crate::release;
use crate::store::{Blob, Store};

/// A backup whose files are what was backed up.
pub struct Backup {
    folder: PathBuf,
    /// What is in it.
    pub contents: Contents,
}

/// A model of a registry, as it is again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The model.
    pub model: String,
    /// How many versions are published.
    pub versions: usize,
    /// The version that answers, if one does.
    pub stable: Option<String>,
}

impl Backup {
    /// Reads a backup, and holds every file against its digest.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] names the first that is another, or gone.
    pub fn open(folder: &Path) -> Result<Backup, BackupError> {
        let file = folder.join(CONTENTS);
        let damaged =
            |path: &Path, problem: String| BackupError::Damaged { path: path.display().to_string(), problem };
        let text = fs::read(&file).map_err(file_error(&file))?;
        let contents: Contents =
            serde_json::from_slice(&text).map_err(|error| damaged(&file, error.to_string()))?;
        for (name, blob) in &contents.files {
            let path = folder.join(name);
            let found = File::open(&path).and_then(Blob::read);
            let found = found.map_err(|error| damaged(&path, error.to_string()))?;
            blob.compare(&found).map_err(|problem| damaged(&path, problem))?;
        }
        Ok(Backup { folder: folder.to_owned(), contents })
    }

    /// Whether it has a registry.
    pub fn has_registry(&self) -> bool {
        self.contents.files.keys().any(|name| name.starts_with(REGISTRY))
    }

    /// Whether it has records.
    pub fn has_records(&self) -> bool {
        self.records().is_some()
    }

    /// Says what is in a registry that has models already.
    ///
    /// # Errors
    /// [`BackupError::Occupied`], or when the registry does not answer.
    pub fn expect_no_models(store: &Store) -> Result<(), BackupError> {
        let mut models = vec![];
        for model in store.models()? {
            if !releases(store, &model)?.is_empty() || !store.versions(&model)?.is_empty() {
                models.push(model);
            }
        }
        let holds = || format!("the models {}", models.join(", "));
        let occupied = || BackupError::Occupied { place: store.name().into(), holds: holds() };
        models.is_empty().then_some(()).ok_or_else(occupied)
    }

    /// Says what is in a store that has records already.
    ///
    /// # Errors
    /// [`BackupError::Occupied`], or when the store is not there.
    pub async fn expect_no_records(store: &records::Store) -> Result<(), BackupError> {
        match store.counts().await.map_err(CopyError::from)? {
            (0, 0) => Ok(()),
            (predictions, labels) => {
                let holds = format!("{predictions} predictions and {labels} labels");
                Err(BackupError::Occupied { place: "the store of records".into(), holds })
            }
        }
    }

    /// Puts the backup's registry into `store`, and says what answers then. Versions that were published since stay there;
    /// releases that were made since are deleted, so that what was wanted then is wanted again.
    ///
    /// # Errors
    /// When the registry does not take it. Done once more, it goes on where it ended.
    pub fn restore_registry(&self, store: &Store) -> Result<Vec<Restored>, BackupError> {
        let objects = self.contents.files.keys().filter_map(|name| name.strip_prefix(REGISTRY));
        let mut objects = objects.collect::<Vec<_>>();
        objects.sort_by_key(|object| (turn(object), *object));
        for object in &objects {
            let path = self.folder.join(REGISTRY).join(object);
            store.write(object, fs::read(&path).map_err(file_error(&path))?)?;
        }
        let mut restored = vec![];
        for model in store.models()? {
            // The newest first: what is left at any moment is a history.
            for object in releases(store, &model)?.into_iter().rev() {
                if !objects.contains(&&*object) {
                    store.remove(&object)?;
                }
            }
            let (versions, stable) =
                (store.versions(&model)?.len(), release::latest(store, &model, 0)?.stable);
            if versions > 0 {
                restored.push(Restored { model, versions, stable });
            }
        }
        Ok(restored)
    }

    /// Puts the backup's records into the store at `address`, in the place of what it holds.
    ///
    /// # Errors
    /// [`BackupError::Kind`], or when the store does not take it; then it is as it was.
    pub async fn restore_records(&self, address: &str) -> Result<(), BackupError> {
        let Some(name) = self.records() else { return Ok(()) };
        let kind = |postgres: bool| if postgres { "PostgreSQL" } else { "SQLite" };
        let (of, is) = (kind(name == POSTGRES), kind(is_postgres(address)));
        if of != is {
            return Err(BackupError::Kind { of, is });
        }
        Ok(records::put_back(&self.folder.join(name), address).await?)
    }

    fn records(&self) -> Option<&'static str> {
        [SQLITE, POSTGRES].into_iter().find(|name| self.contents.files.contains_key(*name))
    }
}

/// The releases of a model, as objects, the oldest first.
fn releases(store: &Store, model: &str) -> Result<Vec<String>, BackupError> {
    let folder = format!("{model}/releases");
    Ok(store.objects(&folder, "")?.into_iter().map(|name| format!("{folder}/{name}")).collect())
}

/// When an object is written: a publication after what it names, a release after its versions.
fn turn(object: &str) -> u8 {
    match object.split('/').collect::<Vec<_>>()[..] {
        [_, "releases", _] => 2,
        [_, _, "version.json"] => 1,
        _ => 0,
    }
}
