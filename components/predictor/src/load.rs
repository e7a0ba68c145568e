//! An ONNX file to a [`Model`]: decode, prepare, check the operators, plan or interpret.

use std::collections::HashMap;

use edgewit_operators::{self as operators, Interpreter};
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{ModelProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{TractErrorContext, bail};

use crate::batch::{self, Axis};
use crate::exports::edgewit::inference::load::{
    Execution, ExternalFile, Identity, Operator, Opset, Refusal, Report,
};
use crate::exports::edgewit::inference::predict::{ModelMetadata, TensorMetadata};
use crate::exports::edgewit::inference::types::{Datatype, Error};
use crate::model::{Engine, Input, Model, Output, Plan};
use crate::tensor;

/// What is known of `file` before it runs.
pub(crate) fn check(file: Vec<u8>, external: &[ExternalFile]) -> Result<Report, Error> {
    let mut onnx = tract_onnx::onnx();
    operators::register(&mut onnx);
    let mut proto = decode(file)?;
    let mut report = survey(&onnx, &proto);
    if report.fault.is_none() && report.refusals.is_empty() {
        match build(&onnx, &mut proto, external) {
            Ok(built) => report.execution = Some(built.execution),
            Err(error) => report.fault = Some(text(error)),
        }
    }
    Ok(report)
}

/// Parses and optimises `file`.
///
/// # Errors
/// `invalid-input` when the file is not a whole ONNX model, `unsupported` naming every node that
/// cannot run, or what is wrong with the graph.
pub(crate) fn load(
    file: Vec<u8>,
    external: Vec<ExternalFile>,
    identity: Identity,
) -> Result<(Model, Report), Error> {
    let mut onnx = tract_onnx::onnx();
    operators::register(&mut onnx);
    let mut proto = decode(file)?;
    let mut report = survey(&onnx, &proto);
    if let Some(fault) = report.fault {
        return Err(Error::Unsupported(fault));
    }
    if !report.refusals.is_empty() {
        return Err(Error::Unsupported(refused(&report.refusals)));
    }
    let built = build(&onnx, &mut proto, &external)?;
    report.execution = Some(built.execution);
    let metadata = ModelMetadata {
        name: identity.name,
        version: identity.version,
        digest: identity.digest,
        manifest: identity.manifest,
        inputs: built.described_inputs,
        outputs: built.described_outputs,
    };
    Ok((Model { metadata, inputs: built.inputs, outputs: built.outputs, engine: built.engine }, report))
}

fn refused(refusals: &[Refusal]) -> String {
    let nodes = refusals.iter().map(|refusal| {
        let dot = if refusal.domain.is_empty() { "" } else { "." };
        let operator = format!("{}{dot}{}", refusal.domain, refusal.operator);
        let advice = refusal.advice.iter().map(|advice| format!("; {advice}")).collect::<String>();
        format!("\n  node `{}`: {operator}: {}{advice}", refusal.node, refusal.reason)
    });
    format!("{} of the model's nodes cannot run:{}", refusals.len(), nodes.collect::<String>())
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
    Report {
        opsets: opsets.collect(),
        operators: operators.collect(),
        execution: None,
        refusals: refusals.collect(),
        fault: check_datatypes(proto).err(),
    }
}

fn text(error: Error) -> String {
    match error {
        Error::InvalidInput(text) | Error::Unsupported(text) | Error::Execution(text) => text,
    }
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
/// complex types, the 8-bit floats, the 4-bit types; sequences and optionals.
fn check_datatypes(proto: &ModelProto) -> Result<(), String> {
    let graph = proto.graph.iter();
    let infos = graph.flat_map(|graph| {
        let outputs = graph.output.iter().map(|info| ("output", info));
        graph.input.iter().map(|info| ("input", info)).chain(outputs)
    });
    let mut refused = String::new();
    for (what, info) in infos {
        let Some(element) = element(info) else { continue };
        if DatumType::try_from(element).ok().and_then(tensor::from_datum).is_none() {
            refused += &format!("\n  {what} `{}` is {}", info.name, element.as_str_name());
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(format!("the Open Inference Protocol has no datatype for:{refused}"))
}

/// The element type that a file gives an input or output. Left open, it is for the analysis to find.
fn element(info: &ValueInfoProto) -> Option<DataType> {
    let Value::TensorType(of) = info.r#type.as_ref()?.value.as_ref()?;
    DataType::try_from(of.elem_type).ok().filter(|r#type| *r#type != DataType::Undefined)
}

/// A graph that can run, and its tensors.
struct Built {
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    described_inputs: Vec<TensorMetadata>,
    described_outputs: Vec<TensorMetadata>,
    engine: Engine,
    execution: Execution,
}

/// The names, types and axes of the inputs or outputs.
type Tensors = Vec<(String, Datatype, Vec<Axis>)>;

fn build(onnx: &Onnx, proto: &mut ModelProto, external: &[ExternalFile]) -> Result<Built, Error> {
    let labels = proto.graph.as_ref().map(operators::entry_names).unwrap_or_default();
    let files = external
        .iter()
        .map(|file| operators::ExternalFile { location: &file.location, bytes: &file.bytes })
        .collect::<Vec<_>>();
    operators::prepare(proto, &files).map_err(|error| Error::InvalidInput(format!("{error:#}")))?;
    let proto = &*proto;

    // Axes without a name most likely mean one batch; where the graph says otherwise, each is its own.
    let planned = typed(onnx, proto, true).or_else(|_| typed(onnx, proto, false)).and_then(plan);
    let (engine, inputs, outputs, execution) = match planned {
        Ok((engine, inputs, outputs)) => (engine, inputs, outputs, Execution::Planned),
        Err(reason) => {
            let (engine, inputs, outputs) = interpret(onnx, proto).map_err(|error| {
                // A wrong graph is wrong for both; what the plan says of it is the more exact.
                Error::Unsupported(format!("{reason:#}\n  and node by node: {error:#}"))
            })?;
            (engine, inputs, outputs, Execution::Interpreted(format!("{reason:#}")))
        }
    };
    Ok(Built {
        described_inputs: describe(&inputs, &labels),
        described_outputs: describe(&outputs, &labels),
        inputs: inputs.into_iter().map(|(name, datatype, axes)| Input { name, datatype, axes }).collect(),
        outputs: outputs.into_iter().map(|(name, datatype, _)| Output { name, datatype }).collect(),
        engine,
        execution,
    })
}

fn typed(onnx: &Onnx, proto: &ModelProto, shared: bool) -> TractResult<TypedModel> {
    let mut model = onnx.model_for_proto_model(proto)?;
    batch::name_axes(&mut model, shared)?;
    model.into_typed()?.into_decluttered()
}

fn plan(model: TypedModel) -> TractResult<(Engine, Tensors, Tensors)> {
    let tensors = |outlets: &[OutletId], what: &str, name: &dyn Fn(usize, OutletId) -> String| {
        let tensor = |(ix, outlet): (usize, &OutletId)| {
            let (name, fact) = (name(ix, *outlet), model.outlet_fact(*outlet)?);
            let datatype = tensor::from_datum(fact.datum_type)
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
    // Convolutions and matrix kernels need concrete shapes to pick their fast paths, and most
    // requests are one row: they get a plan of their own.
    let single = match &batch {
        Some(symbol) => {
            let one = [(symbol.clone(), 1.to_dim())].into_iter().collect();
            Some(optimised(model.set_symbols(&one)?)?)
        }
        None => None,
    };
    Ok((Engine::Planned { batch, single, any: optimised(model)? }, inputs, outputs))
}

fn optimised(model: TypedModel) -> TractResult<Plan> {
    model.into_optimized()?.into_runnable()
}

/// Without a plan, types and shapes are what the file says.
fn interpret(onnx: &Onnx, proto: &ModelProto) -> TractResult<(Engine, Tensors, Tensors)> {
    let interpreter = Interpreter::new(onnx, proto)?;
    let symbols = SymbolScope::default();
    let tensor = |info: &ValueInfoProto| -> TractResult<_> {
        let datum = element(info).context("it has no type").and_then(DatumType::try_from)?;
        let datatype = tensor::from_datum(datum).with_context(|| format!("it has datatype {datum:?}"))?;
        let Some(Value::TensorType(of)) = info.r#type.as_ref().and_then(|r#type| r#type.value.as_ref())
        else {
            bail!("it has no type");
        };
        let shape = of.shape.as_ref().context("it has no rank; export the model with its shape")?;
        let axes = shape.dim.iter().map(|dim| match &dim.value {
            Some(dimension::Value::DimValue(length)) if *length >= 0 => Axis::Fixed(*length as usize),
            Some(dimension::Value::DimParam(name)) if !name.is_empty() => Axis::Symbol(symbols.sym(name)),
            _ => Axis::Expression,
        });
        Ok((info.name.clone(), datatype, axes.collect()))
    };
    let tensors = |what: &str, infos: &mut dyn Iterator<Item = &ValueInfoProto>| {
        let tensor = |info| tensor(info).with_context(|| format!("{what} `{}`", info.name));
        infos.map(tensor).collect::<TractResult<Tensors>>()
    };
    let graph = proto.graph.as_ref().context("the model has no graph")?;
    let initialised =
        |info: &&ValueInfoProto| !graph.initializer.iter().any(|tensor| tensor.name == info.name);
    let inputs = tensors("input", &mut graph.input.iter().filter(initialised))?;
    let outputs = tensors("output", &mut graph.output.iter())?;
    Ok((Engine::Interpreted { interpreter, _symbols: symbols }, inputs, outputs))
}

fn describe(tensors: &Tensors, labels: &HashMap<String, Vec<String>>) -> Vec<TensorMetadata> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(length) => *length as i64,
        Axis::Symbol(_) | Axis::Expression => -1,
    };
    let describe = |(name, datatype, axes): &(String, Datatype, Vec<Axis>)| TensorMetadata {
        name: name.clone(),
        datatype: *datatype,
        shape: axes.iter().map(length).collect(),
        labels: labels.get(name).cloned().unwrap_or_default(),
    };
    tensors.iter().map(describe).collect()
}
