//! How large the predictor may be: it is in every packed model, is compiled for it, and travels to every page.

use std::io::Write;

use edgewit::pack::PREDICTOR;
use flate2::{Compression, write::GzEncoder};

/// Bytes of the component. Lower it after a step forward; raise it only for what is worth it.
const BUDGET: usize = 9_650_000;
/// Bytes of the component after `gzip -9`.
const COMPRESSED_BUDGET: usize = 2_900_000;

#[test]
fn the_predictor_keeps_to_its_size() {
    let mut compressed = GzEncoder::new(vec![], Compression::best());
    compressed.write_all(PREDICTOR).expect("compressed");
    let compressed = compressed.finish().expect("compressed").len();
    assert!(
        PREDICTOR.len() <= BUDGET && compressed <= COMPRESSED_BUDGET,
        "the predictor has {} bytes, {compressed} compressed; allowed are {BUDGET} and {COMPRESSED_BUDGET}. \
         To see what grew, build it with names and list them by size, before and after: cargo rustc --profile component \
         -p predictor --target wasm32-unknown-unknown -- -Cstrip=none; twiggy top (cargo install twiggy)",
        PREDICTOR.len()
    );
}
