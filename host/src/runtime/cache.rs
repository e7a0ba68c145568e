//! Machine code on disk.
//!
//! What lies there is run as native code, so it is read only from a folder that nobody else can
//! write, and its name holds everything it depends on: the component, wasmtime, the settings.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::{Engine, Error};

/// A folder of compiled components.
#[derive(Debug, Clone)]
pub struct CompileCache {
    folder: PathBuf,
}

impl CompileCache {
    /// Opens or makes the cache in `folder`.
    ///
    /// # Errors
    /// [`Error::Cache`] when others may write to the folder, or it cannot be made.
    pub fn open(folder: &Path) -> Result<CompileCache, Error> {
        let fail = |reason: String| Error::Cache { path: folder.to_owned(), reason };
        make_private(folder).map_err(|error| fail(error.to_string()))?;
        check_private(folder).map_err(fail)?;
        Ok(CompileCache { folder: folder.to_owned() })
    }

    /// Compiles `bytes` or reads what an earlier call compiled.
    pub(super) fn component(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, Error> {
        let path = self.folder.join(key(engine, bytes));
        if let Some(component) = read(engine, &path) {
            return Ok(component);
        }
        let component = Component::new(engine.inner(), bytes).map_err(Error::component)?;
        let code = component.serialize().map_err(Error::engine)?;
        self.write(&path, &code).map_err(|error| Error::Cache { path, reason: error.to_string() })?;
        Ok(component)
    }

    /// Whole or not at all: a reader never sees half a file.
    fn write(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        file.persist(path)?;
        Ok(())
    }
}

/// A file that does not load, cut short or of another build, counts as absent.
fn read(engine: &Engine, path: &Path) -> Option<Component> {
    if !path.is_file() {
        return None;
    }
    // SAFETY: the file was written by `Component::serialize` of this user's own process: the
    // folder is private, and the name holds the digest of component, version and settings.
    #[allow(unsafe_code, reason = "compiled code is trusted by where it lies; see above")]
    let component = unsafe { Component::deserialize_file(engine.inner(), path) };
    component
        .inspect_err(|error| tracing::debug!(%error, path = %path.display(), "compile cache entry ignored"))
        .ok()
}

fn key(engine: &Engine, bytes: &[u8]) -> String {
    struct Digester(Sha256);
    impl Hasher for Digester {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut digester = Digester(Sha256::new());
    engine.inner().precompile_compatibility_hash().hash(&mut digester);
    digester.0.update(bytes);
    format!("{}.cwasm", crate::digest::hex(&digester.0.finalize()))
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn check_private(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(folder).map_err(|error| error.to_string())?;
    // A file just made by this process tells its user without a system call of our own.
    let probe = tempfile::NamedTempFile::new_in(folder).map_err(|error| error.to_string())?;
    let me = probe.as_file().metadata().map_err(|error| error.to_string())?.uid();
    if metadata.uid() != me {
        return Err(format!(
            "it belongs to user {}, and compiled code is only read from one's own folder",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(
            "others may write to it, and compiled code is only read from a private folder: chmod go-w".into(),
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

/// Elsewhere the user's own cache folder is private by the system's default.
#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), String> {
    Ok(())
}
