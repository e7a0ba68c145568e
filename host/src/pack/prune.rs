//! Takes the functions out of a packed model that only loading needed: a third of the predictor's code.
//!
//! Reading ONNX, planning and optimising are done once, before the snapshot. The functions keep their numbers and their
//! places in the table, so that the memory that was made with them fits; a body that is not needed becomes one instruction
//! that traps. Which these are is found out when the predictor is built, by host/build/load_only.rs.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{CodeSection, Component, Function, Instruction};
use wasmparser::{FunctionBody, Parser};

use crate::runtime;

/// The functions of the predictor's module that only loading needs, by their numbers, in order.
static LOAD_ONLY: &[u32] = include!(env!("EDGEWIT_LOAD_ONLY"));

/// `component`, the predictor with or without a model, without the functions that only loading needs.
///
/// # Errors
/// [`runtime::Error::Component`] when it is not a component.
pub fn prune(component: &[u8]) -> Result<Vec<u8>, runtime::Error> {
    let mut pruned = Component::new();
    Prune::default()
        .parse_component(&mut pruned, Parser::new(0), component)
        .map_err(|error| runtime::Error::Component(error.to_string()))?;
    Ok(pruned.finish())
}

#[derive(Default)]
struct Prune {
    /// How many modules have begun; the predictor is the first.
    modules: usize,
    /// The number of the function to come.
    next: u32,
}

impl Reencode for Prune {
    type Error = Infallible;

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error> {
        let number = self.next;
        self.next += 1;
        if self.modules == 1 && LOAD_ONLY.binary_search(&number).is_ok() {
            let mut trap = Function::new([]);
            trap.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
            code.function(&trap);
        } else {
            code.raw(body.as_bytes());
        }
        Ok(())
    }
}

impl ReencodeComponent for Prune {
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        module: &[u8],
    ) -> Result<(), Error> {
        self.modules += 1;
        self.next = 0;
        component_utils::parse_component_submodule(self, component, parser, module)
    }
}
