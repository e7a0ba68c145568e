//! A component to JavaScript and core WebAssembly, by the library that is behind jco.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use js_component_bindgen::{InstantiationMode, TranspileOpts, transpile};

use super::{File, WebError};
use crate::pack::simd::Simd;

/// The bindings look for a switch in the environment at every step. Deno asks its user first, and Node is slow at it.
const SWITCH: &str = "if (!globalThis?.process?.env?.JCO_DEBUG) { return; }";

/// A component in one kind of SIMD.
pub(super) struct Build {
    /// Its name, and the folder of its files.
    pub(super) name: &'static str,
    /// `bindings.js`, and core modules.
    pub(super) files: Vec<File>,
    /// What `bindings.js` asks for, and the file in which it is.
    pub(super) modules: Vec<(String, String)>,
}

/// Translates a component.
///
/// The core modules are compressed and named so that a server sends them as they are: few servers compress WebAssembly,
/// and one that takes a file for compressed content would have the browser undo it.
pub(super) fn translate(component: &[u8], simd: Simd) -> Result<Build, WebError> {
    let options = TranspileOpts {
        name: "bindings".into(),
        no_typescript: true,
        instantiation_mode: Some(InstantiationMode::Async),
        nodejs_compat_disabled: true,
        valid_lifting_optimization: true,
        // `link.js` copies between the two components' memories.
        multi_memory: false,
        ..TranspileOpts::default()
    };
    let translated =
        transpile(component, options).map_err(|error| WebError::Translate(format!("{error:#}")))?;
    let name = match simd {
        Simd::Relaxed => "relaxed",
        Simd::Baseline => "baseline",
    };
    let (mut files, mut modules) = (vec![], vec![]);
    for (path, bytes) in translated.files {
        let Some(module) = path.strip_suffix(".wasm") else {
            let text = String::from_utf8_lossy(&bytes).replace(SWITCH, "return;");
            files.push(File::new(format!("{name}/{path}"), text));
            continue;
        };
        let file = format!("{name}/{module}.bin");
        let mut compressed = GzEncoder::new(vec![], Compression::best());
        let compressed = compressed.write_all(&bytes).and_then(|()| compressed.finish());
        files.push(File::new(&file, compressed.map_err(|error| WebError::Translate(error.to_string()))?));
        modules.push((path, file));
    }
    Ok(Build { name, files, modules })
}
