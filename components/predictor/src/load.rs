//! An ONNX file to a [`Model`]: decode, prepare, check the operators, plan or interpret.

use std::collections::{HashMap, HashSet};

use edgewit_core::Datatype;
use edgewit_operators::{self as operators, Interpreter};
use edgewit_session::{Axis, Engine, Input, Lengths, Output, Session, from_datum, zeros};
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{ModelProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{TractErrorContext, bail};

use crate::batch;
use crate::datatype::datatype_to_wit;
use crate::exports::edgewit::inference::load::{
    Execution, ExternalFile, Identity, Operator, Opset, Refusal, Report,
};
use crate::exports::edgewit::inference::predict::{ModelMetadata, TensorMetadata};
use crate::exports::edgewit::inference::types::Error;
use crate::{Model, plans};

/// What is known of `file` before it runs, with `planned` after a trial of its plan.
pub(crate) fn check(file: Vec<u8>, external: &[ExternalFile], planned: bool) -> Result<Report, Error> {
    let onnx = onnx();
    let mut proto = decode(file)?;
    let mut report = survey(&onnx, &proto);
    if report.fault.is_some() || !report.refusals.is_empty() {
        return Ok(report);
    }
    let execution = prepared(&mut proto, external).and_then(|()| {
        if !planned {
            return interpret(&onnx, &proto).map(|_| Execution::Interpreted(String::new()));
        }
        let (reason, has_plan) = match plan(&onnx, &proto) {
            Ok(graph) => match graph.trial() {
                Ok(_) => return Ok(Execution::Planned),
                Err(error) => (error, true),
            },
            Err(error) => (error, false),
        };
        match interpret(&onnx, &proto) {
            // Zeros may be wrong of themselves. A plan is wrong where the graph runs on them without it.
            Ok(graph) if !has_plan || graph.trial().unwrap_or(false) => {
                Ok(Execution::Interpreted(format!("{reason:#}")))
            }
            // A wrong graph is wrong for both; what the plan says of it is the more exact.
            Err(error) if !has_plan => bail!("{reason:#}\n  and node by node: {error:#}"),
            _ => Ok(Execution::Planned),
        }
    });
    match execution {
        Ok(execution) => report.execution = Some(execution),
        Err(error) => report.fault = Some(format!("{error:#}")),
    }
    Ok(report)
}

/// Parses and optimises `file`, with a plan or without.
///
/// # Errors
/// `invalid-input` when the file is not a whole ONNX model, `unsupported` when it cannot run so.
pub(crate) fn load(
    file: Vec<u8>,
    external: Vec<ExternalFile>,
    identity: Identity,
    planned: bool,
) -> Result<Model, Error> {
    let onnx = onnx();
    let mut proto = decode(file)?;
    let labels = proto.graph.as_ref().map(operators::entry_names).unwrap_or_default();
    let mut load = || {
        prepared(&mut proto, &external)?;
        if planned { plan(&onnx, &proto) } else { interpret(&onnx, &proto) }
    };
    let graph = load().map_err(|error| Error::Unsupported(format!("{error:#}")))?;
    let metadata = ModelMetadata {
        // Copies, for what came with the call was there before loading began.
        name: identity.name.clone(),
        version: identity.version.clone(),
        digest: identity.digest.clone(),
        manifest: identity.manifest.clone(),
        inputs: describe(&graph.inputs, &labels),
        outputs: describe(&graph.outputs, &labels),
    };
    let inputs = graph.inputs.into_iter().map(|(name, datatype, axes)| Input { name, datatype, axes });
    let outputs = graph.outputs.into_iter().map(|(name, datatype, _)| Output { name, datatype });
    let session = Session { inputs: inputs.collect(), outputs: outputs.collect(), engine: graph.engine };
    Ok(Model { metadata, session })
}

fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    operators::register(&mut onnx);
    onnx
}

/// What the file says, without trying to run it.
fn survey(onnx: &Onnx, proto: &ModelProto) -> Report {
    let opsets = proto.opset_import.iter();
    let opsets = opsets.map(|import| Opset { domain: import.domain.clone(), version: import.version });
    let operators = operators::operator_counts(proto);
    let operators = operators.into_iter().map(|((domain, name), nodes)| Operator { domain, name, nodes });
    let refusals = operators::unsupported(onnx, proto).into_iter().map(|node| Refusal {
        node: node.node,
        domain: node.domain,
        operator: node.operator,
        reason: node.reason.into(),
        advice: node.advice.map(Into::into),
    });
    let refusals = refusals.collect::<Vec<_>>();
    // A domain that is refused for its operators need not be told again for its opset.
    let opset_fault = || operators::opset_fault(proto).filter(|_| refusals.is_empty());
    let fault = check_datatypes(proto).err().or_else(opset_fault);
    Report { opsets: opsets.collect(), operators: operators.collect(), execution: None, refusals, fault }
}

fn decode(file: Vec<u8>) -> Result<ModelProto, Error> {
    if file.is_empty() {
        return Err(Error::InvalidInput("the ONNX file is empty".into()));
    }
    let proto = tract_onnx::onnx().proto_model_for_read(&mut file.as_slice()).map_err(|error| {
        Error::InvalidInput(format!("the file is not ONNX, or not whole: {}", error.root_cause()))
    })?;
    match &proto.graph {
        Some(graph) if !graph.output.is_empty() => Ok(proto),
        Some(_) => Err(Error::InvalidInput("the ONNX graph has no output".into())),
        None => Err(Error::InvalidInput("the file is not an ONNX model: it has no graph".into())),
    }
}

/// Names every input and output of a type that the interface has no datatype for: BFLOAT16, the
/// complex types, the 8-bit floats, the 4-bit and 2-bit types.
fn check_datatypes(proto: &ModelProto) -> Result<(), String> {
    let refused = tensors(proto).filter_map(|(what, info)| {
        let of = tensor_type(info)?;
        // Left open, a type is for the analysis to find.
        if of.elem_type == 0 || datum_type(of).and_then(from_datum).is_some() {
            return None;
        }
        let name = match (DataType::try_from(of.elem_type), of.elem_type) {
            (Ok(element), _) => element.as_str_name().to_owned(),
            (_, 23) => "FLOAT4E2M1".into(),
            (_, 24) => "FLOAT8E8M0".into(),
            (_, 25) => "UINT2".into(),
            (_, 26) => "INT2".into(),
            (_, number) => format!("of the element type {number}"),
        };
        Some(format!("\n  {what} `{}` is {name}", info.name))
    });
    match refused.collect::<String>() {
        refused if refused.is_empty() => Ok(()),
        refused => Err(format!("the Open Inference Protocol has no datatype for:{refused}")),
    }
}

/// Names every input and output that is no tensor. Maps have been taken apart before.
fn check_tensors(proto: &ModelProto) -> TractResult<()> {
    let others = tensors(proto).filter(|(_, info)| info.r#type.as_ref().is_some_and(|of| of.value.is_none()));
    match others.map(|(what, info)| format!("\n  {what} `{}`", info.name)).collect::<String>() {
        others if others.is_empty() => Ok(()),
        others => bail!("requests carry tensors, not sequences, optionals or maps:{others}"),
    }
}

/// The inputs and the outputs of the graph. A constant may be listed as an input, too, and is none.
fn tensors(proto: &ModelProto) -> impl Iterator<Item = (&'static str, &ValueInfoProto)> {
    proto.graph.iter().flat_map(|graph| {
        let constants = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect::<HashSet<_>>();
        let inputs = graph.input.iter().filter(move |info| !constants.contains(&*info.name));
        let outputs = graph.output.iter().map(|info| ("output", info));
        inputs.map(|info| ("input", info)).chain(outputs)
    })
}

fn tensor_type(info: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let Value::TensorType(of) = info.r#type.as_ref()?.value.as_ref()?;
    Some(of)
}

fn datum_type(of: &type_proto::Tensor) -> Option<DatumType> {
    DataType::try_from(of.elem_type).ok()?.try_into().ok()
}

/// The names, types and axes of the inputs or outputs.
type Tensors = Vec<(String, Datatype, Vec<Axis>)>;

/// A graph that can run.
struct Graph {
    engine: Engine,
    inputs: Tensors,
    outputs: Tensors,
}

/// A trial on more elements than this would take longer than it is worth.
const MOST_TRIAL_ELEMENTS: usize = 1 << 24;

impl Graph {
    /// Runs the graph on zeros and empty strings, each varying axis 1 long, and the batch 2 long in a
    /// second run. False where there is nothing to try: a length is not free, or there is too much.
    fn trial(&self) -> TractResult<bool> {
        for batch in [1, 2] {
            let mut symbols = Lengths::default();
            let mut values = tvec!();
            for (_, datatype, axes) in &self.inputs {
                let shape = axes.iter().enumerate().map(|(ix, axis)| match axis {
                    Axis::Fixed(length) => Some(*length),
                    Axis::Symbol(symbol) => {
                        let length = if ix == 0 { batch } else { 1 };
                        if symbols.get(symbol).is_none() {
                            symbols.set(symbol, length);
                        }
                        symbols.get(symbol)
                    }
                    Axis::Expression => None,
                });
                let shape = shape.collect::<Option<TVec<usize>>>();
                let small = |shape: &TVec<usize>| {
                    let elements = shape.iter().try_fold(1usize, |all, axis| all.checked_mul(*axis));
                    elements.is_some_and(|elements| elements <= MOST_TRIAL_ELEMENTS)
                };
                let Some(shape) = shape.filter(small) else { return Ok(false) };
                values.push(zeros(*datatype, &shape)?.into_tvalue());
            }
            self.engine.run(values, &symbols)?;
        }
        Ok(true)
    }
}

fn prepared(proto: &mut ModelProto, external: &[ExternalFile]) -> TractResult<()> {
    let files = external
        .iter()
        .map(|file| operators::ExternalFile { location: &file.location, bytes: &file.bytes })
        .collect::<Vec<_>>();
    operators::prepare(proto, &files)?;
    check_tensors(proto)
}

fn typed(onnx: &Onnx, proto: &ModelProto, shared: bool) -> TractResult<TypedModel> {
    let mut model = onnx.model_for_proto_model(proto)?;
    batch::name_axes(&mut model, shared)?;
    model.into_typed()?.into_decluttered()
}

fn plan(onnx: &Onnx, proto: &ModelProto) -> TractResult<Graph> {
    // Axes without a name most likely mean one batch; where the graph says otherwise, each is its own.
    let model = typed(onnx, proto, true).or_else(|_| typed(onnx, proto, false))?;
    let tensors = |outlets: &[OutletId], what: &str, name: &dyn Fn(usize, OutletId) -> String| {
        let tensor = |(ix, outlet): (usize, &OutletId)| {
            let (name, fact) = (name(ix, *outlet), model.outlet_fact(*outlet)?);
            let datatype = from_datum(fact.datum_type)
                .with_context(|| format!("{what} `{name}` has datatype {:?}", fact.datum_type))?;
            Ok((name, datatype, fact.shape.dims().iter().map(Axis::of).collect()))
        };
        outlets.iter().enumerate().map(tensor).collect::<TractResult<Tensors>>()
    };
    let inputs = tensors(&model.inputs, "input", &|_, outlet| model.node(outlet.node).name.clone())?;
    let outputs = tensors(&model.outputs, "output", &|_, outlet| {
        model.outlet_labels.get(&outlet).cloned().unwrap_or_default()
    })?;
    let batch = batch::symbol(inputs.iter().map(|(_, _, axes)| axes.as_slice()));
    Ok(Graph { engine: plans::plan(model, batch)?, inputs, outputs })
}

/// Without a plan, types and shapes are what the file says.
fn interpret(onnx: &Onnx, proto: &ModelProto) -> TractResult<Graph> {
    let interpreter = Interpreter::new(onnx, proto)?;
    let symbols = SymbolScope::default();
    let tensor = |info: &ValueInfoProto| -> TractResult<_> {
        let of = tensor_type(info).context("it has no type")?;
        let datatype = datum_type(of).and_then(from_datum).context("it has no datatype")?;
        let shape = of.shape.as_ref().context("it has no rank; export the model with its shape")?;
        let axes = shape.dim.iter().map(|dim| match &dim.value {
            Some(dimension::Value::DimValue(length)) if *length >= 0 => Axis::Fixed(*length as usize),
            Some(dimension::Value::DimParam(name)) if !name.is_empty() => Axis::Symbol(symbols.sym(name)),
            _ => Axis::Symbol(symbols.new_with_prefix("axis")),
        });
        Ok((info.name.clone(), datatype, axes.collect()))
    };
    let tensors = |what: &str, infos: &mut dyn Iterator<Item = &ValueInfoProto>| {
        let tensor = |info| tensor(info).with_context(|| format!("{what} `{}`", info.name));
        infos.map(tensor).collect::<TractResult<Tensors>>()
    };
    let graph = proto.graph.as_ref().context("the model has no graph")?;
    let inputs = tensors("input", &mut graph.input.iter())?;
    let outputs = tensors("output", &mut graph.output.iter())?;
    Ok(Graph { engine: Engine::Interpreted { interpreter, symbols }, inputs, outputs })
}

fn describe(tensors: &Tensors, labels: &HashMap<String, Vec<String>>) -> Vec<TensorMetadata> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(length) => *length as i64,
        Axis::Symbol(_) | Axis::Expression => -1,
    };
    let describe = |(name, datatype, axes): &(String, Datatype, Vec<Axis>)| TensorMetadata {
        name: name.clone(),
        datatype: datatype_to_wit(*datatype),
        shape: axes.iter().map(length).collect(),
        labels: labels.get(name).cloned().unwrap_or_default(),
    };
    tensors.iter().map(describe).collect()
}
