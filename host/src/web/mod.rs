//! A packed model as a folder for browsers: an ES module for developers and a page for everyone.
//!
//! 1. [`compose`] joins the packed model with the component for browsers, which makes tensors of rows.
//! 2. [`translate`] makes JavaScript and core WebAssembly of it, with relaxed SIMD and without.
//! 3. [`module`] describes the model's own rows: types, package, README.
//! 4. [`page`] adds the page and what makes it work without a network.
//!
//! The same packed model gives the same bytes.

mod compose;
mod files;
mod module;
mod page;
mod translate;

use std::thread;

use edgewit_core::RowSchema;

use crate::pack::description::{Description, DescriptionError};
use crate::pack::simd::{Simd, without_relaxed};

pub use files::{File, hosted, media_type};
use translate::Build;

/// The component for browsers. Built with this binary.
static BROWSER: &[u8] = include_bytes!(env!("EDGEWIT_BROWSER"));

/// Why there is no folder for browsers.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The bytes are no packed model.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The packed model has another interface.
    #[error("the model cannot be composed with the component for browsers: {0}")]
    Compose(String),
    /// The component cannot be translated.
    #[error("the component cannot be translated to JavaScript: {0}")]
    Translate(String),
}

/// Where the page is served from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Any server of files: predictions are made in the page alone, and it connects nowhere.
    Files,
    /// `edgewit serve`, which the page can ask, too.
    Host,
}

/// The files of a page for hosts that ask for keys. It is the same for every model, asks its reader for a key, and with that
/// the host for the files of [`Origin::Host`].
pub fn shell() -> Vec<File> {
    page::shell()
}

/// The files for the packed model in `component`.
///
/// # Errors
/// When the bytes are no packed model, or one of another interface.
pub fn site(component: &[u8], origin: Origin) -> Result<Vec<File>, WebError> {
    let description = Description::read(component)?;
    let composed =
        compose::compose(component, BROWSER).map_err(|error| WebError::Compose(format!("{error:#}")))?;
    let relaxed = Simd::of(&composed).map_err(DescriptionError::from)? == Simd::Relaxed;
    let baseline = || -> Result<Build, WebError> {
        let plain = without_relaxed(&composed).map_err(|error| WebError::Translate(error.to_string()))?;
        translate::translate(&plain, Simd::Baseline)
    };
    let (baseline, relaxed) = thread::scope(|scope| {
        let relaxed = relaxed.then(|| scope.spawn(|| translate::translate(&composed, Simd::Relaxed)));
        let panicked = |_| Err(WebError::Translate("the translator panicked".into()));
        (baseline(), relaxed.map(|thread| thread.join().unwrap_or_else(panicked)).transpose())
    });
    let builds = relaxed?.into_iter().chain([baseline?]).collect::<Vec<_>>();
    let schema = RowSchema::new(&description.model).ok();
    let mut files = module::files(&description, schema.as_ref(), &builds);
    if origin == Origin::Host {
        files.push(module::described(&description, schema.as_ref(), &builds));
    }
    files.extend(builds.into_iter().flat_map(|build| build.files));
    page::add(&mut files, &description, origin);
    Ok(files)
}
