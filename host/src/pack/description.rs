//! The custom section that says what a packed component holds, readable without running it.

use edgewit_core::ModelMetadata;
use serde::{Deserialize, Serialize};
use wasm_encoder::{ComponentSection, CustomSection};
use wasmparser::{ComponentExternalKind, Parser, Payload};

use super::simd::Simd;
use crate::runtime::{Execution, Report};

/// The section's name.
const SECTION: &str = "edgewit:model";

/// What a packed component says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// Name, version, digest, manifest, inputs, outputs.
    #[serde(flatten)]
    pub model: ModelMetadata,
    /// The operators of the graph, most used first.
    pub operators: Vec<OperatorCount>,
    /// Why each prediction goes node by node; absent for a model with a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreted: Option<String>,
}

/// An ONNX operator and how many nodes use it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorCount {
    /// Empty for `ai.onnx`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// The operator.
    pub name: String,
    /// Its nodes.
    pub nodes: u32,
}

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// The bytes are not a component.
    #[error("not a WebAssembly component: {0}")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// It is a component without our section.
    #[error("not a packed model: the component has no section `{SECTION}`")]
    Absent,
    /// The section does not parse.
    #[error("section `{SECTION}`: {0}")]
    Json(#[from] serde_json::Error),
}

impl Description {
    pub(super) fn new(model: ModelMetadata, report: Report) -> Description {
        let mut operators = report
            .operators
            .into_iter()
            .map(|operator| OperatorCount {
                domain: operator.domain,
                name: operator.name,
                nodes: operator.nodes,
            })
            .collect::<Vec<_>>();
        operators.sort_by(|a, b| b.nodes.cmp(&a.nodes).then_with(|| a.name.cmp(&b.name)));
        let interpreted = match report.execution {
            Some(Execution::Interpreted(reason)) => Some(reason),
            _ => None,
        };
        Description { model, operators, interpreted }
    }

    /// Appends the section to a component.
    pub(super) fn append_to(&self, component: &mut Vec<u8>) -> Result<(), DescriptionError> {
        let json = serde_json::to_vec(self)?;
        CustomSection { name: SECTION.into(), data: json.into() }.append_to_component(component);
        Ok(())
    }

    /// Reads the section of a packed component.
    ///
    /// # Errors
    /// When the bytes are not a component, or not one of ours.
    pub fn read(component: &[u8]) -> Result<Description, DescriptionError> {
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                    return Ok(serde_json::from_slice(section.data())?);
                }
                _ => {}
            }
        }
        Err(DescriptionError::Absent)
    }
}

/// The outside of a component: what it imports and exports, and how large its parts are.
#[derive(Debug, Default, Serialize)]
pub struct Outline {
    /// Names of the imports.
    pub imports: Vec<String>,
    /// Names of the exports.
    pub exports: Vec<String>,
    /// The SIMD instructions in its code.
    pub simd: Simd,
    /// Bytes of the whole file.
    pub bytes: usize,
    /// Bytes of code, the same for every model.
    pub code_bytes: usize,
    /// Bytes of the memory image: the runtime's data and the model.
    pub data_bytes: usize,
}

impl Outline {
    /// Reads the outline of a component.
    ///
    /// # Errors
    /// When the bytes are not WebAssembly.
    pub fn read(component: &[u8]) -> Result<Outline, DescriptionError> {
        let mut outline =
            Outline { bytes: component.len(), simd: Simd::of(component)?, ..Outline::default() };
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        outline.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export?;
                        if export.kind != ComponentExternalKind::Type {
                            outline.exports.push(export.name.name.to_owned());
                        }
                    }
                }
                Payload::CodeSectionStart { size, .. } => outline.code_bytes += size as usize,
                Payload::DataSection(section) => {
                    let range = section.range();
                    outline.data_bytes += (range.end - range.start) as usize;
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}
