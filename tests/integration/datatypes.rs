//! Every datatype of the Open Inference Protocol, in and out of a component.

use edgewit::pack::PREDICTOR;
use edgewit::runtime::{CompileCache, Engine, EngineConfig, Error, Identity, Instance, Limits, Loader};
use edgewit_core::{Data, Datatype, Tensor};
use edgewit_tests::cache;
use edgewit_tests::onnx::{Dim, Graph};

/// The ONNX element type of each datatype.
pub(crate) const ELEMENTS: [(Datatype, i32); 13] = [
    (Datatype::Fp32, 1),
    (Datatype::Uint8, 2),
    (Datatype::Int8, 3),
    (Datatype::Uint16, 4),
    (Datatype::Int16, 5),
    (Datatype::Int32, 6),
    (Datatype::Int64, 7),
    (Datatype::Bytes, 8),
    (Datatype::Bool, 9),
    (Datatype::Fp16, 10),
    (Datatype::Fp64, 11),
    (Datatype::Uint32, 12),
    (Datatype::Uint64, 13),
];

fn load(graph: Graph) -> Instance {
    let engine = Engine::new(&EngineConfig::default()).expect("an engine");
    let cache = CompileCache::open(&cache().join("compiled")).expect("a cache");
    let loader = Loader::new(&engine, &cache, PREDICTOR).expect("the predictor");
    let identity =
        Identity { name: "m".into(), version: "1".into(), digest: String::new(), manifest: "{}".into() };
    loader.load(&graph.bytes(), &[], &identity, true, &Limits::packing()).expect("the model loads")
}

fn sample(datatype: Datatype, rows: u64) -> Tensor {
    let count = 2 * rows as usize;
    let data = match datatype.size() {
        None => Data::Strings((0..count).map(|ix| format!("text {ix} äöü")).collect()),
        // 0 and 1 are valid in every type, BOOL included.
        Some(size) => Data::Raw((0..count * size).map(|ix| u8::from(ix % (3 * size) == 0)).collect()),
    };
    Tensor::new("x", datatype, vec![rows, 2], data).expect("a tensor")
}

#[test]
fn every_datatype_comes_back_as_it_went_in() {
    for (datatype, element) in ELEMENTS {
        let graph = Graph::new().input("x", element, &[Dim::Named("N"), Dim::Fixed(2)]);
        let mut model = load(graph.node("Identity", &["x"], "y").output("y", element));
        for rows in [1, 5] {
            let input = sample(datatype, rows);
            let output = model.predict(std::slice::from_ref(&input), None).expect("a prediction");
            assert_eq!(output.len(), 1);
            assert_eq!((output[0].name.as_str(), output[0].datatype), ("y", datatype));
            assert_eq!((&output[0].shape, &output[0].data), (&input.shape, &input.data), "{datatype}");
        }
    }
}

#[test]
fn inputs_may_come_in_any_order_and_outputs_be_selected() {
    let dims = [Dim::Unnamed];
    let graph = Graph::new().input("a", 1, &dims).input("b", 1, &dims).node("Sub", &["a", "b"], "d");
    let mut model = load(graph.node("Neg", &["d"], "n").output("d", 1).output("n", 1));
    let tensor = |name: &str, value: f32| {
        Tensor::new(name, Datatype::Fp32, vec![1], Data::Raw(value.to_le_bytes().into())).expect("a tensor")
    };
    let names = ["n".to_owned(), "d".to_owned()];
    let outputs = model.predict(&[tensor("b", 1.0), tensor("a", 3.0)], Some(&names)).expect("a prediction");
    assert_eq!(outputs, [tensor("n", -2.0), tensor("d", 2.0)]);
}

#[test]
fn a_scalar_input_has_no_axis() {
    let mut model = load(Graph::new().input("x", 1, &[]).node("Neg", &["x"], "y").output("y", 1));
    let input =
        Tensor::new("x", Datatype::Fp32, vec![], Data::Raw(2_f32.to_le_bytes().into())).expect("a tensor");
    let output = model.predict(&[input], None).expect("a prediction");
    assert_eq!(output[0].data, Data::Raw((-2_f32).to_le_bytes().into()));
}

#[test]
fn the_component_itself_refuses_bad_inputs_and_never_traps() {
    let dims = [Dim::Named("N"), Dim::Fixed(2)];
    let graph = Graph::new().input("a", 1, &dims).input("b", 1, &dims).input("t", 8, &[Dim::Named("N")]);
    let graph = graph.input("f", 9, &[Dim::Fixed(1)]).node("Add", &["a", "b"], "c");
    let mut model = load(
        graph
            .node("Identity", &["t"], "u")
            .node("Not", &["f"], "g")
            .output("c", 1)
            .output("u", 8)
            .output("g", 9),
    );
    let good = || {
        let floats = |name: &str| Tensor {
            name: name.into(),
            datatype: Datatype::Fp32,
            shape: vec![1, 2],
            data: Data::Raw(vec![0; 8]),
        };
        let text = Tensor {
            name: "t".into(),
            datatype: Datatype::Bytes,
            shape: vec![1],
            data: Data::Strings(vec!["x".into()]),
        };
        let flag =
            Tensor { name: "f".into(), datatype: Datatype::Bool, shape: vec![1], data: Data::Raw(vec![1]) };
        vec![floats("a"), floats("b"), text, flag]
    };
    let mut check = |change: &dyn Fn(&mut Vec<Tensor>), words: &[&str]| {
        let mut inputs = good();
        change(&mut inputs);
        match model.predict(&inputs, None) {
            Err(Error::InvalidInput(text)) => {
                words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is not in: {text}"));
            }
            other => panic!("{words:?}: {other:?}"),
        }
        model.predict(&good(), None).expect("the next call is answered");
    };
    check(&|inputs| inputs[0].name = "z".into(), &["`z`", "`a`, `b`, `t`, `f`"]);
    check(&|inputs| drop(inputs.remove(1)), &["`b` is missing"]);
    check(&|inputs| inputs[1].name = "a".into(), &["`a`", "twice"]);
    check(&|inputs| inputs[0].datatype = Datatype::Int32, &["`a`", "FP32", "INT32"]);
    check(&|inputs| inputs[0].shape = vec![2], &["`a`", "2 axes, got 1"]);
    check(&|inputs| inputs[0].shape = vec![1, 3], &["`a`", "axis 1 is 2 long, got 3"]);
    check(&|inputs| inputs[0].shape = vec![0, 2], &["`a`", "axis 0 is empty"]);
    check(&|inputs| inputs[0].data = Data::Raw(vec![0; 7]), &["`a`", "needs 2 x 4 bytes, got 7 bytes"]);
    check(&|inputs| inputs[0].data = Data::Strings(vec!["x".into()]), &["`a`", "strings"]);
    check(&|inputs| inputs[2].data = Data::Raw(vec![0; 8]), &["`t`", "BYTES"]);
    check(&|inputs| inputs[2].data = Data::Strings(vec![]), &["`t`", "1 strings, got 0"]);
    check(&|inputs| inputs[3].data = Data::Raw(vec![2]), &["`f`", "0 or 1"]);
    check(&|inputs| inputs[0].shape = vec![u64::MAX, 2], &["`a`"]);
    check(&|inputs| inputs[0].shape = vec![1 << 31, 2], &["`a`"]);
    check(
        &|inputs| {
            inputs[1].shape = vec![2, 2];
            inputs[1].data = Data::Raw(vec![0; 16]);
        },
        &["`b`", "axis 0 (N) is 1 long in another input, got 2"],
    );
    let unknown = model.predict(&good(), Some(&["nothing".to_owned()]));
    assert!(matches!(&unknown, Err(Error::InvalidInput(text)) if text.contains("`nothing`")), "{unknown:?}");
}
