//! The predictor: WIT on one side, tract on the other, nothing else.
//!
//! Its life has two parts. When a model is packed, the host calls `load`, which parses and
//! optimises the ONNX file, and takes a snapshot of the memory. Every instance made from that
//! snapshot then finds the model in [`MODEL`], ready, and answers `predict`.
//!
//! It is built for wasm32-unknown-unknown: without an operating system underneath there is no
//! import to stub out after the snapshot, and nothing that could differ between two snapshots.

mod batch;
mod load;
mod memory;
mod model;
mod pages;
mod panic;
mod plans;
#[cfg(target_arch = "wasm32")]
mod random;
mod tensor;

use std::sync::OnceLock;

use exports::edgewit::inference::load::{
    Effort, ExternalFile, Guest as LoadGuest, Identity, Report, Residue,
};
use exports::edgewit::inference::predict::{Guest as PredictGuest, ModelMetadata};
use exports::edgewit::inference::types::{Error, Tensor};

#[allow(unsafe_code, missing_docs, reason = "the canonical ABI is generated code")]
mod bindings {
    wit_bindgen::generate!({
        world: "loader",
        path: "../../wit",
    });

    use super::Predictor;
    export!(Predictor with_types_in self);
}
use bindings::exports;

/// The model of this sandbox, set once by `load`.
static MODEL: OnceLock<model::Model> = OnceLock::new();

struct Predictor;

impl LoadGuest for Predictor {
    fn check(file: Vec<u8>, external: Vec<ExternalFile>, effort: Effort) -> Result<Report, Error> {
        panic::keep_messages();
        if effort == Effort::Explain {
            panic::keep_nodes();
        }
        // What is planned depends on the memory that it takes.
        memory::loading();
        load::check(file, &external, effort != Effort::Interpret)
    }

    fn load(
        file: Vec<u8>,
        external: Vec<ExternalFile>,
        identity: Identity,
        planned: bool,
    ) -> Result<(), Error> {
        panic::keep_messages();
        memory::loading();
        let model = load::load(file, external, identity, planned)?;
        let done = match MODEL.set(model) {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::Execution("this instance has a model already".into())),
        };
        memory::loaded();
        done
    }

    fn measure() -> Residue {
        let memory::Residue { bytes, blocks } = memory::residue();
        Residue { bytes: bytes as u64, blocks }
    }

    fn arrange(residue: Residue) {
        memory::arrange(&memory::Residue { bytes: residue.bytes as usize, blocks: residue.blocks });
    }
}

impl PredictGuest for Predictor {
    fn metadata() -> ModelMetadata {
        MODEL.get().map_or_else(model::no_metadata, |model| model.metadata.clone())
    }

    fn predict(inputs: Vec<Tensor>, outputs: Option<Vec<String>>) -> Result<Vec<Tensor>, Error> {
        let model = MODEL.get().ok_or_else(|| Error::Execution("no model is loaded".into()))?;
        model.predict(inputs, outputs)
    }
}
