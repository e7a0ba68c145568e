//! The churn model, a scikit-learn pipeline exported by skl2onnx: it loads, optimises, and gives its golden answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use serde_json::Value;
use tract_onnx::prelude::*;

struct Churn {
    model: TypedModel,
    cases: Vec<Value>,
    tolerance: f64,
}

impl Churn {
    fn load() -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/churn/1");
        let mut onnx = tract_onnx::onnx();
        let mut proto = onnx.proto_model_for_path(folder.join("model.onnx")).unwrap();
        edgewit_operators::prepare(&mut proto, &[]).unwrap();
        edgewit_operators::register(&mut onnx);
        assert_eq!(edgewit_operators::unsupported(&onnx, &proto), vec![]);
        let mut model = onnx.model_for_proto_model(&proto).unwrap();
        // The export leaves the first axis without a name; all inputs share one batch.
        let batch = model.symbols.sym("N");
        for position in 0..model.inputs.len() {
            let fact = model.input_fact(position).unwrap().clone();
            model.set_input_fact(position, fact.with_shape([batch.to_dim(), 1.to_dim()])).unwrap();
        }
        let golden = std::fs::read_to_string(folder.join("golden/cases.json")).unwrap();
        let golden: Value = serde_json::from_str(&golden).unwrap();
        Self {
            model: model.into_typed().unwrap().into_decluttered().unwrap(),
            cases: golden["cases"].as_array().unwrap().clone(),
            tolerance: golden["tolerance"].as_f64().unwrap(),
        }
    }

    /// The inputs for `cases`, one row each, a missing number being NaN.
    fn inputs(&self, cases: &[Value]) -> TVec<TValue> {
        let input = |outlet: &OutletId| {
            let node = &self.model.nodes()[outlet.node];
            let values = || cases.iter().map(|case| &case["row"][&node.name]);
            let tensor = match node.outputs[0].fact.datum_type {
                DatumType::F32 => {
                    tensor1(&values().map(|v| v.as_f64().map_or(f32::NAN, |v| v as f32)).collect::<Vec<_>>())
                }
                DatumType::I64 => tensor1(&values().map(|v| v.as_i64().unwrap()).collect::<Vec<_>>()),
                DatumType::String => {
                    tensor1(&values().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>())
                }
                other => panic!("input {} of type {other:?}", node.name),
            };
            tensor.into_shape(&[cases.len(), 1]).unwrap().into_tvalue()
        };
        self.model.inputs.iter().map(input).collect()
    }

    fn check(&self, cases: &[Value], outputs: &[TValue]) {
        let labels = outputs[0].try_as_plain_ram().unwrap().as_slice::<String>().unwrap();
        assert_eq!(outputs[1].shape(), &[cases.len(), 2]);
        let scores = outputs[1].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap();
        for ((case, label), scores) in cases.iter().zip(labels).zip(scores.chunks(2)) {
            let expect = &case["expect"];
            assert_eq!(label, expect["label"].as_str().unwrap());
            for (score, expect) in scores.iter().zip(expect["probability"].as_array().unwrap()) {
                let difference = (f64::from(*score) - expect.as_f64().unwrap()).abs();
                assert!(difference <= self.tolerance, "{case}: {scores:?}");
            }
        }
    }
}

#[test]
fn its_inputs_share_a_symbolic_batch_that_its_outputs_keep() {
    let churn = Churn::load();
    assert_eq!(churn.model.inputs.len(), 19);
    let batch = churn.model.symbols.sym("N").to_dim();
    let shape = |slot| churn.model.output_fact(slot).unwrap().shape.to_tvec();
    assert_eq!(churn.model.outputs.len(), 2);
    assert_eq!((shape(0), shape(1)), (tvec![batch.clone()], tvec![batch, 2.to_dim()]));
}

#[test]
fn one_plan_answers_every_golden_case_alone_and_in_a_batch() {
    let churn = Churn::load();
    let plan = edgewit_operators::Plan::new(churn.model.clone()).unwrap();
    for case in churn.cases.chunks(1) {
        churn.check(case, &plan.run(churn.inputs(case)).unwrap());
    }
    churn.check(&churn.cases, &plan.run(churn.inputs(&churn.cases)).unwrap());
}

#[test]
fn a_plan_of_one_row_answers_every_golden_case() {
    let churn = Churn::load();
    let batch = churn.model.symbols.sym("N");
    let single = churn.model.set_symbols(&[(batch, 1.to_dim())].into_iter().collect()).unwrap();
    let plan = edgewit_operators::Plan::new(single).unwrap();
    for case in churn.cases.chunks(1) {
        churn.check(case, &plan.run(churn.inputs(case)).unwrap());
    }
}
