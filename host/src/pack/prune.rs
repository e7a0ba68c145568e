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

/// Of the build script, which has no tests of its own.
#[cfg(test)]
#[path = "../../build/load_only.rs"]
mod load_only;

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, ExportKind, ExportSection, FunctionSection, Module, NameMap,
        NameSection, RefType, TableSection, TableType, TypeSection,
    };

    use super::*;

    const EXPORT: &str = "edgewit:inference/predict@0.1.0#predict";
    const EVAL: &str = "<tract_core::ops::math::Add as tract_core::ops::EvalOp>::eval";
    const DECLUTTER: &str = "<tract_core::ops::math::Add as tract_core::ops::TypedOp>::declutter";
    const OPTIMISE: &str = "tract_core::optim::Optimizer::optimize";

    /// A module of functions that call others; those after the first are in its table, through which the first calls.
    fn module(functions: &[(&str, &[u32])]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut declared, mut code, mut names) =
            (FunctionSection::new(), CodeSection::new(), NameMap::new());
        for (number, (name, calls)) in (0..).zip(functions) {
            declared.function(0);
            let mut body = Function::new([]);
            // As large as what the compiler would not make one of several.
            for _ in 0..100 {
                body.instruction(&Instruction::Nop);
            }
            for call in *calls {
                body.instruction(&Instruction::Call(*call));
            }
            if number == 0 {
                body.instruction(&Instruction::I32Const(0));
                body.instruction(&Instruction::CallIndirect { type_index: 0, table_index: 0 });
            }
            code.function(body.instruction(&Instruction::End));
            names.append(number, name);
        }
        let mut tables = TableSection::new();
        let all = (1..functions.len() as u32).collect::<Vec<_>>();
        let element_type = RefType::FUNCREF;
        let minimum = all.len() as u64;
        tables.table(TableType { element_type, minimum, maximum: None, table64: false, shared: false });
        let mut exports = ExportSection::new();
        exports.export(functions[0].0, ExportKind::Func, 0);
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(all.into()));
        let mut section = NameSection::new();
        section.functions(&names);
        let mut module = Module::new();
        module.section(&types).section(&declared).section(&tables).section(&exports);
        module.section(&elements).section(&code).section(&section);
        module.finish()
    }

    #[test]
    fn what_only_loading_calls_is_found() {
        let module = module(&[
            (EXPORT, &[]),
            (EVAL, &[2]),
            ("helper", &[]),
            (DECLUTTER, &[4, 2]),
            (OPTIMISE, &[]),
            // Whoever calls what is for loading is for loading, too.
            ("core::ops::function::FnOnce::call_once", &[4]),
            ("core::ptr::drop_in_place<tract_core::optim::Optimizer>", &[]),
        ]);
        assert_eq!(load_only::find(&module).expect("none is missing"), [3, 4, 5]);
    }

    #[test]
    fn a_prediction_that_would_lack_a_function_ends_the_build_with_its_name() {
        let module = module(&[(EXPORT, &[]), (EVAL, &[2]), ("helper", &[3]), (OPTIMISE, &[])]);
        let error = load_only::find(&module).expect_err("`eval` calls the optimiser").to_string();
        assert!(error.contains(&format!("{EVAL} calls helper")), "{error}");
    }

    #[test]
    fn a_type_of_a_module_for_loading_may_do_as_it_likes() {
        let eval = "<tract_hir::ops::binary::Nary as tract_core::ops::EvalOp>::eval";
        let module = module(&[(EXPORT, &[]), (eval, &[2]), (OPTIMISE, &[]), (EVAL, &[])]);
        assert_eq!(load_only::find(&module).expect("none is missing"), [1, 2]);
    }
}
