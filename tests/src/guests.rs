//! Components that mean harm: they export what a packed model does, and misbehave when they are asked for a prediction.

use anyhow::Result;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, Instruction as I, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::root;

/// The functions of the module, in their order: each does what it is for, or what a [`Harm`] makes of it.
const PREDICT: u32 = 1;

/// What a guest does instead of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Traps.
    Trap,
    /// Never returns.
    Loop,
    /// Takes memory until it is given none.
    Hog,
    /// Calls itself until there is no stack.
    Recurse,
    /// Returns an address that is none.
    Lie,
}

impl Harm {
    /// All of them.
    pub const ALL: [Harm; 5] = [Harm::Trap, Harm::Loop, Harm::Hog, Harm::Recurse, Harm::Lie];

    fn code(self) -> Vec<I<'static>> {
        match self {
            Harm::Trap => vec![I::Unreachable],
            Harm::Loop => vec![I::Loop(BlockType::Empty), I::Br(0), I::End, I::Unreachable],
            Harm::Hog => vec![
                I::Loop(BlockType::Empty),
                I::I32Const(16),
                I::MemoryGrow(0),
                I::I32Const(-1),
                I::I32Ne,
                I::BrIf(0),
                I::End,
                I::Unreachable,
            ],
            // What comes after the call keeps it from being made a loop; so does the global, which the result depends on.
            Harm::Recurse => (0..5)
                .map(I::LocalGet)
                .chain([I::Call(PREDICT), I::GlobalGet(0), I::I32Add, I::GlobalSet(0), I::GlobalGet(0)])
                .collect(),
            Harm::Lie => vec![I::I32Const(-4)],
        }
    }
}

/// A component of the world `predictor` that does `harm`.
///
/// # Errors
/// When the interface has changed so that its functions are others.
pub fn guest(harm: Harm) -> Result<Vec<u8>> {
    let (mut types, mut functions, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], [ValType::I32]);
    types.ty().function([ValType::I32; 5], [ValType::I32]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    // `metadata`, `predict`, and the allocator, which has one place for everything.
    for (ix, body) in [vec![I::Unreachable], harm.code(), vec![I::I32Const(1024)]].iter().enumerate() {
        functions.function(ix as u32);
        let mut function = Function::new([]);
        body.iter().chain(&[I::End]).for_each(|instruction| {
            function.instruction(instruction);
        });
        code.function(&function);
    }
    let mut memories = MemorySection::new();
    let memory =
        MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut globals = GlobalSection::new();
    let global = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(global, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    let interface = "edgewit:inference/predict@0.1.0";
    exports.export(&format!("{interface}#metadata"), ExportKind::Func, 0);
    for name in ["predict", "predict-protobuf"] {
        exports.export(&format!("{interface}#{name}"), ExportKind::Func, PREDICT);
    }
    exports.export("cabi_realloc", ExportKind::Func, 2);
    exports.export("memory", ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&globals);
    let mut module = module.section(&exports).section(&code).clone().finish();

    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit"))?;
    let world = resolve.select_world(&[package], Some("predictor"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default().module(&module)?.encode()
}
