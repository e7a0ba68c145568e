//! A packed component taken apart into what all models of a predictor share and what is a model's own.
//!
//! Every packed component carries the same code and another memory image. Compiled whole, each would have the
//! predictor's machine code once more, on disk and in memory. Here a component becomes three files:
//!
//! - the *shell*, the component with its core module left out: it imports two modules in its place;
//! - the *code*, the core module without its memory, which it imports;
//! - the *image*, a module that is a memory with its data and nothing else.
//!
//! Shell and code are the same bytes for every model; those that keep all functions have the code of the predictor itself.
//! An image has nothing to compile. A component of another form is not taken apart, and runs as a whole.

use std::ops::Range;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, RoundtripReencoder, component_utils};
use wasm_encoder::{
    Component, ComponentImportSection, ComponentTypeRef, CoreTypeSection, EntityType, ExportKind,
    ExportSection, ImportSection, InstanceSection, MemoryType, Module, ModuleArg, ModuleType, RawSection,
    SectionId,
};
use wasmparser::{ExternalKind, FuncType, GlobalType, Parser, Payload};

/// What the shell imports the code as.
pub(super) const CODE: &str = "code";
/// What the shell imports the image as.
pub(super) const IMAGE: &str = "image";
/// The name of the memory between image and code.
const MEMORY: &str = "memory";

/// A component in three parts, each a WebAssembly file.
pub(super) struct Parts {
    /// The component around the code.
    pub(super) shell: Vec<u8>,
    /// A core module that imports its memory.
    pub(super) code: Vec<u8>,
    /// A core module that defines that memory.
    pub(super) image: Vec<u8>,
}

/// Takes `component` apart; none when it is not one of ours. Whether the parts are valid is for whoever compiles
/// them to say.
pub(super) fn split(component: &[u8]) -> Option<Parts> {
    let (owner, module) = innermost(component)?;
    let core = Core::read(module)?;
    let mut shell = Component::new();
    Shell { core: &core, depth: 0 }.parse_component(&mut shell, Parser::new(0), owner).ok()?;
    Some(Parts { shell: shell.finish(), code: core.code(), image: core.image() })
}

/// The first core module, and the component that it is directly in.
fn innermost(component: &[u8]) -> Option<(&[u8], &[u8])> {
    let bytes = |range: Range<u64>| component.get(range.start as usize..range.end as usize);
    let mut owner = component;
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::ComponentSection { unchecked_range, .. } => owner = bytes(unchecked_range)?,
            Payload::ModuleSection { unchecked_range, .. } => return Some((owner, bytes(unchecked_range)?)),
            _ => {}
        }
    }
    None
}

/// A core module without imports that defines one memory.
struct Core<'a> {
    /// Every section but the memory, the data and the exports; number and contents.
    sections: Vec<(u8, &'a [u8])>,
    memory: Option<wasmparser::MemoryType>,
    data: Option<&'a [u8]>,
    types: Vec<FuncType>,
    /// The type of each function.
    functions: Vec<u32>,
    globals: Vec<GlobalType>,
    exports: Vec<(String, ExternalKind, u32)>,
}

impl<'a> Core<'a> {
    fn read(module: &'a [u8]) -> Option<Core<'a>> {
        let mut core = Core {
            sections: vec![],
            memory: None,
            data: None,
            types: vec![],
            functions: vec![],
            globals: vec![],
            exports: vec![],
        };
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.ok()?;
            match &payload {
                // With an import the functions would be numbered otherwise.
                Payload::ImportSection(section) if section.count() > 0 => return None,
                Payload::ImportSection(_) | Payload::DataCountSection { .. } => continue,
                Payload::MemorySection(section) => {
                    let mut memories = section.clone().into_iter();
                    core.memory = memories.next()?.ok();
                    if memories.next().is_some() {
                        return None;
                    }
                    continue;
                }
                Payload::DataSection(section) => {
                    let range = section.range();
                    core.data = module.get(range.start as usize..range.end as usize);
                    continue;
                }
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export.ok()?;
                        core.exports.push((export.name.to_owned(), export.kind, export.index));
                    }
                    continue;
                }
                Payload::TypeSection(section) => {
                    core.types =
                        section.clone().into_iter_err_on_gc_types().collect::<Result<_, _>>().ok()?;
                }
                Payload::FunctionSection(section) => {
                    core.functions = section.clone().into_iter().collect::<Result<_, _>>().ok()?;
                }
                Payload::GlobalSection(section) => {
                    let types = section.clone().into_iter().map(|global| Ok(global?.ty));
                    core.globals = types.collect::<Result<_, wasmparser::BinaryReaderError>>().ok()?;
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                core.sections.push((id, module.get(range.start as usize..range.end as usize)?));
            }
        }
        core.memory?;
        core.export_state();
        Some(core)
    }

    /// Exports the memory and the variables under the names that wasmtime-wizer reads them by, so that the code is
    /// the same whether it was prepared for a snapshot or comes out of one.
    fn export_state(&mut self) {
        self.exports.retain(|(name, ..)| !name.starts_with("__wizer_"));
        for (ix, global) in self.globals.iter().enumerate().filter(|(_, global)| global.mutable) {
            debug_assert!(!global.shared);
            self.exports.push((format!("__wizer_global_{ix}"), ExternalKind::Global, ix as u32));
        }
        self.exports.push(("__wizer_memory_0".into(), ExternalKind::Memory, 0));
    }

    /// Everything but the memory and its data.
    fn code(&self) -> Vec<u8> {
        let mut module = Module::new();
        let mut sections = self.sections.iter().peekable();
        let mut copy_below = |module: &mut Module, end: SectionId| {
            while let Some((id, data)) = sections.next_if(|(id, _)| order(*id) < order(end as u8)) {
                module.section(&RawSection { id: *id, data });
            }
        };
        copy_below(&mut module, SectionId::Import);
        let mut imports = ImportSection::new();
        imports.import(IMAGE, MEMORY, memory());
        module.section(&imports);
        copy_below(&mut module, SectionId::Export);
        let mut exports = ExportSection::new();
        for (name, kind, index) in &self.exports {
            if let Some(kind) = export_kind(*kind) {
                exports.export(name, kind, *index);
            }
        }
        module.section(&exports);
        for (id, data) in sections {
            module.section(&RawSection { id: *id, data });
        }
        module.finish()
    }

    /// The memory and its data.
    fn image(&self) -> Vec<u8> {
        let mut module = Module::new();
        let mut memories = wasm_encoder::MemorySection::new();
        if let Some(memory) = self.memory {
            memories.memory(MemoryType::from(memory));
        }
        module.section(&memories);
        let mut exports = ExportSection::new();
        exports.export(MEMORY, ExportKind::Memory, 0);
        module.section(&exports);
        if let Some(data) = self.data {
            module.section(&RawSection { id: SectionId::Data as u8, data });
        }
        module.finish()
    }

    /// What the shell expects of the code.
    fn code_type(&self) -> Result<ModuleType, Error> {
        let mut of = ModuleType::new();
        of.import(IMAGE, MEMORY, memory());
        for (name, kind, index) in &self.exports {
            let entity = match kind {
                ExternalKind::Func => {
                    let signature = self.functions.get(*index as usize);
                    let signature = signature.and_then(|ix| self.types.get(*ix as usize));
                    let signature = signature.ok_or(Error::UnexpectedNonComponentSection)?;
                    let ix = of.type_count();
                    of.ty().func_type(&RoundtripReencoder.func_type(signature.clone())?);
                    EntityType::Function(ix)
                }
                ExternalKind::Memory => memory(),
                ExternalKind::Global => {
                    let global = self.globals.get(*index as usize);
                    let global = global.ok_or(Error::UnexpectedNonComponentSection)?;
                    EntityType::Global(RoundtripReencoder.global_type(*global)?)
                }
                _ => continue,
            };
            of.export(name, entity);
        }
        Ok(of)
    }
}

/// A memory of any size, as large as the image makes it.
fn memory() -> EntityType {
    EntityType::Memory(MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    })
}

fn export_kind(kind: ExternalKind) -> Option<ExportKind> {
    match kind {
        ExternalKind::Func => Some(ExportKind::Func),
        ExternalKind::Memory => Some(ExportKind::Memory),
        ExternalKind::Global => Some(ExportKind::Global),
        _ => None,
    }
}

/// A section's place in a module, which for two sections is not that of its number.
fn order(id: u8) -> u32 {
    match id {
        // Custom sections stay where they are, and here they all follow the data.
        0 => u32::MAX,
        13 => 2 * u32::from(SectionId::Memory as u8) + 1,
        12 => 2 * u32::from(SectionId::Element as u8) + 1,
        id => 2 * u32::from(id),
    }
}

/// Copies a component, with two imports in place of its first core module. The image becomes module 1 and core
/// instance 0; what was numbered so before moves up by one.
struct Shell<'a> {
    core: &'a Core<'a>,
    depth: u32,
}

impl Reencode for Shell<'_> {
    type Error = std::convert::Infallible;

    /// Of the memory of another module, which is the code's: it may be of any size there, too.
    fn memory_type(&mut self, of: wasmparser::MemoryType) -> Result<MemoryType, Error> {
        Ok(MemoryType { minimum: 0, ..RoundtripReencoder.memory_type(of)? })
    }
}

impl ReencodeComponent for Shell<'_> {
    fn push_depth(&mut self) {
        self.depth += 1;
    }

    fn pop_depth(&mut self) {
        self.depth -= 1;
    }

    fn module_index(&mut self, module: u32) -> u32 {
        if self.depth == 0 && module > 0 { module + 1 } else { module }
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        if self.depth == 0 { instance + 1 } else { instance }
    }

    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        module: &[u8],
    ) -> Result<(), Error> {
        if component.as_slice().len() > Component::HEADER.len() {
            // A later module, which wasmtime-wizer adds to read the state.
            return component_utils::parse_component_submodule(self, component, parser, module);
        }
        let mut types = CoreTypeSection::new();
        types.ty().module(&self.core.code_type()?);
        let mut image = ModuleType::new();
        image.export(MEMORY, memory());
        types.ty().module(&image);
        component.section(&types);
        let mut imports = ComponentImportSection::new();
        imports.import(CODE, ComponentTypeRef::Module(0));
        imports.import(IMAGE, ComponentTypeRef::Module(1));
        component.section(&imports);
        Ok(())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: wasmparser::Instance<'_>,
    ) -> Result<(), Error> {
        match instance {
            wasmparser::Instance::Instantiate { module_index: 0, .. } if self.depth == 0 => {
                instances.instantiate::<_, &str>(1, []);
                instances.instantiate(0, [(IMAGE, ModuleArg::Instance(0))]);
                Ok(())
            }
            other => component_utils::parse_instance(self, instances, other),
        }
    }
}
