//! The files of a model: `<name>/<version>/{model.onnx, model.toml, golden/}`, or one ONNX file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgewit_core::Manifest;
use edgewit_statistics::drift::Baseline;

use super::external;
use crate::digest;
use crate::runtime::ExternalFile;

/// What a model's data looked like in training, beside its manifest.
pub const BASELINE: &str = "drift.json";

/// A model as it lies on disk.
#[derive(Debug, Clone)]
pub struct Source {
    /// The folder of the model's version; the ONNX file's own folder if that was given.
    pub folder: PathBuf,
    /// The ONNX file.
    pub model_path: PathBuf,
    /// Its bytes.
    pub model: Vec<u8>,
    /// The files that hold tensors of it, in the order of their locations.
    pub external: Vec<ExternalFile>,
    /// The SHA-256 of the ONNX file; where there are external files, of all one after the other.
    pub digest: String,
    /// From the manifest, else from the folder or the file.
    pub name: String,
    /// From the manifest, else from the folder, else `1`.
    pub version: String,
    /// `model.toml`, or an empty one.
    pub manifest: Manifest,
    /// `drift.json`, if there is one.
    pub baseline: Option<Arc<Baseline>>,
}

/// Why there is no model at a path.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing to read.
    #[error("{path}: {error}")]
    File {
        /// What was to be read.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A folder without a model in it.
    #[error("{0}: no model.onnx here, nor in a numbered folder below")]
    Empty(String),
    /// A file with tensors of the model cannot be read.
    #[error("{path}: external data `{location}`: {problem}")]
    External {
        /// The ONNX file.
        path: String,
        /// The file as the model names it.
        location: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More than a sandbox can load.
    #[error(
        "{path}: {bytes} bytes with its external data; a model may have at most 2 GiB (2147483648 bytes), for it is \
         loaded into a sandbox of 4 GiB; quantise it, or split it"
    )]
    TooLarge {
        /// The ONNX file.
        path: String,
        /// What was counted until then.
        bytes: u64,
    },
    /// The manifest is not one.
    #[error("{path}: {error}")]
    Manifest {
        /// The manifest.
        path: String,
        /// What is wrong and where.
        error: Box<toml::de::Error>,
    },
    /// The baseline is not one.
    #[error("{path}: {error}; `edgewit baseline` makes it anew")]
    Baseline {
        /// The baseline.
        path: String,
        /// What is wrong and where.
        error: serde_json::Error,
    },
    /// The manifest holds what JSON cannot.
    #[error("model.toml: {0}")]
    Json(serde_json::Error),
    /// Names become parts of URLs and file names.
    #[error(
        "{path}: the {field} `{value}` may only hold letters, digits, `.`, `_` and `-`, and must begin with a letter or digit"
    )]
    Name {
        /// Where it comes from.
        path: String,
        /// `name` or `version`.
        field: &'static str,
        /// What was found.
        value: String,
    },
}

impl Source {
    /// Reads a model's version folder, its parent (the highest version is taken), or an ONNX file.
    ///
    /// # Errors
    /// When there is no model, or its manifest does not parse.
    pub fn read(path: &Path) -> Result<Source, SourceError> {
        let file = |path: &Path, error| SourceError::File { path: path.display().to_string(), error };
        let path = &path.canonicalize().map_err(|error| file(path, error))?;
        let model_path = if path.is_dir() { model_in(path)? } else { path.clone() };
        let folder = model_path.parent().unwrap_or(Path::new("/")).to_owned();
        let bytes = fs::metadata(&model_path).map_err(|error| file(&model_path, error))?.len();
        external::check_size(&model_path, bytes)?;
        let model = fs::read(&model_path).map_err(|error| file(&model_path, error))?;
        let external = external::read(&model, &model_path, &folder)?;

        let manifest = manifest_in(&folder)?;
        let (name, version) = identify(&model_path, &folder, &manifest);
        for (field, value) in [("name", &name), ("version", &version)] {
            if !is_name(value) {
                let path = model_path.display().to_string();
                return Err(SourceError::Name { path, field, value: value.clone() });
            }
        }
        let files = external.iter().map(|file| file.bytes.as_slice());
        let digest = digest::sha256_of(std::iter::once(model.as_slice()).chain(files));
        let baseline = baseline_in(&folder)?;
        Ok(Source { folder, model_path, model, external, digest, name, version, manifest, baseline })
    }
}

/// The folders of all model versions below `models`: `<name>/<version>`, in order.
///
/// # Errors
/// When a folder cannot be read.
pub fn versions(models: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut found = vec![];
    for model in folders(models)? {
        found.extend(numbered(&model)?.into_iter().map(|(_, folder)| folder));
    }
    Ok(found)
}

/// The name of the model whose version lies in `folder`, without reading the model.
///
/// # Errors
/// When its manifest does not parse.
pub fn name(folder: &Path) -> Result<String, SourceError> {
    Ok(identify(&folder.join("model.onnx"), folder, &manifest_in(folder)?).0)
}

/// The baseline of a folder, where there is one.
pub(crate) fn baseline_in(folder: &Path) -> Result<Option<Arc<Baseline>>, SourceError> {
    let path = folder.join(BASELINE);
    let display = || path.display().to_string();
    match fs::read(&path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(baseline) => Ok(Some(Arc::new(baseline))),
            Err(error) => Err(SourceError::Baseline { path: display(), error }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SourceError::File { path: display(), error }),
    }
}

/// The manifest of a folder; an empty one where there is none.
fn manifest_in(folder: &Path) -> Result<Manifest, SourceError> {
    let path = folder.join("model.toml");
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Manifest::default()),
        Err(error) => Err(SourceError::File { path: path.display().to_string(), error }),
    }
}

fn model_in(folder: &Path) -> Result<PathBuf, SourceError> {
    let direct = folder.join("model.onnx");
    if direct.is_file() {
        return Ok(direct);
    }
    match numbered(folder)?.pop() {
        Some((_, version)) => Ok(version.join("model.onnx")),
        None => Err(SourceError::Empty(folder.display().to_string())),
    }
}

/// The version folders of a model, lowest first.
fn numbered(model: &Path) -> Result<Vec<(u64, PathBuf)>, SourceError> {
    let mut versions = folders(model)?
        .into_iter()
        .filter(|folder| folder.join("model.onnx").is_file())
        .filter_map(|folder| Some((folder.file_name()?.to_str()?.parse().ok()?, folder)))
        .collect::<Vec<(u64, PathBuf)>>();
    versions.sort();
    Ok(versions)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let fail = |error| SourceError::File { path: parent.display().to_string(), error };
    let mut folders = vec![];
    for entry in fs::read_dir(parent).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn parse(text: &str, path: &Path) -> Result<Manifest, SourceError> {
    toml::from_str(text)
        .map_err(|error| SourceError::Manifest { path: path.display().to_string(), error: Box::new(error) })
}

/// `models/churn/1/model.onnx` is version 1 of churn; `some/where/iris.onnx` is version 1 of iris.
fn identify(model_path: &Path, folder: &Path, manifest: &Manifest) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = text(model_path.file_stem()).unwrap_or_default();
    let last = text(folder.file_name()).unwrap_or_default();
    let in_version = stem == "model" && last.parse::<u64>().is_ok();
    let name = match (&*stem, in_version) {
        ("model", true) => text(folder.parent().and_then(Path::file_name)).unwrap_or(stem),
        ("model", false) if !last.is_empty() => last.clone(),
        _ => stem,
    };
    let version = if in_version { last } else { "1".into() };
    (manifest.name.clone().unwrap_or(name), manifest.version.clone().unwrap_or(version))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
