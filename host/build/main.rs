//! Builds the components that the `edgewit` binary carries, so that one file is the whole tool.

mod load_only;

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasm_encoder::{Module, RawSection};
use wasmparser::{Parser, Payload};
use xtask::components::{self, BROWSER, PREDICTOR, Package};

fn main() -> Result<()> {
    let predictor = module(&PREDICTOR)?;
    let load_only = load_only::find(&predictor)?;
    fs::write(out("EDGEWIT_LOAD_ONLY", "load_only.rs")?, format!("&{load_only:?}"))?;
    let predictor = component(&PREDICTOR, &without_names(&predictor)?, "EDGEWIT_PREDICTOR")?;
    // Known when the host is built, it need not be computed at each start.
    let digest = Sha256::digest(&predictor).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    println!("cargo::rustc-env=EDGEWIT_PREDICTOR_DIGEST={digest}");
    component(&BROWSER, &module(&BROWSER)?, "EDGEWIT_BROWSER")?;
    // They are part of the binary, which the compiler alone does not notice.
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=build");
    Ok(())
}

/// Builds a package.
fn module(package: &Package) -> Result<Vec<u8>> {
    let module = components::build(package)?;
    components::rerun_if_changed(package);
    fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
}

/// `module` without the names of its functions.
fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    let mut unnamed = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let names = matches!(&payload, Payload::CustomSection(section) if section.name() == "name");
        if let Some((id, range)) = payload.as_section().filter(|_| !names) {
            let data = module.get(range.start as usize..range.end as usize).context("half a section")?;
            unnamed.section(&RawSection { id, data });
        }
    }
    Ok(unnamed.finish())
}

/// Makes a component of a package's module, and says in the environment variable `name` where it is.
fn component(package: &Package, module: &[u8], name: &str) -> Result<Vec<u8>> {
    let component = wit_component::ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("the module of `{}` does not make a component", package.name))?;
    fs::write(out(name, &format!("{}.wasm", package.name))?, &component)?;
    Ok(component)
}

/// The path of a file that the environment variable `name` names when the host is compiled.
fn out(name: &str, file: &str) -> Result<PathBuf> {
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR is not set")?).join(file);
    println!("cargo::rustc-env={name}={}", out.display());
    Ok(out)
}
