//! Components that mean harm, beside a model that does not: each is stopped for what it did, and nothing is left of it.

use std::time::Duration;

use edgewit::pack::cache::ModelCache;
use edgewit::pack::source::Source;
use edgewit::progress::Progress;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Error, Limits, Program};
use edgewit_core::{Data, Datatype, Tensor};
use edgewit_tests::guests::{Harm, guest};
use edgewit_tests::{cache, full, model};

/// An image of the digits model.
fn image() -> Vec<Tensor> {
    let data = Data::Raw([0.5_f32; 64].map(f32::to_le_bytes).concat());
    vec![Tensor { name: "image".into(), datatype: Datatype::Fp32, shape: vec![1, 1, 8, 8], data }]
}

#[test]
fn a_guest_that_means_harm_is_stopped_and_the_others_predict_on() {
    let limits = Limits { memory: 64 << 20, deadline: Duration::from_millis(200) };
    let engine = Engine::new(&EngineConfig { pool: 4, max_memory: limits.memory }).expect("an engine");
    let compiled = CompileCache::open(&cache().join("compiled")).expect("a cache");
    let source = Source::read(&model("digits")).expect("a model");
    let good = ModelCache::new(&engine, &compiled).program(&source, &Progress::silent()).expect("loads");
    let good = || {
        let limits = Limits { deadline: Duration::from_secs(10), ..limits.clone() };
        let mut instance = good.instantiate(&limits).expect("a place is free again");
        instance.predict(&image(), None).expect("a prediction")
    };
    let expected = good();
    let folder = tempfile::tempdir().expect("a folder");
    let own = CompileCache::open(folder.path()).expect("a cache");
    for harm in Harm::ALL {
        let component = guest(harm).expect("a component");
        let program = Program::new(&engine, &own, &component).expect("it is one of ours by its looks");
        // More often than the pool has places.
        for _ in 0..if full() { 100 } else { 6 } {
            let mut instance = program.instantiate(&limits).expect("a place is free again");
            let error = instance.predict(&[], None).expect_err("no guest predicts by harm");
            let fits = match (&harm, &error) {
                (Harm::Trap, Error::Trap(text)) => text.contains("unreachable"),
                (Harm::Loop, Error::Deadline(after)) => *after == limits.deadline,
                (Harm::Hog, Error::Memory(most)) => *most == limits.memory,
                (Harm::Recurse, Error::Trap(text)) => text.contains("stack"),
                (Harm::Lie, Error::Trap(_)) => true,
                _ => false,
            };
            assert!(fits, "{harm:?}: {error:?}");
            drop(instance);
            assert_eq!(good(), expected, "after {harm:?}");
        }
    }
}
