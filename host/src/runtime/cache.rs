//! Machine code on disk.
//!
//! What lies there is run as native code, so it is read only from a folder that nobody else can
//! write, and its name holds everything it depends on: the component, wasmtime, the settings.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Module;
use wasmtime::component::Component;

use super::program::Compiled;
use super::{Engine, Error};

/// A folder of compiled components and modules, and notes of what a model's program consists of.
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

    /// Compiles a component, or reads what an earlier call compiled; and its key.
    pub(super) fn component(&self, engine: &Engine, bytes: &[u8]) -> Result<(Component, String), Error> {
        let key = key(engine, bytes);
        if let Some(component) = self.find_component(engine, &key) {
            return Ok((component, key));
        }
        let component = Component::new(engine.inner(), bytes).map_err(Error::component)?;
        self.write(&key, &component.serialize().map_err(Error::engine)?)?;
        Ok((component, key))
    }

    /// The component of a key, if it was compiled before.
    pub(super) fn find_component(&self, engine: &Engine, key: &str) -> Option<Component> {
        self.read(key, |path| {
            // SAFETY: see `read`.
            #[allow(unsafe_code, reason = "compiled code is trusted by where it lies; see `read`")]
            unsafe {
                Component::deserialize_file(engine.inner(), path)
            }
        })
    }

    /// Compiles a core module, or reads what an earlier call compiled; and its key. Of a `shared` one there is
    /// one copy in memory, however often it is asked for.
    pub(super) fn module(
        &self,
        engine: &Engine,
        bytes: &[u8],
        shared: bool,
    ) -> Result<(Module, String), Error> {
        let key = key(engine, bytes);
        if let Some(module) = self.find_module(engine, &key, shared) {
            return Ok((module, key));
        }
        let module = Module::new(engine.inner(), bytes).map_err(Error::component)?;
        self.write(&key, &module.serialize().map_err(Error::engine)?)?;
        // From the file its memory image is mapped; what was compiled here would keep a copy of it.
        let module = self.find_module(engine, &key, shared).unwrap_or(module);
        Ok((module, key))
    }

    /// The module of a key, if it was compiled before.
    pub(super) fn find_module(&self, engine: &Engine, key: &str, shared: bool) -> Option<Module> {
        let read = || {
            self.read(key, |path| {
                // SAFETY: see `read`.
                #[allow(unsafe_code, reason = "compiled code is trusted by where it lies; see `read`")]
                unsafe {
                    Module::deserialize_file(engine.inner(), path)
                }
            })
        };
        if shared { engine.shared(key, read) } else { read() }
    }

    /// Notes that `compiled` is what `engine` made of the program called `name`.
    pub(super) fn note(&self, engine: &Engine, name: &str, compiled: &Compiled) -> Result<(), Error> {
        let note = serde_json::to_vec(compiled).map_err(|error| self.fault(error.to_string()))?;
        self.write(&note_name(engine, name), &note)
    }

    /// What the program called `name` is for an engine of these settings.
    pub(super) fn noted(&self, engine: &Engine, name: &str) -> Option<Compiled> {
        serde_json::from_slice(&fs::read(self.folder.join(note_name(engine, name))).ok()?).ok()
    }

    /// Reads a compiled file. What does not load, cut short or of another build, counts as absent.
    ///
    /// `load` trusts the file: it was written by `serialize` of this user's own process, for the folder is
    /// private, and its name holds the digest of what was compiled, of wasmtime's version and of the settings.
    fn read<T>(&self, key: &str, load: impl FnOnce(&Path) -> wasmtime::Result<T>) -> Option<T> {
        let path = self.folder.join(key);
        if !path.is_file() {
            return None;
        }
        let ignored = |error: &wasmtime::Error| {
            tracing::debug!(%error, path = %path.display(), "compile cache entry ignored");
        };
        load(&path).inspect_err(ignored).ok()
    }

    /// Whole or not at all: a reader never sees half a file.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(bytes)?;
            file.persist(self.folder.join(name))?;
            Ok(())
        };
        write().map_err(|error| self.fault(error.to_string()))
    }

    fn fault(&self, reason: String) -> Error {
        Error::Cache { path: self.folder.clone(), reason }
    }
}

/// Engines of other settings have notes of their own.
fn note_name(engine: &Engine, name: &str) -> String {
    format!("{name}-{}.json", &key(engine, b"")[..8])
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
