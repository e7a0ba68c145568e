//! An ONNX file to a [`Model`]: decode, prepare, check the operators, type, optimise.

use edgewit_operators as operators;
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::TractErrorContext;

use crate::batch::{self, Axis};
use crate::exports::edgewit::inference::load::{Identity, Operator};
use crate::exports::edgewit::inference::predict::{ModelMetadata, TensorMetadata};
use crate::exports::edgewit::inference::types::Error;
use crate::model::{Input, Model, Output, Plan};
use crate::tensor;

/// Parses and optimises `file`.
///
/// # Errors
/// `invalid-input` when the file is not a whole ONNX model, `unsupported` naming every node that
/// cannot run, or what tract found wrong with the graph.
pub(crate) fn load(file: Vec<u8>, identity: Identity) -> Result<(Model, Vec<Operator>), Error> {
    let mut proto = decode(file)?;
    check_datatypes(&proto)?;
    let operators = count(&proto);

    let mut onnx = tract_onnx::onnx();
    operators::register(&mut onnx);
    operators::prepare(&mut proto).map_err(|error| Error::InvalidInput(format!("{error:#}")))?;
    let refused = operators::unsupported(&onnx, &proto);
    if !refused.is_empty() {
        let nodes = refused.iter().map(|node| format!("\n  {node}")).collect::<String>();
        return Err(Error::Unsupported(format!("{} of the model's nodes cannot run:{nodes}", refused.len())));
    }

    // Axes without a name most likely mean one batch; where the graph says otherwise, each is its own.
    let typed = typed(&onnx, &proto, true).or_else(|_| typed(&onnx, &proto, false))?;
    let model = build(typed, &proto, identity).map_err(|error| Error::Unsupported(format!("{error:#}")))?;
    Ok((model, operators))
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
/// complex types, the 8-bit floats, the 4-bit types.
fn check_datatypes(proto: &ModelProto) -> Result<(), Error> {
    let graph = proto.graph.iter();
    let infos = graph.flat_map(|graph| {
        let outputs = graph.output.iter().map(|info| ("output", info));
        graph.input.iter().map(|info| ("input", info)).chain(outputs)
    });
    let mut refused = String::new();
    for (what, info) in infos {
        let Some(Value::TensorType(of)) = info.r#type.as_ref().and_then(|r#type| r#type.value.as_ref())
        else {
            continue;
        };
        // Left open, a type is for the analysis to find.
        let Some(element) =
            DataType::try_from(of.elem_type).ok().filter(|r#type| *r#type != DataType::Undefined)
        else {
            continue;
        };
        if DatumType::try_from(element).ok().and_then(tensor::from_datum).is_none() {
            refused += &format!("\n  {what} `{}` is {}", info.name, element.as_str_name());
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::Unsupported(format!("the Open Inference Protocol has no datatype for:{refused}")))
}

fn count(proto: &ModelProto) -> Vec<Operator> {
    operators::operator_counts(proto)
        .into_iter()
        .map(|((domain, name), nodes)| Operator { domain, name, nodes })
        .collect()
}

fn typed(onnx: &tract_onnx::Onnx, proto: &ModelProto, shared: bool) -> Result<TypedModel, Error> {
    let refuse = |error: TractError| Error::Unsupported(format!("{error:#}"));
    let mut model = onnx.model_for_proto_model(proto).map_err(refuse)?;
    batch::name_axes(&mut model, shared).map_err(Error::Unsupported)?;
    model.into_typed().and_then(TypedModel::into_decluttered).map_err(refuse)
}

fn build(model: TypedModel, proto: &ModelProto, identity: Identity) -> TractResult<Model> {
    let mut inputs = vec![];
    for outlet in &model.inputs {
        let name = model.node(outlet.node).name.clone();
        let fact = model.outlet_fact(*outlet)?;
        let datatype = tensor::from_datum(fact.datum_type)
            .with_context(|| format!("input `{name}` has datatype {:?}", fact.datum_type))?;
        let axes = fact.shape.dims().iter().map(Axis::of).collect();
        inputs.push(Input { name, datatype, axes });
    }
    let mut outputs = vec![];
    let mut output_shapes = vec![];
    let names = proto.graph.iter().flat_map(|graph| &graph.output).map(|info| info.name.clone());
    for (outlet, name) in model.outputs.iter().zip(names) {
        let fact = model.outlet_fact(*outlet)?;
        let datatype = tensor::from_datum(fact.datum_type)
            .with_context(|| format!("output `{name}` has datatype {:?}", fact.datum_type))?;
        output_shapes.push(fact.shape.dims().iter().map(Axis::of).collect::<Vec<_>>());
        outputs.push(Output { name, datatype });
    }

    let axes = inputs.iter().map(|input| input.axes.clone()).collect::<Vec<_>>();
    let batch = batch::symbol(&axes);
    // Convolutions and matrix kernels need concrete shapes to pick their fast paths, and most
    // requests are one row: they get a plan of their own.
    let single = match &batch {
        Some(symbol) => {
            Some(plan(model.set_symbols(&[(symbol.clone(), 1.to_dim())].into_iter().collect())?)?)
        }
        None => None,
    };
    let any = plan(model)?;

    let metadata = ModelMetadata {
        name: identity.name,
        version: identity.version,
        digest: identity.digest,
        manifest: identity.manifest,
        inputs: inputs.iter().map(|input| describe(&input.name, input.datatype, &input.axes)).collect(),
        outputs: outputs
            .iter()
            .zip(&output_shapes)
            .map(|(output, axes)| describe(&output.name, output.datatype, axes))
            .collect(),
    };
    Ok(Model { metadata, inputs, outputs, batch, single, any })
}

fn plan(model: TypedModel) -> TractResult<Plan> {
    model.into_optimized()?.into_runnable()
}

fn describe(
    name: &str,
    datatype: crate::exports::edgewit::inference::types::Datatype,
    axes: &[Axis],
) -> TensorMetadata {
    let shape = axes.iter().map(|axis| match axis {
        Axis::Fixed(length) => *length as i64,
        Axis::Symbol(_) | Axis::Expression => -1,
    });
    TensorMetadata { name: name.into(), datatype, shape: shape.collect() }
}
