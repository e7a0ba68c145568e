//! Copies of what hosts share: a registry, and a store of records.
//!
//! ```text
//! <folder>/registry/<object>           what is published and released, under the names that it has there
//! <folder>/records.{sqlite,postgres}   predictions and labels
//! <folder>/backup.json                 the [`Contents`]: digests of all that
//! ```
//!
//! A backup is made by a [`Draft`], whose folder has its name only when all is in it, and read by a [`Backup`], which was held
//! against its digests. What is restored into must be empty, unless it is said that the backup goes over it.

mod draft;
mod restore;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::records::CopyError;
use crate::store::{Blob, StoreError};

pub use draft::Draft;
pub use restore::{Backup, Restored};

const CONTENTS: &str = "backup.json";
const REGISTRY: &str = "registry/";
const SQLITE: &str = "records.sqlite";
const POSTGRES: &str = "records.postgres";

/// What is in a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contents {
    /// When it was made (RFC 3339).
    pub created: String,
    /// The version of Edgewit that made it.
    pub edgewit: String,
    /// Every file but this, by its path.
    pub files: BTreeMap<String, Blob>,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup goes over nothing.
    #[error("{0} is there already; give a name that is not")]
    Taken(String),
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file is not what was backed up.
    #[error("{path}: {problem}; it was altered, or is not whole")]
    Damaged {
        /// The file.
        path: String,
        /// What differs.
        problem: String,
    },
    /// There is something where the backup would go.
    #[error("{place}: expected it to be empty, got {holds}; --overwrite puts the backup in their place")]
    Occupied {
        /// The registry or the store.
        place: String,
        /// What is there.
        holds: String,
    },
    /// The backup is of SQLite and the store PostgreSQL's, or the reverse.
    #[error("expected a store of {of}, as that is what was backed up; got one of {is}")]
    Kind {
        /// What the backup is of.
        of: &'static str,
        /// What the store is.
        is: &'static str,
    },
    /// The registry did not do what was asked.
    #[error(transparent)]
    Registry(#[from] StoreError),
    /// The store of records did not.
    #[error("records: {0}")]
    Records(#[from] CopyError),
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> BackupError {
    move |error| BackupError::File { path: path.display().to_string(), error }
}
