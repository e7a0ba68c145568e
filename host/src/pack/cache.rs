//! Packed components on disk, each under the digest of everything it was made from.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::source::{Source, SourceError};
use super::{PREDICTOR, PackError, pack};
use crate::digest::sha256;
use crate::progress::Progress;
use crate::runtime::{CompileCache, Engine, Limits, Loader};

/// The folder where packed components are kept.
pub struct PackCache {
    folder: PathBuf,
}

impl PackCache {
    /// Keeps packed components in `folder`, which is made when the first is written.
    pub fn new(folder: PathBuf) -> PackCache {
        PackCache { folder }
    }

    /// The packed form of `source`: read if it was packed before, packed now otherwise.
    ///
    /// # Errors
    /// As [`pack`], or when the folder cannot be written.
    pub fn packed(
        &self,
        engine: &Engine,
        compiled: &CompileCache,
        source: &Source,
        limits: &Limits,
        progress: &Progress,
    ) -> Result<Vec<u8>, PackError> {
        let path = self.folder.join(file_name(source)?);
        if let Ok(component) = fs::read(&path) {
            return Ok(component);
        }
        progress.step("preparing the predictor".into());
        let loader = Loader::new(engine, compiled, PREDICTOR).map_err(PackError::Snapshot)?;
        let component = pack(&loader, source, limits, progress)?;
        write(&path, &component)?;
        Ok(component)
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

fn file_name(source: &Source) -> Result<String, SourceError> {
    let manifest = source.manifest.to_json().map_err(SourceError::Json)?;
    let made_from = [sha256(PREDICTOR), source.digest.clone(), manifest].join("\n");
    Ok(format!("{}-{}-{}.wasm", source.name, source.version, &sha256(made_from.as_bytes())[..16]))
}
