//! Messages through a small model. What each kind of element meets in the predictor is in tests/integration/datatypes.rs.

use edgewit_core::{Data, Datatype, Tensor as Given, onnx};
use edgewit_operators::Plan;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::math;

use crate::{Axis, Engine, Fault, Input, Output, Session};

/// `y = x + x` of `[N, 2]` floats, and `name` as it comes.
fn session() -> Session {
    let mut model = TypedModel::default();
    let batch = model.symbols.sym("N");
    let x = model.add_source("x", f32::fact([batch.to_dim(), 2.to_dim()])).unwrap();
    let name = model.add_source("name", String::fact([batch.to_dim()])).unwrap();
    let y = model.wire_node("y", math::add(), &[x, x]).unwrap()[0];
    model.select_output_outlets(&[y, name]).unwrap();
    let axis = || Axis::Symbol(batch.clone());
    Session {
        inputs: vec![
            Input { name: "x".into(), datatype: Datatype::Fp32, axes: vec![axis(), Axis::Fixed(2)] },
            Input { name: "name".into(), datatype: Datatype::Bytes, axes: vec![axis()] },
        ],
        outputs: vec![
            Output { name: "y".into(), datatype: Datatype::Fp32 },
            Output { name: "name".into(), datatype: Datatype::Bytes },
        ],
        engine: Engine::Planned { batch: Some(batch), single: None, any: Plan::new(model).unwrap() },
    }
}

fn floats(name: &str, rows: u64, value: f32) -> Given {
    let data = value.to_le_bytes().repeat(2 * rows as usize);
    Given::new(name, Datatype::Fp32, vec![rows, 2], Data::Raw(data)).unwrap()
}

fn names(rows: u64) -> Given {
    let names = (0..rows).map(|row| format!("row {row}")).collect();
    Given::new("name", Datatype::Bytes, vec![rows], Data::Strings(names)).unwrap()
}

fn predict(inputs: &[Given], outputs: Option<&[&str]>) -> Result<Vec<Given>, Fault> {
    let outputs = outputs.map(|names| names.iter().map(ToString::to_string).collect());
    session().predict(onnx::encode(inputs), outputs).map(|message| onnx::decode(&message).unwrap())
}

#[test]
fn a_message_is_answered_with_one_whatever_its_order_and_length() {
    // The last is one whose tensors move into its place.
    for rows in [1, 3, 10_000] {
        let expected = [floats("y", rows, 3.0), names(rows)];
        assert_eq!(predict(&[floats("x", rows, 1.5), names(rows)], None).unwrap(), expected);
        assert_eq!(predict(&[names(rows), floats("x", rows, 1.5)], None).unwrap(), expected);
        let turned = predict(&[names(rows), floats("x", rows, 1.5)], Some(&["name", "y"])).unwrap();
        assert_eq!(turned, [names(rows), floats("y", rows, 3.0)]);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_name() {
    let check = |inputs: &[Given], outputs, expected: &str| {
        assert_eq!(predict(inputs, outputs), Err(Fault::InvalidInput(expected.into())));
    };
    let x = || floats("x", 1, 1.0);
    check(&[x()], None, "input `name` is missing");
    check(&[x(), x()], None, "input `x` is given twice");
    check(&[floats("z", 1, 1.0), names(1)], None, "input `z` is not one of the model's: `x`, `name`");
    check(&[x(), names(2)], None, "input `name`: axis 0 (N) is 1 long in another input, got 2");
    check(&[x(), names(0)], None, "input `name`: axis 0 is empty");
    let none = "output `z` is not one of the model's: `y`, `name`";
    check(&[x(), names(1)], Some(&["z"]), none);
    let strings = Given { name: "x".into(), shape: vec![1, 2], datatype: Datatype::Fp32, ..names(2) };
    check(&[strings, names(1)], None, "input `x`: expected raw FP32 elements, got strings");
    let bytes = Given { name: "name".into(), shape: vec![1], datatype: Datatype::Bytes, ..x() };
    check(&[x(), bytes], None, "input `name`: expected the strings of a BYTES tensor, got raw bytes");
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let refused = session().predict(b"\x1a\xff".to_vec(), None);
    let expected = "the message is cut off or no protobuf";
    assert_eq!(refused, Err(Fault::InvalidInput(expected.into())));
}
