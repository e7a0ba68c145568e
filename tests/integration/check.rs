//! `edgewit check`, and what `pack` says of the same models.

use std::fs;
use std::path::Path;

use edgewit_tests::command::{Run, run};
use edgewit_tests::model;
use edgewit_tests::onnx::{Dim, Graph};
use serde_json::Value;

const ROW: [Dim; 2] = [Dim::Unnamed, Dim::Fixed(2)];

fn check(folder: &Path, graph: Graph) -> Run {
    graph.save(folder, "m");
    run(["check".as_ref(), folder.join("m").as_os_str()])
}

fn json(folder: &Path) -> Value {
    let report = run(["check".as_ref(), folder.join("m").as_os_str(), "--json".as_ref()]);
    serde_json::from_str(&report.out).expect("JSON")
}

#[test]
fn a_model_that_runs_is_told_with_opsets_and_operators() {
    let report = run(["check".into(), model("churn")]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let expected = ["ai.onnx 18, ai.onnx.ml 3", "15 x ai.onnx.ml.OneHotEncoder", "it runs: planned"];
    for expected in expected {
        assert!(report.out.contains(expected), "`{expected}` is not in\n{}", report.out);
    }
}

#[test]
fn every_refused_node_has_its_reason_and_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().input("x", 1, &ROW).node_of("com.microsoft", "FusedConv", &["x"], "a");
    let graph = graph.node("Teleport", &["a"], "b").node_of("aten", "foo", &["b"], "c").output("c", 1);
    let report = check(folder.path(), graph);
    assert_eq!(report.code, Some(1), "{report:?}");
    let expected = [
        "node `FusedConv_a`: com.microsoft.FusedConv: this domain has no such operator",
        "export without ONNX Runtime's graph optimiser",
        "node `Teleport_b`: Teleport: the operator is not supported",
        "node `foo_c`: aten.foo",
        "dynamo=True",
        "it cannot run",
    ];
    for expected in expected {
        assert!(report.out.contains(expected), "`{expected}` is not in\n{}", report.out);
    }
    let report = json(folder.path());
    assert_eq!((&report["runs"], &report["execution"]), (&false.into(), &Value::Null));
    assert_eq!(report["refused"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["refused"][0]["node"], "FusedConv_a");

    let pack = run(["pack".into(), folder.path().join("m")]);
    assert_eq!(pack.code, Some(1));
    for expected in ["3 of the model's nodes", "Teleport_b", "export without ONNX Runtime's graph optimiser"]
    {
        assert!(pack.err.contains(expected), "`{expected}` is not in {}", pack.err);
    }
}

#[test]
fn a_graph_whose_shapes_are_values_is_interpreted_and_predicts() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = || {
        let graph = Graph::new().input("x", 1, &ROW).input("shape", 7, &[Dim::Unnamed]);
        // How long `shape` is, and so the rank of `y`, only a request tells.
        graph.node("Reshape", &["x", "shape"], "y").shaped_output("z", 1, &ROW).node(
            "Reshape",
            &["y", "two"],
            "z",
        )
    };
    let graph = graph().ints("two", &[-1, 2]);
    let report = check(folder.path(), graph);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.out.contains("it runs, node by node"), "{}", report.out);
    assert_eq!(json(folder.path())["execution"], "interpreted");

    let packed = folder.path().join("m.wasm");
    let pack = run(["pack".into(), folder.path().join("m"), "-o".into(), packed.clone()]);
    assert_eq!(pack.code, Some(0), "{pack:?}");
    let inspect = run(["inspect".as_ref(), packed.as_os_str()]);
    assert!(inspect.out.contains("node by node"), "{}", inspect.out);
}

#[test]
fn weights_are_read_from_a_file_beside_the_model_and_never_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = |location| {
        let graph = Graph::new().input("x", 1, &ROW).external("w", 2, location);
        graph.node("Add", &["x", "w"], "y").output("y", 1)
    };
    graph("weights.bin").save(folder.path(), "m");
    let weights = [10f32, 20.0].iter().flat_map(|weight| weight.to_le_bytes()).collect::<Vec<_>>();
    fs::write(folder.path().join("m/1/weights.bin"), &weights).expect("written");
    let predict = run([
        "predict".as_ref(),
        folder.path().join("m").as_os_str(),
        "--row".as_ref(),
        r#"{"x":[1,2]}"#.as_ref(),
    ]);
    assert_eq!(predict.code, Some(0), "{predict:?}");
    assert!(predict.out.contains("11") && predict.out.contains("22"), "{}", predict.out);

    fs::write(folder.path().join("m/1/weights.bin"), &weights[..7]).expect("written");
    let short = check(folder.path(), graph("weights.bin"));
    assert!(short.code == Some(1) && short.out.contains("tensor `w`"), "{short:?}");
    for location in ["../2/weights.bin", "/etc/hostname", "absent.bin"] {
        let refused = check(folder.path(), graph(location));
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains(&format!("external data `{location}`")), "{refused:?}");
    }
}

#[test]
fn a_model_of_more_than_2_gib_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("huge.onnx");
    // A file of holes: it takes no space.
    fs::File::create(&path).and_then(|file| file.set_len((2 << 30) + 1)).expect("a file");
    let refused = run(["check".as_ref(), path.as_os_str()]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("at most 2 GiB"), "{refused:?}");
}

/// skl2onnx writes encoders that refuse what is no category, and an empty string is none. That says nothing against
/// the plan.
#[test]
fn a_model_that_refuses_the_values_of_a_trial_keeps_its_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = Graph::new().input("x", 8, &[Dim::Unnamed, Dim::Fixed(1)]);
    let graph = graph.one_hot("x", "y", &["a", "b"]).output("y", 1);
    let report = check(folder.path(), graph);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.out.contains("it runs: planned"), "{}", report.out);
}
