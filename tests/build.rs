//! Builds the Spin HTTP component, so that the tests can compose and run it.

use anyhow::Result;
use xtask::components::{self, EDGE};

fn main() -> Result<()> {
    println!("cargo::rustc-env=EDGEWIT_EDGE={}", components::build(&EDGE)?.display());
    components::rerun_if_changed(&EDGE);
    Ok(())
}
