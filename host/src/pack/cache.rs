//! Models ready to serve: packed and compiled once, then found again by the digest of what they were made from.
//!
//! What is kept is the compiled form alone (see [`CompileCache`]): a host that finds it reads neither the packed
//! component nor the predictor.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::source::{Source, SourceError};
use super::{PREDICTOR, PREDICTOR_DIGEST, PackError, assemble, pack};
use crate::digest::sha256;
use crate::progress::Progress;
use crate::runtime::{CompileCache, Engine, EngineConfig, Limits, Loader, Program};

/// Gives the program of a model, packing it if need be. Several threads may ask at once.
pub struct ModelCache<'a> {
    engine: &'a Engine,
    compiled: &'a CompileCache,
    /// Made for the first model that must be packed. Its engine has no pool: loading takes more memory than
    /// predicting.
    loader: Mutex<Option<Loader<'static>>>,
}

impl<'a> ModelCache<'a> {
    /// Programs for `engine`, kept in `compiled`.
    pub fn new(engine: &'a Engine, compiled: &'a CompileCache) -> ModelCache<'a> {
        ModelCache { engine, compiled, loader: Mutex::default() }
    }

    /// The program of `source`: found if it was packed before, packed and compiled now otherwise.
    ///
    /// # Errors
    /// As [`pack`], or when the cache cannot be written.
    pub fn program(&self, source: &Source, progress: &Progress) -> Result<Program, PackError> {
        let key = key(source)?;
        if let Some(program) = Program::find(self.engine, self.compiled, &key) {
            return Ok(program);
        }
        // Whole: its code is that of the predictor, which is compiled by then.
        let packed = assemble(&self.loader(progress)?, source, &Limits::packing(), progress, false)?;
        progress.step(format!("{} {}: compiling", source.name, source.version));
        Program::named(self.engine, self.compiled, &key, &packed).map_err(PackError::Compile)
    }

    /// The packed component of `source`, made now: no host keeps it.
    ///
    /// # Errors
    /// As [`pack`].
    pub fn pack(&self, source: &Source, progress: &Progress) -> Result<Vec<u8>, PackError> {
        pack(&self.loader(progress)?, source, &Limits::packing(), progress)
    }

    /// Whether a model had to be packed.
    pub fn has_packed(&self) -> bool {
        self.loader.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn loader(&self, progress: &Progress) -> Result<Loader<'static>, PackError> {
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loader) = &*loader {
            return Ok(loader.clone());
        }
        progress.step("preparing the predictor (compiled once, then cached)".into());
        let engine = Engine::new(&EngineConfig::default()).map_err(PackError::Snapshot)?;
        let made = Loader::new(&engine, self.compiled, PREDICTOR).map_err(PackError::Snapshot)?;
        Ok(loader.insert(made).clone())
    }
}

/// Writes a file whole or not at all, making its folder.
///
/// # Errors
/// [`PackError::File`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PackError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // A temporary file is the user's alone; a packed model is a file like any other.
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| PackError::File { path: path.display().to_string(), error })
}

/// Name, version, and the digest of everything that the packed component depends on.
fn key(source: &Source) -> Result<String, SourceError> {
    let manifest = source.manifest.to_json().map_err(SourceError::Json)?;
    let made_from = [PREDICTOR_DIGEST, &source.digest, &manifest].join("\n");
    Ok(format!("{}-{}-{}", source.name, source.version, &sha256(made_from.as_bytes())[..32]))
}
