//! A prediction inside the host process: in a sandbox started for it, and in one that is reused.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; a benchmark stops at the first fault"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use edgewit_bench::{golden, limits, program, tensors};
use xtask::components::root;

fn predict(criterion: &mut Criterion) {
    let (models, cache) = (root().join("models"), root().join("target/bench/cache"));
    let limits = limits();
    for (name, batch) in [("churn", 1), ("churn", 100), ("digits", 1), ("digits", 100)] {
        let program = program(&models.join(name), &cache, 8).unwrap();
        let rows = golden(&models, name).unwrap().into_iter().take(batch).map(|case| case.row);
        let tensors = tensors(&program, rows.collect()).unwrap();
        let mut group = criterion.benchmark_group(format!("{name}, batch of {batch}"));
        group.bench_function("fresh sandbox", |bencher| {
            bencher.iter(|| program.instantiate(&limits).unwrap().predict(&tensors, None).unwrap());
        });
        let mut instance = program.instantiate(&limits).unwrap();
        group.bench_function("reused sandbox", |bencher| {
            bencher.iter(|| instance.predict(&tensors, None).unwrap());
        });
        group.bench_function("start a sandbox", |bencher| {
            bencher.iter(|| program.instantiate(&limits).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, predict);
criterion_main!(benches);
