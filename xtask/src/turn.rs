//! Folders below target/ that several programs want made once: tests run beside each other, in threads and in processes.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// Waits until nobody else makes `folder`; the next one waits until what this gives is dropped.
pub(crate) fn take(folder: &Path) -> Result<File> {
    let path = folder.with_extension("lock");
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    file.lock().with_context(|| path.display().to_string())?;
    Ok(file)
}
