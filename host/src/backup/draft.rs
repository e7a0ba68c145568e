//! A backup that is being made.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempDir;

use super::{BackupError, CONTENTS, Contents, POSTGRES, REGISTRY, SQLITE, file_error};
use crate::records::{self, is_postgres};
use crate::store::{Blob, Store};

/// A folder beside the backup's place. Dropped before [`Draft::finish`], it leaves nothing behind.
pub struct Draft {
    folder: TempDir,
    target: PathBuf,
    files: BTreeMap<String, Blob>,
}

impl Draft {
    /// An empty one, to be `target`. Only this user can read it: it may hold what predictions were asked of.
    ///
    /// # Errors
    /// [`BackupError::Taken`], or when nothing can be written there.
    pub fn new(target: &Path) -> Result<Draft, BackupError> {
        if target.exists() {
            return Err(BackupError::Taken(target.display().to_string()));
        }
        let parent = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(file_error(parent))?;
        let folder = tempfile::Builder::new().prefix(".edgewit-backup-").tempdir_in(parent);
        let folder = folder.map_err(file_error(parent))?;
        Ok(Draft { folder, target: target.to_owned(), files: BTreeMap::new() })
    }

    /// Takes what is published in a registry and which versions answer, each object held against its digest.
    ///
    /// # Errors
    /// When the registry does not answer, or something in it is damaged.
    pub fn registry(&mut self, store: &Store) -> Result<(), BackupError> {
        for model in store.models()? {
            // Releases first: they name versions that were published before them.
            let releases = format!("{model}/releases");
            for name in store.objects(&releases, "")? {
                let object = format!("{releases}/{name}");
                if let Some(bytes) = store.read(&object)? {
                    self.put(format!("{REGISTRY}{object}"), &bytes)?;
                }
            }
            for version in store.versions(&model)? {
                store.export(&model, &version, |object, bytes| {
                    self.put(format!("{REGISTRY}{object}"), &bytes)
                })?;
            }
        }
        Ok(())
    }

    /// Takes the predictions and labels of the store at `address`, as they are at one moment.
    ///
    /// # Errors
    /// When the store is not there, or cannot be copied.
    pub async fn records(&mut self, address: &str) -> Result<(), BackupError> {
        let name = if is_postgres(address) { POSTGRES } else { SQLITE };
        let path = self.folder.path().join(name);
        records::copy(address, &path).await?;
        let blob = File::open(&path).and_then(|file| {
            file.sync_all()?;
            Blob::read(file)
        });
        self.files.insert(name.to_owned(), blob.map_err(file_error(&path))?);
        Ok(())
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// When it cannot be written, or its place was taken meanwhile.
    pub fn finish(mut self) -> Result<Contents, BackupError> {
        let contents = Contents {
            created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            edgewit: env!("CARGO_PKG_VERSION").into(),
            files: std::mem::take(&mut self.files),
        };
        let text = serde_json::to_vec_pretty(&contents)
            .map_err(|error| BackupError::File { path: CONTENTS.into(), error: error.into() })?;
        self.put(CONTENTS.to_owned(), &text)?;
        fs::rename(self.folder.path(), &self.target).map_err(file_error(&self.target))?;
        // What it would delete has another name now.
        let _ = self.folder.keep();
        Ok(contents)
    }

    /// Writes a file, down to the disk.
    fn put(&mut self, name: String, bytes: &[u8]) -> Result<(), BackupError> {
        let path = self.folder.path().join(&name);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(self.folder.path()))?;
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(file_error(&path))?;
        self.files.insert(name, Blob::of(bytes));
        Ok(())
    }
}
