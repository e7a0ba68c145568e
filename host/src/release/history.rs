//! Releases in the store: `<model>/releases/<revision>.json`.
//!
//! A change makes the object of the next revision, which the store refuses when it is there already: whoever comes second
//! reads again and decides anew. So of several who change at once one does, on a directory as on a bucket, and what was
//! before stays to be read.

use std::time::SystemTime;

use super::{Refused, Release};
use crate::store::{Store, StoreError};

/// The names sort as the numbers do.
const DIGITS: usize = 10;

/// Why a release was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The change makes no sense for what there is.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn folder(model: &str) -> String {
    format!("{model}/releases")
}

fn object(revision: u64) -> String {
    format!("{revision:0DIGITS$}.json")
}

/// The newest release of a model, from `known` on: revision 0 where there is none.
///
/// # Errors
/// When the store does not answer, or the object is none of ours.
pub fn latest(store: &Store, model: &str, known: u64) -> Result<Release, StoreError> {
    let after = object(known.saturating_sub(1));
    match store.objects(&folder(model), &after)?.pop() {
        Some(name) => read(store, model, &name),
        None => Ok(Release::default()),
    }
}

/// The release after `revision`, if there is one.
///
/// # Errors
/// As [`latest`].
pub(super) fn next(store: &Store, model: &str, revision: u64) -> Result<Option<Release>, StoreError> {
    let name = object(revision + 1);
    match store.read(&format!("{}/{name}", folder(model)))? {
        Some(bytes) => parse(store, model, &name, &bytes).map(Some),
        None => Ok(None),
    }
}

/// All releases of a model, newest first.
///
/// # Errors
/// As [`latest`].
pub fn history(store: &Store, model: &str, most: usize) -> Result<Vec<Release>, StoreError> {
    let names = store.objects(&folder(model), "")?;
    names.iter().rev().take(most).map(|name| read(store, model, name)).collect()
}

/// Makes the next release of what `change` makes of the newest, `by` somebody, and returns it.
///
/// # Errors
/// What `change` refuses, or the store.
pub fn change(
    store: &Store,
    model: &str,
    by: &str,
    change: impl Fn(&Release) -> Result<Release, Refused>,
) -> Result<Release, ReleaseError> {
    let mut known = 0;
    loop {
        let current = latest(store, model, known)?;
        let mut next = change(&current)?;
        next.at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        next.by = by.into();
        let text = serde_json::to_vec_pretty(&next).map_err(|error| StoreError::Damaged {
            object: format!("{}/{}", folder(model), object(next.revision)),
            problem: error.to_string(),
        })?;
        if store.create(&format!("{}/{}", folder(model), object(next.revision)), text)? {
            return Ok(next);
        }
        known = next.revision;
    }
}

fn read(store: &Store, model: &str, name: &str) -> Result<Release, StoreError> {
    let object = format!("{}/{name}", folder(model));
    match store.read(&object)? {
        Some(bytes) => parse(store, model, name, &bytes),
        None => Err(StoreError::Damaged { object, problem: "it is gone".into() }),
    }
}

fn parse(store: &Store, model: &str, name: &str, bytes: &[u8]) -> Result<Release, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Damaged {
        object: format!("{}/{}/{name}", store.name().trim_end_matches('/'), folder(model)),
        problem: error.to_string(),
    })
}
