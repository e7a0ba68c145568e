//! Public clients of the Open Inference Protocol, unmodified; what they check is in tests/clients/check.py.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use edgewit_tests::{copy_model, root};
use xtask::python;

use crate::datatypes::ELEMENTS;

/// A model that gives back each of its inputs, one of each datatype but those `without`.
fn every(folder: &Path, name: &str, without: &[&str]) {
    let mut graph = Graph::new();
    for (datatype, element) in ELEMENTS {
        let input = datatype.name();
        if without.contains(&input) {
            continue;
        }
        let output = format!("{input}_out");
        let dims = [Dim::Named("N"), Dim::Fixed(2)];
        graph =
            graph.input(input, element, &dims).node("Identity", &[input], &output).output(&output, element);
    }
    graph.save(folder, name);
}

fn check(client: &str) {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let scripts = root().join("tests/clients");
    let installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let python = python::environment(&scripts.join("requirements.txt"), false).expect("the packages");
    drop(installing);
    let Some(python) = python else { return };
    let folder = tempfile::tempdir().expect("a folder");
    every(folder.path(), "every", &[]);
    every(folder.path(), "plain", &["FP16"]);
    let graph =
        Graph::new().input("x", 1, &[Dim::Named("N"), Dim::Named("M")]).input("by", 1, &[Dim::Fixed(1)]);
    graph.node("Mul", &["x", "by"], "y").output("y", 1).save(folder.path(), "scale");
    copy_model("digits", folder.path(), "", "");
    let server = Server::ready(folder.path(), &[]);
    let script = scripts.join("check.py");
    python.run(&script, &[Path::new(client), Path::new(&server.base)]).expect(client);
}

#[test]
fn tritonclient_is_served() {
    check("tritonclient");
}

#[test]
fn the_client_of_kserve_is_served() {
    check("kserve");
}

#[test]
fn the_client_made_of_the_protocols_own_description_is_served() {
    check("open-inference-openapi");
}
