//! Which functions of the predictor nothing but loading a model needs.
//!
//! A packed model is never loaded again: reading ONNX, planning and optimising are dead code in it. The linker cannot see
//! that. tract's operators are objects, and in the table of an object's methods those that optimise it stand beside those
//! that run it. The names of the functions tell which is which.
//!
//! Steps: a function of [`MODULES`], [`PLANNING`], [`TRAITS`] or [`METHODS`] is for loading; so is whoever calls one. If that is a
//! function of [`PREDICTING`], a packed model would lack what it needs, and the build ends here. What `predict` cannot
//! reach without functions for loading is not needed either.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, bail};
use wasmparser::{ElementItems, ExternalKind, FunctionBody, KnownCustom, Name, Operator, Parser, Payload};

/// Whose functions, and those of whose types, are for loading.
const MODULES: [&str; 14] = [
    "edgewit_operators::interpreter::",
    "tract_core::framework::",
    "tract_core::model::patch::",
    "tract_core::model::rewriter::",
    "tract_core::optim::",
    "tract_core::plan::SimplePlan<F,O>::build",
    "tract_core::transform::",
    "tract_hir::",
    "tract_nnef::",
    "tract_onnx::dim_expr::",
    "tract_onnx::model::",
    "tract_onnx::ops::logic::If",
    "tract_onnx::pb",
    "tract_onnx::tensor::",
];

/// Operators that plan a graph when they run. A model with one of them keeps all functions: it is for
/// `edgewit_operators::Plan::plans_when_run` to know them, too.
const PLANNING: [&str; 8] = [
    "tract_core::ops::array::strided_slice::StridedSlice ",
    "tract_core::ops::cnn::conv::conv::Conv ",
    "tract_core::ops::cnn::deconv::deconv::Deconv ",
    "tract_core::ops::einsum::EinSum ",
    "tract_core::ops::einsum::einsum_matmul::EinSumMatMul ",
    "tract_core::ops::einsum::prefix_matmul::PrefixMatMul ",
    "tract_core::ops::logic::ite::IfThenElse ",
    "tract_core::ops::scan::decluttered::Scan ",
];

/// Whose methods are for loading, for every type that has them.
const TRAITS: [&str; 7] = [
    "tract_core::framework::",
    "tract_core::model::translator::",
    "tract_core::optim::",
    "tract_core::transform::",
    "tract_hir::",
    "tract_nnef::",
    "tract_onnx::",
];

/// Methods that are for loading, of traits that have others, too.
const METHODS: [(&str, &[&str]); 3] = [
    (
        "tract_core::ops::TypedOp",
        &[
            "axes_mapping",
            "change_axes",
            "codegen",
            "concretize_dims",
            "cost",
            "declutter",
            "declutter_with_session",
            "fuse",
            "input_roi",
            "quantize",
            "set_symbols",
            "slice",
            "substitute_symbols",
            "suggested_axis_changes",
        ],
    ),
    ("tract_core::ops::binary::BinMiniOp", &["codegen", "declutter", "declutter_unary"]),
    ("tract_core::ops::element_wise::ElementWiseMiniOp", &["codegen", "declutter", "quantize"]),
];

/// What runs when a model predicts.
const PREDICTING: [&str; 8] = [
    "edgewit_core::",
    "edgewit_kernels::",
    "edgewit_operators::kernel::Kernel>::run",
    "edgewit_session::",
    "tract_core::ops::EvalOp>::",
    "tract_core::ops::OpState>::",
    "tract_core::ops::binary::BinMiniOp>::eval",
    "tract_core::ops::element_wise::ElementWiseMiniOp>::eval",
];

/// Who calls what is for loading and stays: in a model that has a plan it does not come to that call.
const ASIDE: [&str; 2] = [
    // Constructors of static variables, which have run before the snapshot.
    "__wasm_call_ctors",
    // Interprets a graph that has no plan; such a model keeps all functions.
    "edgewit_session::engine::Engine::run",
];

/// A smaller function that calls no other for loading stays: the compiler may have made one of several that do the same.
const SMALLEST: usize = 64;

/// A function as far as it matters here.
struct Function {
    name: String,
    size: usize,
    ty: u32,
    calls: BTreeSet<u32>,
    /// The types that it calls through the table.
    indirect: BTreeSet<u32>,
}

/// The indices of the functions of `module` that a packed model does not need, in order.
///
/// # Errors
/// When the module is not one without imports and with names, or a function that stays calls one that does not.
pub(crate) fn find(module: &[u8]) -> Result<Vec<u32>> {
    let Module { functions, table, exports } = Module::read(module)?;
    let named = functions.iter().map(|of| is_for_loading(&of.name)).collect::<Vec<_>>();
    let mut loading =
        functions.iter().zip(&named).map(|(of, named)| *named && of.size >= SMALLEST).collect::<Vec<_>>();
    let mut faults = BTreeSet::new();
    loop {
        let before = loading.iter().filter(|loading| **loading).count();
        for (ix, of) in functions.iter().enumerate().filter(|(_, of)| !ASIDE.contains(&&*of.name)) {
            let Some(call) = of.calls.iter().find(|call| loading[**call as usize]) else { continue };
            if !named[ix] && is_any_of(&of.name, &PREDICTING) {
                faults.insert(format!("\n  {} calls {}", of.name, functions[*call as usize].name));
            }
            loading[ix] = !is_dropping(&of.name);
        }
        if loading.iter().filter(|loading| **loading).count() == before {
            break;
        }
    }
    if !faults.is_empty() {
        let faults = faults.into_iter().collect::<String>();
        bail!("packed models would lack what they need; correct host/build/load_only.rs:{faults}");
    }

    // What is in the table may be called by whoever calls its type.
    let mut in_table = table.into_iter().filter(|ix| !loading[*ix as usize]).collect::<BTreeSet<_>>();
    let needed = loop {
        let needed = reach(&functions, exports.iter().chain(&in_table).copied(), &loading);
        let of_needed = functions.iter().zip(&needed).filter(|(_, needed)| **needed);
        let called = of_needed.flat_map(|(of, _)| &of.indirect).collect::<BTreeSet<_>>();
        let before = in_table.len();
        in_table.retain(|ix| called.contains(&functions[*ix as usize].ty));
        if in_table.len() == before {
            break needed;
        }
    };
    Ok((0..).zip(&needed).filter(|(_, needed)| !**needed).map(|(ix, _)| ix).collect())
}

/// Which functions can be called from `roots` without one that is for loading.
fn reach(functions: &[Function], roots: impl Iterator<Item = u32>, loading: &[bool]) -> Vec<bool> {
    let mut reached = vec![false; functions.len()];
    let mut open = roots.collect::<Vec<_>>();
    while let Some(ix) = open.pop() {
        if !loading[ix as usize] && !std::mem::replace(&mut reached[ix as usize], true) {
            open.extend(&functions[ix as usize].calls);
        }
    }
    reached
}

/// Whether the function called `name`, as rustc-demangle writes it, is of a module, a trait or a method for loading.
fn is_for_loading(name: &str) -> bool {
    if is_dropping(name) {
        return false;
    }
    let (path, of_trait) = parts(name);
    let method = |path: &str| {
        METHODS.iter().any(|(of, methods)| {
            let method =
                path.strip_prefix(of).and_then(|rest| rest.trim_start_matches('>').strip_prefix("::"));
            method.is_some_and(|method| methods.contains(&method.split("::").next().unwrap_or_default()))
        })
    };
    let runs = of_trait.is_some_and(|of| of.starts_with("tract_core::ops::EvalOp>"));
    begins(path, &MODULES)
        || runs && begins(path, &PLANNING)
        || method(path)
        || of_trait.is_some_and(|of| begins(of, &TRAITS) || method(of))
}

/// Whether the function is of one of `modules`, or of a type or a trait there.
fn is_any_of(name: &str, modules: &[&str]) -> bool {
    let (path, of_trait) = parts(name);
    begins(path, modules) || of_trait.is_some_and(|of| begins(of, modules))
}

fn begins(path: &str, modules: &[&str]) -> bool {
    modules.iter().any(|module| path.starts_with(module))
}

/// Whether the function ends the life of something, which may be left over from loading.
fn is_dropping(name: &str) -> bool {
    name.starts_with("core::ptr::drop_in_place") || name.contains(" as core::ops::drop::Drop>::")
}

/// Of `<Type as Trait>::method` the type and the rest from the trait on, of another name itself.
fn parts(name: &str) -> (&str, Option<&str>) {
    let path = name.trim_start_matches(['<', '&', '[', '(']);
    let depth = name.bytes().take_while(|byte| *byte == b'<').count() as i32;
    let mut open = depth;
    for (at, letter) in path.char_indices() {
        match letter {
            '<' => open += 1,
            '>' if !path[..at].ends_with('-') => open -= 1,
            ' ' if open == 1 && depth > 0 && path[at..].starts_with(" as ") => {
                return (path, Some(path[at + 4..].trim_start_matches(['<', '&'])));
            }
            _ => {}
        }
    }
    (path, None)
}

struct Module {
    functions: Vec<Function>,
    /// What is in the table of functions.
    table: Vec<u32>,
    /// What a packed model exports.
    exports: Vec<u32>,
}

impl Module {
    fn read(module: &[u8]) -> Result<Module> {
        let (mut functions, mut table, mut exports, mut types) = (vec![], vec![], vec![], vec![]);
        let mut names = HashMap::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) if section.count() > 0 => {
                    bail!("the predictor imports something")
                }
                Payload::FunctionSection(section) => types = section.into_iter().collect::<Result<_, _>>()?,
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func && !export.name.contains("/load@") {
                            exports.push(export.index);
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        let ElementItems::Functions(items) = element?.items else {
                            bail!("the predictor's table is not one of functions");
                        };
                        table.extend(items.into_iter().collect::<Result<Vec<_>, _>>()?);
                    }
                }
                Payload::CodeSectionEntry(body) => functions.push(Function::read(&body)?),
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(section) = section.as_known() else { continue };
                    for subsection in section {
                        let Name::Function(map) = subsection? else { continue };
                        for naming in map {
                            let naming = naming?;
                            names
                                .insert(naming.index, format!("{:#}", rustc_demangle::demangle(naming.name)));
                        }
                    }
                }
                _ => {}
            }
        }
        for (ix, (function, ty)) in (0..).zip(functions.iter_mut().zip(types)) {
            function.ty = ty;
            function.name =
                names.remove(&ix).with_context(|| format!("function {ix} of the predictor has no name"))?;
        }
        Ok(Module { functions, table, exports })
    }
}

impl Function {
    fn read(body: &FunctionBody<'_>) -> Result<Function> {
        let size = body.as_bytes().len();
        let mut function =
            Function { name: String::new(), size, ty: 0, calls: BTreeSet::new(), indirect: BTreeSet::new() };
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Call { function_index }
                | Operator::ReturnCall { function_index }
                | Operator::RefFunc { function_index } => {
                    function.calls.insert(function_index);
                }
                Operator::CallIndirect { type_index, .. }
                | Operator::ReturnCallIndirect { type_index, .. } => {
                    function.indirect.insert(type_index);
                }
                _ => {}
            }
        }
        Ok(function)
    }
}
