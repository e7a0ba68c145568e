//! Golden cases through the sandbox, by `edgewit verify`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use edgewit_tests::command::run;
use edgewit_tests::{full, model, onnx};
use prost::Message;
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataLocation;

#[test]
fn every_golden_case_of_both_models_passes_with_either_kind_of_simd() {
    for simd in ["relaxed", "baseline"] {
        let models = [model("churn/1"), model("digits/1"), "--simd".into(), simd.into()];
        let verify = run(std::iter::once("verify".into()).chain(models));
        assert_eq!(verify.code, Some(0), "{verify:?}");
        let last = verify.out.lines().last().expect("a last line");
        let passed: usize = last.strip_suffix(" passed, 0 failed").expect(last).parse().expect("a number");
        assert!(passed >= 400, "{last}");
    }
}

#[test]
fn a_wrong_expectation_fails_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let from = model("churn/1");
    fs::create_dir(folder.path().join("golden")).expect("a folder");
    for file in ["model.onnx", "model.toml", "golden/cases.json"] {
        fs::copy(from.join(file), folder.path().join(file)).expect("a copy");
    }
    let cases = folder.path().join("golden/cases.json");
    let text = fs::read_to_string(&cases).expect("text");
    fs::write(&cases, text.replacen("\"label\": \"No\"", "\"label\": \"Yes\"", 1)).expect("written");
    let verify = run(["verify".as_ref(), folder.path().as_os_str()]);
    assert_eq!(verify.code, Some(1), "{verify:?}");
    let failed = verify.out.lines().find(|line| line.starts_with("FAILED")).expect("a line for the case");
    assert!(failed.contains("label") && failed.contains("\"Yes\"") && failed.contains("\"No\""), "{failed}");
    assert!(verify.out.ends_with("1 failed\n"), "{}", verify.out);
}

/// An addition of two pairs as ONNX's test-suite lays it out, which expects `[11, expected]`.
fn addition(folder: &Path, name: &str, expected: f32) -> OsString {
    let dims = [onnx::Dim::Unnamed, onnx::Dim::Fixed(2)];
    let graph = onnx::Graph::new().input("x", 1, &dims).input("y", 1, &dims);
    graph.node("Add", &["x", "y"], "z").output("z", 1).save(folder, name);
    let set = folder.join(name).join("1/test_data_set_0");
    fs::create_dir(&set).expect("a folder");
    for (file, values) in [("input_0", [1.0, 2.0]), ("input_1", [10.0, 20.0]), ("output_0", [11.0, expected])]
    {
        let tensor = TensorProto { dims: vec![1, 2], data_type: 1, float_data: values.into(), ..tensor() };
        fs::write(set.join(format!("{file}.pb")), tensor.encode_to_vec()).expect("written");
    }
    folder.join(name).into_os_string()
}

#[test]
fn onnx_data_sets_are_compared_within_tolerance() {
    let folder = tempfile::tempdir().expect("a folder");
    let (right, wrong) = (addition(folder.path(), "right", 22.0), addition(folder.path(), "wrong", 22.1));
    let verify = run(["verify".into(), right.clone(), wrong.clone()]);
    assert_eq!(verify.code, Some(1), "{verify:?}");
    assert!(verify.out.ends_with("1 passed, 1 failed\n"), "{}", verify.out);
    assert!(verify.out.contains("z[1]: expected 22.1"), "{}", verify.out);
    let loose = run(["verify".into(), right, wrong, "--atol".into(), "0.2".into()]);
    assert_eq!(loose.code, Some(0), "{loose:?}");
}

#[test]
fn many_models_are_verified_in_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = if full() { 1000 } else { 50 };
    let models = (0..count).map(|ix| addition(folder.path(), &format!("m{ix}"), 22.0));
    let verify = run(std::iter::once("verify".into()).chain(models));
    assert_eq!((verify.code, verify.out), (Some(0), format!("{count} passed, 0 failed\n")));
}

#[test]
fn a_folder_without_cases_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    onnx::Graph::new()
        .input("x", 1, &[onnx::Dim::Fixed(1)])
        .node("Neg", &["x"], "y")
        .output("y", 1)
        .save(folder.path(), "m");
    let verify = run(["verify".into(), folder.path().join("m")]);
    assert_eq!(verify.code, Some(1));
    assert!(verify.out.contains("no golden cases"), "{verify:?}");
}

fn tensor() -> TensorProto {
    TensorProto { data_location: Some(DataLocation::Default as i32), ..Default::default() }
}
