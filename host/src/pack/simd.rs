//! Which SIMD instructions a predictor uses.
//!
//! The relaxed instructions leave some results to the engine, so that one machine instruction serves: whether a product
//! is rounded before it is added, say. For each of them plain SIMD has instructions that give one of the allowed results.
//! For engines without relaxed SIMD they are put in its place here, so that the predictor is built once for both.
//! Source: <https://github.com/WebAssembly/relaxed-simd/blob/main/proposals/relaxed-simd/Overview.md>

use std::borrow::Cow;

use serde::Serialize;
use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{CodeSection, Component, Function, Instruction, ValType};
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use super::PREDICTOR;

/// The SIMD instructions that an engine must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Simd {
    /// Relaxed SIMD, the fastest: wasmtime and Spin, Chrome from 114 on, Node from 21 on.
    #[default]
    Relaxed,
    /// 128-bit SIMD alone: engines without relaxed SIMD, as Safari before it has it.
    Baseline,
}

impl Simd {
    /// The predictor for such an engine.
    ///
    /// # Panics
    /// When the predictor in this binary is not a component.
    pub fn predictor(self) -> Cow<'static, [u8]> {
        match self {
            Simd::Relaxed => Cow::Borrowed(PREDICTOR),
            Simd::Baseline => Cow::Owned(without_relaxed(PREDICTOR).expect("the predictor is a component")),
        }
    }

    /// What the code of `component` needs.
    ///
    /// # Errors
    /// When the bytes are not WebAssembly.
    pub fn of(component: &[u8]) -> Result<Simd, BinaryReaderError> {
        for payload in Parser::new(0).parse_all(component) {
            if let Payload::CodeSectionEntry(body) = payload? {
                for operator in body.get_operators_reader()? {
                    if plain(&operator?, 0).is_some() {
                        return Ok(Simd::Relaxed);
                    }
                }
            }
        }
        Ok(Simd::Baseline)
    }
}

/// The locals that a replacement needs at most.
const SPARE: u32 = 3;

/// `component` with plain instructions in place of the relaxed ones.
///
/// # Errors
/// When it is not a component.
pub fn without_relaxed(component: &[u8]) -> Result<Vec<u8>, Error<BinaryReaderError>> {
    let mut plain = Component::new();
    Rewrite::default().parse_component(&mut plain, Parser::new(0), component)?;
    Ok(plain.finish())
}

#[derive(Default)]
struct Rewrite {
    /// How many parameters the functions of the module at hand have, those to come last first.
    parameters: Vec<u32>,
}

impl Reencode for Rewrite {
    type Error = BinaryReaderError;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut locals = vec![];
        let mut spare = self.parameters.pop().unwrap_or_default();
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            spare += count;
            locals.push((count, self.val_type(ty)?));
        }
        let start = locals.len();
        locals.push((SPARE, ValType::V128));
        let operators = body.get_operators_reader()?.into_iter().collect::<Result<Vec<_>, _>>()?;
        if !operators.iter().any(|operator| plain(operator, spare).is_some()) {
            locals.truncate(start);
        }
        let mut function = Function::new(locals);
        for operator in operators {
            match plain(&operator, spare) {
                Some(instructions) => instructions.iter().for_each(|plain| {
                    function.instruction(plain);
                }),
                None => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}

impl ReencodeComponent for Rewrite {
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        module: &[u8],
    ) -> Result<(), Error<Self::Error>> {
        self.parameters = parameters(parser.clone(), module)?;
        component_utils::parse_component_submodule(self, component, parser, module)
    }
}

/// How many parameters each function that `module` defines has, the last function first.
fn parameters(parser: Parser, module: &[u8]) -> Result<Vec<u32>, BinaryReaderError> {
    let (mut types, mut functions) = (vec![], vec![]);
    for payload in parser.parse_all(module) {
        match payload? {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    types.push(ty?.params().len() as u32);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    functions.push(types.get(ty? as usize).copied().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    functions.reverse();
    Ok(functions)
}

/// Plain instructions in place of a relaxed one; the locals from `spare` on are free for them.
fn plain(operator: &Operator<'_>, spare: u32) -> Option<Vec<Instruction<'static>>> {
    use Instruction as I;
    let [first, second, third] = [spare, spare + 1, spare + 2];
    // The sum is on top of the stack, the factors below it.
    let fused = |multiply, add| vec![I::LocalSet(first), multiply, I::LocalGet(first), add];
    let fused_negated = |multiply, subtract| {
        vec![
            I::LocalSet(first),
            multiply,
            I::LocalSet(second),
            I::LocalGet(first),
            I::LocalGet(second),
            subtract,
        ]
    };
    // Sums of two products each, of 8 bits; where the second factors have 7, as they must, nothing saturates.
    let dot = || {
        vec![
            I::LocalSet(second),
            I::LocalTee(first),
            I::LocalGet(second),
            I::I16x8ExtMulLowI8x16S,
            I::I32x4ExtAddPairwiseI16x8S,
            I::LocalGet(first),
            I::LocalGet(second),
            I::I16x8ExtMulHighI8x16S,
            I::I32x4ExtAddPairwiseI16x8S,
            I::I16x8NarrowI32x4S,
        ]
    };
    Some(match operator {
        Operator::F32x4RelaxedMadd => fused(I::F32x4Mul, I::F32x4Add),
        Operator::F64x2RelaxedMadd => fused(I::F64x2Mul, I::F64x2Add),
        Operator::F32x4RelaxedNmadd => fused_negated(I::F32x4Mul, I::F32x4Sub),
        Operator::F64x2RelaxedNmadd => fused_negated(I::F64x2Mul, I::F64x2Sub),
        Operator::F32x4RelaxedMin => vec![I::F32x4Min],
        Operator::F32x4RelaxedMax => vec![I::F32x4Max],
        Operator::F64x2RelaxedMin => vec![I::F64x2Min],
        Operator::F64x2RelaxedMax => vec![I::F64x2Max],
        Operator::I8x16RelaxedSwizzle => vec![I::I8x16Swizzle],
        Operator::I8x16RelaxedLaneselect
        | Operator::I16x8RelaxedLaneselect
        | Operator::I32x4RelaxedLaneselect
        | Operator::I64x2RelaxedLaneselect => vec![I::V128Bitselect],
        Operator::I32x4RelaxedTruncF32x4S => vec![I::I32x4TruncSatF32x4S],
        Operator::I32x4RelaxedTruncF32x4U => vec![I::I32x4TruncSatF32x4U],
        Operator::I32x4RelaxedTruncF64x2SZero => vec![I::I32x4TruncSatF64x2SZero],
        Operator::I32x4RelaxedTruncF64x2UZero => vec![I::I32x4TruncSatF64x2UZero],
        Operator::I16x8RelaxedQ15mulrS => vec![I::I16x8Q15MulrSatS],
        Operator::I16x8RelaxedDotI8x16I7x16S => dot(),
        Operator::I32x4RelaxedDotI8x16I7x16AddS => {
            let mut sum = vec![I::LocalSet(third)];
            sum.extend(dot());
            sum.extend([I::I32x4ExtAddPairwiseI16x8S, I::LocalGet(third), I::I32x4Add]);
            sum
        }
        _ => return None,
    })
}
