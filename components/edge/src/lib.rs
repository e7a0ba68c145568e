//! The Spin HTTP component: HTTP -> core -> the imported `predict` -> HTTP.
//!
//! It has the host's routes for one model, the packed component that spin.toml composes it with.
//! Spin starts it afresh for every request; the model is loaded already, in the packed
//! component's memory image.

mod answer;
mod routes;

#[allow(unsafe_code, missing_docs, reason = "the canonical ABI is generated code")]
mod bindings {
    wit_bindgen::generate!({
        world: "application",
        path: "../../wit",
    });
}

edgewit_core::wit_datatypes!(bindings::edgewit::inference::types);

#[allow(unsafe_code, reason = "Spin's macro exports the handler by the canonical ABI")]
mod entry {
    use spin_sdk::http::{IntoResponse, Request};

    #[spin_sdk::http_component]
    fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
        Ok(crate::routes::route(&request))
    }
}
