//! How large the predictor may be: it is in every packed model, is compiled for it, and travels to every page.

use std::io::Write;

use edgewit::pack::PREDICTOR;
use edgewit::pack::prune::prune;
use edgewit_tests::command::run;
use edgewit_tests::onnx::{Dim, Graph};
use flate2::{Compression, write::GzEncoder};

/// Bytes of the component, as packed models carry it. Lower it after a step forward; raise it only for what is worth it.
const BUDGET: usize = 6_400_000;
/// Bytes of the component after `gzip -9`.
const COMPRESSED_BUDGET: usize = 1_800_000;

#[test]
fn the_predictor_keeps_to_its_size() {
    let predictor = prune(PREDICTOR).expect("the predictor is a component");
    let mut compressed = GzEncoder::new(vec![], Compression::best());
    compressed.write_all(&predictor).expect("compressed");
    let compressed = compressed.finish().expect("compressed").len();
    assert!(
        predictor.len() <= BUDGET && compressed <= COMPRESSED_BUDGET,
        "the predictor has {} bytes, {compressed} compressed; allowed are {BUDGET} and {COMPRESSED_BUDGET}. \
         To see what grew, build it with names and list them by size, before and after: cargo rustc --profile component \
         -p predictor --target wasm32-unknown-unknown -- -Cstrip=none; twiggy top (cargo install twiggy)",
        predictor.len()
    );
}

#[test]
fn a_packed_model_carries_what_loads_models_only_if_it_plans_when_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let pack = |name: &str, graph: Graph| {
        graph.save(folder.path(), name);
        let (model, packed) = (folder.path().join(name), folder.path().join(format!("{name}.wasm")));
        let paths = [&model, &packed].map(|path| path.to_str().expect("text").to_owned());
        let ran = run(["pack", &paths[0], "--output", &paths[1]]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        std::fs::read(packed).expect("a packed model").len()
    };
    let input = || Graph::new().input("x", 1, &[Dim::Named("N"), Dim::Fixed(2)]);
    let planned = pack("planned", input().node("Abs", &["x"], "y").output("y", 1));
    // What shape the first has only a request tells, so the graph is interpreted.
    let graph = input().input("shape", 7, &[Dim::Unnamed]).ints("two", &[-1, 2]).node(
        "Reshape",
        &["x", "shape"],
        "y",
    );
    let graph =
        graph.node("Reshape", &["y", "two"], "z").shaped_output("z", 1, &[Dim::Named("M"), Dim::Fixed(2)]);
    let interpreted = pack("interpreted", graph);
    let all = PREDICTOR.len() - prune(PREDICTOR).expect("the predictor is a component").len();
    assert!(
        interpreted - planned > all / 2,
        "{planned} and {interpreted} bytes, for functions of {all} bytes"
    );
}
