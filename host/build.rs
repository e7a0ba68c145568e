//! Builds the components that the `edgewit` binary carries, so that one file is the whole tool.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use xtask::components::{self, BROWSER, PREDICTOR, Package};

fn main() -> Result<()> {
    let predictor = component(&PREDICTOR, "EDGEWIT_PREDICTOR")?;
    // Known when the host is built, it need not be computed at each start.
    let digest = Sha256::digest(&predictor).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    println!("cargo::rustc-env=EDGEWIT_PREDICTOR_DIGEST={digest}");
    component(&BROWSER, "EDGEWIT_BROWSER")?;
    // They are part of the binary, which the compiler alone does not notice.
    println!("cargo::rerun-if-changed=migrations");
    Ok(())
}

/// Builds a package, makes a component of its module, and says in the environment variable `name` where it is.
fn component(package: &Package, name: &str) -> Result<Vec<u8>> {
    let module = components::build(package)?;
    components::rerun_if_changed(package);

    let module = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = wit_component::ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("the module of `{}` does not make a component", package.name))?;
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR is not set")?);
    let out = out.join(format!("{}.wasm", package.name));
    println!("cargo::rustc-env={name}={}", out.display());
    fs::write(&out, &component)?;
    Ok(component)
}
