//! What the predictor does with the bytes of a model, natively: decode, check the operators, prepare, plan,
//! else interpret; then one run on zeros.

use edgewit_operators::{Interpreter, prepare, register, unsupported};
use edgewit_session::Axis;
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::{InferenceModelExt, bail, ensure};

#[allow(dead_code, reason = "the loader asks it for more than a run on zeros needs")]
#[path = "../../../predictor/src/batch.rs"]
mod batch;

/// Inputs of more elements than this are not run: a fuzzer wants many runs, not long ones.
const MOST_ELEMENTS: usize = 1 << 16;

/// How far a file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has a plan; it ran, or its inputs are too large to try.
    Planned,
    /// It ran node by node.
    Interpreted,
}

/// Loads `file` and runs it once.
///
/// # Errors
/// Whatever the loader would answer.
pub fn load(file: &[u8]) -> TractResult<Outcome> {
    let mut onnx = tract_onnx::onnx();
    register(&mut onnx);
    let mut proto = onnx.proto_model_for_read(&mut &*file)?;
    ensure!(proto.graph.as_ref().is_some_and(|graph| !graph.output.is_empty()), "no graph, or no output");
    if let Some(refused) = unsupported(&onnx, &proto).first() {
        bail!("{refused}");
    }
    prepare(&mut proto, &[])?;
    match typed(&onnx, &proto, true).or_else(|_| typed(&onnx, &proto, false)).and_then(plan) {
        Ok(Planned { inputs, single, any }) => {
            let Some(inputs) = inputs else { return Ok(Outcome::Planned) };
            single.unwrap_or(any).run(inputs).map(|_| Outcome::Planned)
        }
        Err(_) => {
            let interpreter = Interpreter::new(&onnx, &proto)?;
            let Some(inputs) = declared_zeros(&onnx, &proto)? else { return Ok(Outcome::Interpreted) };
            interpreter.run(inputs).map(|_| Outcome::Interpreted)
        }
    }
}

struct Planned {
    /// None where they are too large to try.
    inputs: Option<TVec<TValue>>,
    single: Option<Arc<TypedRunnableModel>>,
    any: Arc<TypedRunnableModel>,
}

fn typed(onnx: &Onnx, proto: &ModelProto, shared: bool) -> TractResult<TypedModel> {
    let mut model = onnx.model_for_proto_model(proto)?;
    batch::name_axes(&mut model, shared)?;
    model.into_typed()?.into_decluttered()
}

fn plan(model: TypedModel) -> TractResult<Planned> {
    let facts = model.inputs.iter().map(|outlet| Ok(model.outlet_fact(*outlet)?.clone()));
    let facts = facts.collect::<TractResult<Vec<_>>>()?;
    let axes = facts
        .iter()
        .map(|fact| fact.shape.dims().iter().map(Axis::of).collect())
        .collect::<Vec<Vec<_>>>();
    let single = match batch::symbol(axes.iter().map(Vec::as_slice)) {
        Some(symbol) => {
            let one = [(symbol, 1.to_dim())].into_iter().collect();
            Some(model.set_symbols(&one)?.into_optimized()?.into_runnable()?)
        }
        None => None,
    };
    let inputs = facts.iter().zip(&axes).map(|(fact, axes)| zeros(fact.datum_type, axes)).collect();
    Ok(Planned { inputs, single, any: model.into_optimized()?.into_runnable()? })
}

/// Zeros for the inputs that the file declares; None where one is too large, or not told.
fn declared_zeros(onnx: &Onnx, proto: &ModelProto) -> TractResult<Option<TVec<TValue>>> {
    // Without the nodes, for those may be what tract refuses.
    let mut inputs = proto.clone();
    if let Some(graph) = &mut inputs.graph {
        graph.node.clear();
        graph.output.clear();
        graph.value_info.clear();
    }
    let model = onnx.model_for_proto_model(&inputs)?;
    let zeros = |outlet: &OutletId| {
        let fact = model.outlet_fact(*outlet).ok()?;
        let axes = fact.shape.concretize()?.iter().map(Axis::of).collect::<Vec<_>>();
        zeros(fact.datum_type.concretize()?, &axes)
    };
    Ok(model.inputs.iter().map(zeros).collect())
}

/// An axis that varies has length 1.
fn zeros(datum_type: DatumType, axes: &[Axis]) -> Option<TValue> {
    let length = |axis: &Axis| if let Axis::Fixed(length) = axis { *length } else { 1 };
    let shape = axes.iter().map(length).collect::<TVec<_>>();
    let len = shape.iter().try_fold(1usize, |len, length| len.checked_mul(*length))?;
    if len > MOST_ELEMENTS {
        return None;
    }
    Tensor::zero_dt(datum_type, &shape).ok().map(Tensor::into_tvalue)
}
