//! Baseline SIMD: the relaxed instructions taken out of the predictor, with the same answers.

use edgewit::pack::PREDICTOR;
use edgewit::pack::simd::{Simd, without_relaxed};
use wasm_encoder::{
    CodeSection, Component, ExportKind, ExportSection, Function, FunctionSection, Instruction as I, Module,
    ModuleSection, TypeSection, ValType,
};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Config, Engine, Instance, Store};

/// Every relaxed instruction, and how many operands it takes.
const RELAXED: [(I<'static>, usize); 20] = [
    (I::I8x16RelaxedSwizzle, 2),
    (I::I32x4RelaxedTruncF32x4S, 1),
    (I::I32x4RelaxedTruncF32x4U, 1),
    (I::I32x4RelaxedTruncF64x2SZero, 1),
    (I::I32x4RelaxedTruncF64x2UZero, 1),
    (I::F32x4RelaxedMadd, 3),
    (I::F32x4RelaxedNmadd, 3),
    (I::F64x2RelaxedMadd, 3),
    (I::F64x2RelaxedNmadd, 3),
    (I::I8x16RelaxedLaneselect, 3),
    (I::I16x8RelaxedLaneselect, 3),
    (I::I32x4RelaxedLaneselect, 3),
    (I::I64x2RelaxedLaneselect, 3),
    (I::F32x4RelaxedMin, 2),
    (I::F32x4RelaxedMax, 2),
    (I::F64x2RelaxedMin, 2),
    (I::F64x2RelaxedMax, 2),
    (I::I16x8RelaxedQ15mulrS, 2),
    (I::I16x8RelaxedDotI8x16I7x16S, 2),
    (I::I32x4RelaxedDotI8x16I7x16AddS, 3),
];

/// Operands for which every engine must give the same result: numbers small enough to be exact, and indices, masks and
/// bytes within what the instruction is for.
fn operands(instruction: &I) -> [i128; 3] {
    let singles = |values: [f32; 4]| {
        i128::from_le_bytes(values.map(f32::to_le_bytes).concat().try_into().expect("16 bytes"))
    };
    let doubles = |values: [f64; 2]| {
        i128::from_le_bytes(values.map(f64::to_le_bytes).concat().try_into().expect("16 bytes"))
    };
    let bytes = |values: [i8; 16]| i128::from_le_bytes(values.map(|value| value as u8));
    let mixed = bytes([-128, 127, 5, -7, 0, 1, -1, 99, 100, -100, 42, -42, 3, -3, 64, -64]);
    let seven_bits = bytes([127, 127, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    match instruction {
        I::F64x2RelaxedMadd
        | I::F64x2RelaxedNmadd
        | I::F64x2RelaxedMin
        | I::F64x2RelaxedMax
        | I::I32x4RelaxedTruncF64x2SZero
        | I::I32x4RelaxedTruncF64x2UZero => [doubles([3.0, 7.5]), doubles([2.0, 8.0]), doubles([10.0, -1.0])],
        I::I8x16RelaxedSwizzle => [mixed, bytes([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), 0],
        I::I8x16RelaxedLaneselect
        | I::I16x8RelaxedLaneselect
        | I::I32x4RelaxedLaneselect
        | I::I64x2RelaxedLaneselect => [mixed, seven_bits, -1i64 as u64 as i128],
        I::I16x8RelaxedQ15mulrS | I::I16x8RelaxedDotI8x16I7x16S => [mixed, seven_bits, 0],
        I::I32x4RelaxedDotI8x16I7x16AddS => [mixed, seven_bits, mixed],
        _ => [singles([3.0, 7.5, 0.0, 1e6]), singles([2.0, 8.0, 5.0, 4.0]), singles([10.0, -1.0, 0.25, 3.0])],
    }
}

/// A component that holds a module with a function for each relaxed instruction: two parameters, a local of its own, and
/// the result's halves.
fn component() -> Vec<u8> {
    let (mut types, mut functions, mut exports, mut code) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    types.ty().function([ValType::I32; 2], [ValType::I64; 2]);
    for (ix, (instruction, count)) in RELAXED.iter().enumerate() {
        functions.function(0);
        exports.export(&ix.to_string(), ExportKind::Func, ix as u32);
        let mut function = Function::new([(1, ValType::V128)]);
        for operand in &operands(instruction)[..*count] {
            function.instruction(&I::V128Const(*operand));
        }
        let result = [instruction.clone(), I::LocalTee(2), I::I64x2ExtractLane(0)];
        result.iter().chain(&[I::LocalGet(2), I::I64x2ExtractLane(1), I::End]).for_each(|instruction| {
            function.instruction(instruction);
        });
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

/// What each function of the module in `component` answers.
fn answers(component: &[u8]) -> Vec<(i64, i64)> {
    let module = Parser::new(0).parse_all(component).find_map(|payload| match payload.expect("a payload") {
        Payload::ModuleSection { unchecked_range: range, .. } => {
            Some(&component[range.start as usize..range.end as usize])
        }
        _ => None,
    });
    let engine = Engine::new(&Config::new()).expect("an engine");
    let module = wasmtime::Module::new(&engine, module.expect("a module")).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let mut call = |ix: usize| {
        let function = instance.get_typed_func::<(i32, i32), (i64, i64)>(&mut store, &ix.to_string());
        function.expect("a function").call(&mut store, (1, 2)).expect("an answer")
    };
    (0..RELAXED.len()).map(&mut call).collect()
}

#[test]
fn every_relaxed_instruction_has_plain_ones_that_answer_the_same() {
    let relaxed = component();
    let plain = without_relaxed(&relaxed).expect("a component");
    for ((instruction, _), (relaxed, plain)) in
        RELAXED.iter().zip(answers(&relaxed).into_iter().zip(answers(&plain)))
    {
        assert_eq!(relaxed, plain, "{instruction:?}");
        assert_ne!(plain, (0, 0), "{instruction:?}");
    }
}

#[test]
fn the_baseline_predictor_is_valid_where_relaxed_simd_is_unknown() {
    let mut without = Validator::new_with_features(WasmFeatures::all() - WasmFeatures::RELAXED_SIMD);
    without.validate_all(&Simd::Baseline.predictor()).expect("valid");
    let mut without = Validator::new_with_features(WasmFeatures::all() - WasmFeatures::RELAXED_SIMD);
    assert!(without.validate_all(PREDICTOR).is_err(), "the other predictor uses relaxed SIMD");
}
