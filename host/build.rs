//! Builds the predictor and puts it into the `edgewit` binary, so that one file is the whole tool.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use xtask::components::{self, PREDICTOR};

fn main() -> Result<()> {
    let module = components::build(&PREDICTOR)?;
    components::rerun_if_changed(&PREDICTOR);

    let module = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = wit_component::ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .context("the predictor's module does not make a component")?;
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR is not set")?).join("predictor.wasm");
    println!("cargo::rustc-env=EDGEWIT_PREDICTOR={}", out.display());
    // Known when the host is built, it need not be computed at each start.
    let digest = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    println!("cargo::rustc-env=EDGEWIT_PREDICTOR_DIGEST={digest}");
    fs::write(&out, component)?;
    Ok(())
}
