//! Where model versions are published: a directory, or a bucket of S3, Google Cloud Storage or Azure.
//!
//! ```text
//! <model>/<version>/{model.onnx, model.toml, golden/, ..}   the files, as they were pushed
//! <model>/<version>/version.json                            the [`Publication`]: last to come, so whole or not there
//! <model>/<version>/version.json.sig                        its signature, where there is one
//! <model>/releases/<revision>.json                          which versions answer (`release`)
//! components/<sha256>.wasm                                  packed components, by their content
//! ```
//!
//! What is published is never changed. Everything that is read is held against the digest in the [`Publication`], and
//! that against its signature where keys are given. Calls block: they are for commands and threads of their own.

mod diff;
mod publication;
mod signing;
mod versions;

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::runtime::Runtime;
use url::Url;

pub use diff::{Difference, differences};
pub use publication::{Blob, Publication};
pub use signing::{Signer, Verifier};
pub use versions::{Pushed, push};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is none, or not of a kind that is known.
    #[error("{url}: expected a directory, or s3://, gs:// or az:// and a bucket: {problem}")]
    Open {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store did not answer, or refused.
    #[error("{object}: {problem}")]
    Access {
        /// The object, with the store it is in.
        object: String,
        /// What the store said.
        problem: String,
    },
    /// There is no such version, or it is half pushed.
    #[error("{store}: there is no {model} {version}")]
    Missing {
        /// The store.
        store: String,
        /// The model.
        model: String,
        /// The version.
        version: String,
    },
    /// The version is there, and versions are not changed.
    #[error(
        "{model} {version} is published already, and what is published is not changed; give this a version of its own"
    )]
    Exists {
        /// The model.
        model: String,
        /// The version.
        version: String,
    },
    /// An object is not what was published.
    #[error("{object}: {problem}; it was altered, or is not whole")]
    Damaged {
        /// The object.
        object: String,
        /// What differs.
        problem: String,
    },
    /// The version is not signed by a key that is trusted.
    #[error("{object}: {problem}")]
    Untrusted {
        /// The signed object.
        object: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// A file here cannot be read or written.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        problem: String,
    },
    /// A version that says no order.
    #[error("version `{0}`: expected a semantic version such as 1.2.0, or a whole number")]
    Version(String),
}

/// A directory or bucket. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    name: String,
    runtime: Arc<Tasks>,
}

/// What the store's clients run on. Dropped without waiting, as that may be on a thread of another runtime.
struct Tasks(Option<Runtime>);

impl Tasks {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some(runtime) => runtime.block_on(future),
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Store {
    /// Opens a directory, which is made if it is not there, or a bucket by its URL; credentials come from the
    /// environment, by the names that each provider gives them (`AWS_ACCESS_KEY_ID`, ..).
    ///
    /// # Errors
    /// [`StoreError::Open`]. Whether a bucket answers is seen when it is used.
    pub fn open(url: &str) -> Result<Store, StoreError> {
        let fail = |problem: String| StoreError::Open { url: url.into(), problem };
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("store").enable_all();
        let runtime = Arc::new(Tasks(Some(runtime.build().map_err(|error| fail(error.to_string()))?)));
        let (objects, root): (Arc<dyn ObjectStore>, Path) = match Url::parse(url) {
            // One letter is a drive, not a scheme.
            Ok(parsed) if parsed.scheme().len() > 1 && parsed.scheme() != "file" => {
                // Its client takes the provider of the process; where one is set already, it is this one.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let (objects, root) = object_store::parse_url_opts(&parsed, std::env::vars())
                    .map_err(|error| fail(error.to_string()))?;
                (objects.into(), root)
            }
            parsed => {
                let folder =
                    parsed.ok().and_then(|url| url.to_file_path().ok()).unwrap_or_else(|| url.into());
                std::fs::create_dir_all(&folder).map_err(|error| fail(error.to_string()))?;
                let local =
                    LocalFileSystem::new_with_prefix(folder).map_err(|error| fail(error.to_string()))?;
                (Arc::new(local.with_fsync(true)), Path::default())
            }
        };
        Ok(Store { objects, root, name: url.into(), runtime })
    }

    /// What it was opened as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An object's bytes, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn read(&self, object: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(object);
        let read = self.runtime.block_on(async { self.objects.get(&path).await?.bytes().await });
        match read {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.access(object, &error)),
        }
    }

    /// Makes an object, and says whether that was done: not where it is there already.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn create(&self, object: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let path = self.path(object);
        let options = PutOptions::from(PutMode::Create);
        match self.runtime.block_on(self.objects.put_opts(&path, bytes.into(), options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(error) => Err(self.access(object, &error)),
        }
    }

    /// Writes an object, whole or not at all, in place of what may be there.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn write(&self, object: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = self.path(object);
        let written = self.runtime.block_on(self.objects.put(&path, bytes.into()));
        written.map(drop).map_err(|error| self.access(object, &error))
    }

    /// Deletes an object, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn remove(&self, object: &str) -> Result<(), StoreError> {
        match self.runtime.block_on(self.objects.delete(&self.path(object))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.access(object, &error)),
        }
    }

    /// The names of the folders right below one.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn folders(&self, below: &str) -> Result<Vec<String>, StoreError> {
        let listed = self.runtime.block_on(self.objects.list_with_delimiter(Some(&self.path(below))));
        let listed = listed.map_err(|error| self.access(below, &error))?;
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
        Ok(names.collect())
    }

    /// The names of the objects right below a folder that come after `after` in the order of text.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn objects(&self, below: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let (folder, offset) = (self.path(below), self.path(&format!("{below}/{after}")));
        let listed = self.objects.list_with_offset(Some(&folder), &offset).try_collect::<Vec<_>>();
        let listed = self.runtime.block_on(listed).map_err(|error| self.access(below, &error))?;
        let mut names = listed
            .iter()
            .filter_map(|object| object.location.filename().map(str::to_owned))
            .collect::<Vec<_>>();
        names.sort();
        Ok(names)
    }

    fn path(&self, object: &str) -> Path {
        // `child` would escape the slash of a path of several parts.
        Path::from_iter(self.root.parts().chain(Path::from(object).parts()))
    }

    fn object(&self, object: &str) -> String {
        format!("{}/{object}", self.name.trim_end_matches('/'))
    }

    fn access(&self, object: &str, error: &object_store::Error) -> StoreError {
        StoreError::Access { object: self.object(object), problem: error.to_string() }
    }
}
