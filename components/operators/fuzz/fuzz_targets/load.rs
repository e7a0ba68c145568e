//! Any bytes to the loader: an error is fine, a panic of ours is not.
//!
//! tract panics on many broken models. The sandbox contains those, so they must not keep the fuzzer from what
//! is ours: only a panic in this repository's code ends the process.
#![no_main]

mod loader;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::abort;

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(init: set_hook(Box::new(|panic| {
    let file = panic.location().map_or("", |location| location.file());
    if file.contains("components/operators") || file.contains("edgewit") {
        eprintln!("{panic}");
        abort();
    }
})), |file: &[u8]| -> Corpus {
    // What the decoder refuses teaches nothing about what is behind it, but is tried, too.
    match catch_unwind(AssertUnwindSafe(|| loader::load(file))) {
        Ok(Err(error)) if error.root_cause().to_string().contains("failed to decode") => Corpus::Reject,
        _ => Corpus::Keep,
    }
});
