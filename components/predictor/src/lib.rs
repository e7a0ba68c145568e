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
mod panic;
mod plans;
#[cfg(target_arch = "wasm32")]
mod random;
mod tensor;

use std::sync::OnceLock;

use edgewit_session::{Fault, Session};
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

mod datatype {
    edgewit_core::wit_datatypes!(super::exports::edgewit::inference::types);
}

/// The model of this sandbox, set once by `load`.
static MODEL: OnceLock<Model> = OnceLock::new();

/// What `load` makes.
struct Model {
    metadata: ModelMetadata,
    session: Session,
}

struct Predictor;

impl LoadGuest for Predictor {
    fn check(file: Vec<u8>, external: Vec<ExternalFile>, effort: Effort) -> Result<Report, Error> {
        panic::keep_messages();
        if effort == Effort::Explain {
            panic::keep_nodes();
        }
        // What is planned depends on the memory that it takes.
        edgewit_allocator::loading();
        load::check(file, &external, effort != Effort::Interpret)
    }

    fn load(
        file: Vec<u8>,
        external: Vec<ExternalFile>,
        identity: Identity,
        planned: bool,
    ) -> Result<(), Error> {
        panic::keep_messages();
        edgewit_allocator::loading();
        let model = load::load(file, external, identity, planned)?;
        let done = match MODEL.set(model) {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::Execution("this instance has a model already".into())),
        };
        edgewit_allocator::loaded();
        done
    }

    fn plans_when_run() -> bool {
        MODEL.get().is_none_or(|model| model.session.engine.plans_when_run())
    }

    fn measure() -> Residue {
        let edgewit_allocator::Residue { bytes, blocks } = edgewit_allocator::residue();
        Residue { bytes: bytes as u64, blocks }
    }

    fn arrange(residue: Residue) {
        let Residue { bytes, blocks } = residue;
        edgewit_allocator::arrange(&edgewit_allocator::Residue { bytes: bytes as usize, blocks });
    }
}

impl PredictGuest for Predictor {
    fn metadata() -> ModelMetadata {
        MODEL.get().map_or_else(no_metadata, |model| model.metadata.clone())
    }

    fn predict(inputs: Vec<Tensor>, outputs: Option<Vec<String>>) -> Result<Vec<Tensor>, Error> {
        let session = session()?;
        let inputs = session.bind(inputs.into_iter().map(Ok))?;
        let mut tensors = vec![];
        session.run(inputs, outputs, |output, tensor| {
            tensors.push(tensor::from_tract(output, tensor)?);
            Ok(())
        })?;
        Ok(tensors)
    }

    fn predict_protobuf(inputs: Vec<u8>, outputs: Option<Vec<String>>) -> Result<Vec<u8>, Error> {
        Ok(session()?.predict(inputs, outputs)?)
    }
}

fn session() -> Result<&'static Session, Error> {
    let model = MODEL.get().ok_or_else(|| Error::Execution("no model is loaded".into()))?;
    Ok(&model.session)
}

/// What `metadata` answers before a model is loaded.
fn no_metadata() -> ModelMetadata {
    ModelMetadata {
        name: String::new(),
        version: String::new(),
        digest: String::new(),
        manifest: "{}".into(),
        inputs: vec![],
        outputs: vec![],
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::InvalidInput(text) => Error::InvalidInput(text),
            Fault::Execution(text) => Error::Execution(text),
        }
    }
}
