//! Hides everything but the interface of a packed model.
//!
//! The snapshot still exports `load` and the exports through which it was taken. It becomes a
//! component within a component, whose exports are `types` and `predict` alone.

use anyhow::{Context, Result};
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};

/// All that a packed model exports.
const EXPORTS: [&str; 2] = ["edgewit:inference/types@0.1.0", "edgewit:inference/predict@0.1.0"];

/// Wraps `snapshot`.
pub(super) fn seal(snapshot: Vec<u8>) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let package = Package::from_bytes("edgewit:snapshot", None, snapshot, graph.types_mut())?;
    let package = graph.register_package(package)?;
    let instance = graph.instantiate(package);
    for name in EXPORTS {
        let export =
            graph.alias_instance_export(instance, name).with_context(|| format!("no export {name}"))?;
        graph.export(export, name)?;
    }
    // The result is validated by the engine that compiles it; here it would only cost time.
    Ok(graph.encode(EncodeOptions { validate: false, ..Default::default() })?)
}
