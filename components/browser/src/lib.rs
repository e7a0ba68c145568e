//! The browser's half of a prediction: JavaScript -> core -> the imported `predict` -> JavaScript.
//!
//! `edgewit web` composes it with a packed model. It parses and formats through `core`, as the host and the Spin
//! component do, so a page gives their answers and their errors.

mod answer;
mod table;

use bindings::exports::edgewit::browser::scoring::{Failure, Guest};

#[allow(unsafe_code, missing_docs, reason = "the canonical ABI is generated code")]
mod bindings {
    wit_bindgen::generate!({
        world: "edgewit:browser/browser",
        path: ["../../wit", "wit"],
        generate_all,
    });

    use super::Scoring;
    export!(Scoring with_types_in self);
}

edgewit_core::wit_datatypes!(bindings::edgewit::inference::types);

struct Scoring;

impl Guest for Scoring {
    type Table = table::Table;

    fn prepare() -> Result<(), Failure> {
        answer::prepare()
    }

    fn predict(row: String, now: f64) -> Result<String, Failure> {
        answer::row(row.as_bytes(), answer::time(now))
    }

    fn predict_batch(rows: String, now: f64) -> Result<String, Failure> {
        answer::batch(rows.as_bytes(), answer::time(now))
    }
}
