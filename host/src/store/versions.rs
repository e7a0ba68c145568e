//! Versions in and out of the store.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use semver::Version;

use super::publication::{component_object, object};
use super::{Blob, Publication, Signer, Store, StoreError, Verifier};
use crate::pack::cache::write;
use crate::pack::source::Source;

/// What is pushed.
pub struct Pushed<'a> {
    /// The model's folder.
    pub source: &'a Source,
    /// Its version in the store.
    pub version: &'a str,
    /// It, packed.
    pub component: Vec<u8>,
    /// Who pushes it.
    pub author: Option<String>,
    /// What signs it.
    pub signer: Option<&'a Signer>,
}

/// A version's place in the order: as semantic versioning has it, a whole number being the first of its kind.
///
/// # Errors
/// [`StoreError::Version`].
pub(super) fn order(version: &str) -> Result<Version, StoreError> {
    let whole = version.parse::<u64>().map(|major| Version::new(major, 0, 0));
    whole.or_else(|_| Version::parse(version)).map_err(|_| StoreError::Version(version.into()))
}

/// Publishes a version. The publication comes last: until then there is nothing for others to see.
///
/// # Errors
/// [`StoreError::Exists`], [`StoreError::Version`], or when a file cannot be read or the store does not take it.
pub fn push(store: &Store, pushed: Pushed<'_>) -> Result<Publication, StoreError> {
    let Pushed { source, version, component, author, signer } = pushed;
    order(version)?;
    let exists = || StoreError::Exists { model: source.name.clone(), version: version.into() };
    let name = object(&source.name, version);
    if store.read(&name)?.is_some() {
        return Err(exists());
    }
    let mut files = BTreeMap::new();
    for path in files_of(source)? {
        let bytes = fs::read(&path).map_err(|error| file_error(&path, &error))?;
        let within = path.strip_prefix(&source.folder).unwrap_or(&path);
        let within = within.components().map(|part| part.as_os_str().to_string_lossy());
        let within = within.collect::<Vec<_>>().join("/");
        files.insert(within.clone(), Blob::of(&bytes));
        store.write(&format!("{}/{version}/{within}", source.name), bytes)?;
    }
    let blob = Blob::of(&component);
    store.create(&component_object(&blob), component)?;
    let mut publication = Publication {
        model: source.name.clone(),
        version: version.into(),
        created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        author,
        edgewit: env!("CARGO_PKG_VERSION").into(),
        component: blob,
        files,
        metrics: BTreeMap::new(),
        training: serde_json::Map::new(),
    };
    publication.describe(&source.manifest);
    let text = serde_json::to_vec_pretty(&publication)
        .map_err(|error| StoreError::Damaged { object: store.object(&name), problem: error.to_string() })?;
    if let Some(signer) = signer {
        store.write(&format!("{name}.sig"), signer.sign(&text))?;
    }
    if store.create(&name, text)? { Ok(publication) } else { Err(exists()) }
}

/// The files that belong to a model: of its folder all but hidden ones; of an ONNX file that is not called so, itself
/// and those it names.
fn files_of(source: &Source) -> Result<Vec<PathBuf>, StoreError> {
    if source.model_path.file_name().is_some_and(|name| name == "model.onnx") {
        let mut files = vec![];
        collect(&source.folder, &mut files)?;
        return Ok(files);
    }
    let external = source.external.iter().map(|file| source.folder.join(&file.location));
    Ok(std::iter::once(source.model_path.clone()).chain(external).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(|error| file_error(folder, &error))? {
        let path = entry.map_err(|error| file_error(folder, &error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            collect(&path, files)?;
        } else if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), problem: error.to_string() }
}

impl Store {
    /// The models that have a version, in order.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn models(&self) -> Result<Vec<String>, StoreError> {
        let mut models = self.folders("")?;
        models.retain(|name| name != "components");
        models.sort();
        Ok(models)
    }

    /// The published versions of a model, lowest first.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn versions(&self, model: &str) -> Result<Vec<String>, StoreError> {
        let mut versions = self
            .folders(model)?
            .into_iter()
            .filter_map(|version| Some((order(&version).ok()?, version)))
            .collect::<Vec<_>>();
        versions.sort();
        let mut published = vec![];
        for (_, version) in versions {
            if self.read(&object(model, &version))?.is_some() {
                published.push(version);
            }
        }
        Ok(published)
    }

    /// Copies those of a version's files that are wanted to `<folder>/<model>/<version>`, none of them half, and returns
    /// that folder.
    ///
    /// # Errors
    /// When the version is not there, not trusted or damaged, or cannot be written.
    pub fn pull(
        &self,
        model: &str,
        version: &str,
        verifier: &Verifier,
        folder: &Path,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(Publication, PathBuf), StoreError> {
        let publication = Publication::read(self, model, version, verifier)?;
        let target = folder.join(model).join(version);
        for (path, blob) in publication.files.iter().filter(|(path, _)| wanted(path)) {
            let file = target.join(path);
            if fs::read(&file).is_ok_and(|bytes| Blob::of(&bytes) == *blob) {
                continue;
            }
            let bytes = publication.file(self, path)?;
            write(&file, &bytes).map_err(|error| StoreError::File {
                path: file.display().to_string(),
                problem: error.to_string(),
            })?;
        }
        Ok((publication, target))
    }

    /// Hands every object of a published version to `each`, held against its digest.
    ///
    /// # Errors
    /// When the version is not there or damaged, or what `each` fails with.
    pub fn export<E: From<StoreError>>(
        &self,
        model: &str,
        version: &str,
        mut each: impl FnMut(&str, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let publication = Publication::read(self, model, version, &Verifier::default())?;
        each(&component_object(&publication.component), publication.component(self)?)?;
        for path in publication.files.keys() {
            each(&format!("{model}/{version}/{path}"), publication.file(self, path)?)?;
        }
        let name = object(model, version);
        for object in [format!("{name}.sig"), name] {
            if let Some(bytes) = self.read(&object)? {
                each(&object, bytes)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn versions_are_in_the_order_of_semantic_versioning() {
        let mut versions = ["10", "9", "1.2.10", "1.2.9", "1.2.9-rc.1", "2.0.0"];
        versions.sort_by_key(|version| order(version).unwrap());
        assert_eq!(versions, ["1.2.9-rc.1", "1.2.9", "1.2.10", "2.0.0", "9", "10"]);
        for wrong in ["", "1.2", "v1.0.0", "1.0.0.0", "-1"] {
            assert!(order(wrong).is_err(), "{wrong}");
        }
    }
}
