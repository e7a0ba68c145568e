//! Damaged models: whatever is in the file, the host goes on, within the sandbox's limits, and says what is wrong.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use edgewit::pack::PREDICTOR;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Error, Limits, Loader};
use edgewit_tests::{cache, full, model, mutate, root};

/// Mutants of a run that is not `--full`.
const MUTANTS: u64 = 500;

/// The models of this repository, and those that the exporters' test has made, if it ran here.
fn real_models() -> Vec<PathBuf> {
    let mut models = vec![model("churn/1/model.onnx"), model("digits/1/model.onnx")];
    let exported = fs::read_dir(root().join("target/exporters")).into_iter().flatten().flatten();
    let cases = exported.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let mut exported = cases.map(|case| case.path().join("model.onnx")).collect::<Vec<_>>();
    exported.retain(|path| path.is_file());
    exported.sort();
    models.extend(exported);
    models
}

#[test]
fn no_mutant_of_a_real_model_brings_the_host_down_or_passes_its_limits() {
    let engine = Engine::new(&EngineConfig::default()).expect("an engine");
    let compiled = CompileCache::open(&cache().join("compiled")).expect("a cache");
    let loader = Loader::new(&engine, &compiled, PREDICTOR).expect("the predictor");
    let limits = Limits { memory: 1 << 29, deadline: Duration::from_secs(10) };
    let models = real_models();
    let mutants = if full() { 20 * MUTANTS } else { MUTANTS };

    let mut nameless = vec![];
    let (mut runs, mut refused, mut trapped, mut stopped) = (0, 0, 0, 0);
    for seed in 0..mutants {
        // A step that shares no factor with the number of models goes through all of them.
        let path = &models[(seed as usize * 7919) % models.len()];
        let mutant = mutate::mutate(&fs::read(path).expect("the model"), seed);
        let at = format!("seed {seed} of {}", path.display());
        match loader.check(&mutant, &[], &limits) {
            Ok(report) if report.execution.is_some() => runs += 1,
            Ok(report) => {
                refused += 1;
                let told = report.fault.unwrap_or_default().len() + report.refusals.len();
                assert!(told > 0, "{at}: refused without a reason");
            }
            Err(Error::InvalidInput(reason)) => {
                refused += 1;
                assert!(!reason.is_empty(), "{at}: refused without a reason");
            }
            Err(Error::AtNode { node, fault }) => {
                assert!(!node.is_empty(), "{at}: {fault}");
                match *fault {
                    Error::Trap(_) => trapped += 1,
                    Error::Memory(_) | Error::Deadline(_) => stopped += 1,
                    other => panic!("{at}: {other}"),
                }
            }
            Err(other) => nameless.push(format!("{at}: {other}")),
        }
    }
    eprintln!(
        "{mutants} mutants of {} models: {runs} run, {refused} are refused, {trapped} trap and {stopped} are stopped",
        models.len()
    );
    assert!(nameless.is_empty(), "{} of them name no node:\n{}", nameless.len(), nameless.join("\n"));
    assert!(runs > 0 && refused > 0, "the mutants are all alike");
}
