//! The component for browsers with a packed model in it.

use anyhow::{Context, Result};
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};

/// What the component for browsers imports and a packed model exports.
const PREDICT: &str = "edgewit:inference/predict@0.1.0";
/// All that the result exports.
const SCORING: &str = "edgewit:browser/scoring@0.1.0";

/// Composes `browser` with `packed`; the result imports nothing.
pub(super) fn compose(packed: &[u8], browser: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let packed = Package::from_bytes("edgewit:packed", None, packed.to_vec(), graph.types_mut())?;
    let packed = graph.register_package(packed)?;
    let browser = Package::from_bytes("edgewit:browser", None, browser.to_vec(), graph.types_mut())?;
    let browser = graph.register_package(browser)?;
    let model = graph.instantiate(packed);
    let predict =
        graph.alias_instance_export(model, PREDICT).with_context(|| format!("no export {PREDICT}"))?;
    let scoring = graph.instantiate(browser);
    graph.set_instantiation_argument(scoring, PREDICT, predict)?;
    let export = graph.alias_instance_export(scoring, SCORING)?;
    graph.export(export, SCORING)?;
    // The translator validates what it is given.
    Ok(graph.encode(EncodeOptions { validate: false, ..Default::default() })?)
}
