//! Operators of tract that need some inputs while typing, for models where only the run tells them.
//!
//! Sources: <https://onnx.ai/onnx/operators/>, the pages of [`OPERATORS`].
//! The rank of the output follows from the ranks and lengths of the inputs; what tract cannot type is then
//! computed by tract alone, once all inputs are known. That costs more than the operator in a plan, so it is
//! the last resort. Errors: what tract refuses, and lengths of axes and shapes that are unknown themselves.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::choice;
use crate::kernel::{self, Built, Kernel, Lengths};

/// The operators that [`late`] builds.
pub(super) const OPERATORS: [&str; 12] = [
    "BlackmanWindow",
    "DFT",
    "Expand",
    "HammingWindow",
    "HannWindow",
    "MelWeightMatrix",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "STFT",
    "Unsqueeze",
];

/// tract fills with a double if there is no value.
pub(super) fn constant_of_shape(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let mut node = node.clone();
    if !node.attribute.iter().any(|attribute| attribute.name == "value") {
        let zero = TensorProto {
            dims: vec![1],
            data_type: DataType::Float as i32,
            float_data: vec![0.0],
            ..TensorProto::default()
        };
        node.attribute.push(AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(zero),
            ..AttributeProto::default()
        });
    }
    late(ctx, &node)
}

pub(super) fn late(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let (upstream, outer) = choice::upstream(ctx, node)?;
    ensure!(outer.is_empty(), "expected {} to read nothing but its inputs", node.op_type);
    let data_type = |name: &str| -> TractResult<DatumType> {
        Ok(node.get_attr_opt::<DatumType>(name)?.unwrap_or(DatumType::F32))
    };
    let (data, form) = match &*node.op_type {
        "BlackmanWindow" | "HammingWindow" | "HannWindow" => {
            (0, Form::Fixed(1, data_type("output_datatype")?))
        }
        "MelWeightMatrix" => (0, Form::Fixed(2, data_type("output_datatype")?)),
        "ConstantOfShape" => {
            let value = node.attribute.iter().find(|attribute| attribute.name == "value");
            let dt = match value.and_then(|value| value.t.as_ref()) {
                Some(value) => DataType::try_from(value.data_type)?.try_into()?,
                None => DatumType::F32,
            };
            (0, Form::Listed(dt))
        }
        "Compress" => (1, if node.get_attr_opt::<i64>("axis")?.is_some() { Form::Same } else { Form::Flat }),
        "CumSum" => (1, Form::Equal),
        "Expand" => (1, Form::Broadcast),
        "Reshape" => (1, Form::Reshaped),
        "Squeeze" => (1, Form::Fewer),
        "STFT" => (1, Form::Spectrum),
        "Unsqueeze" => (1, Form::More),
        _ => (1, Form::Same),
    };
    let kernel = Alone { upstream: upstream.clone(), form, outputs: node.output.len() };
    let (alone, _) = kernel::wire(ctx, node, kernel)?;
    Ok((Box::new(Late { upstream, alone, data, form }), vec![]))
}

/// What the inputs tell of the outputs.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// The rank of the first input and the length of the second, the larger.
    Broadcast,
    /// The first input's shape.
    Equal,
    /// The first input's rank less the length of the second.
    Fewer,
    /// A rank and a type.
    Fixed(usize, DatumType),
    /// The first input's type, one axis.
    Flat,
    /// A type; the first input lists the lengths.
    Listed(DatumType),
    /// The first input's rank and the length of the second.
    More,
    /// The second input lists the lengths.
    Reshaped,
    /// The first input's rank.
    Same,
    /// Batch, frames, frequencies, and a complex number.
    Spectrum,
}

#[derive(Debug)]
struct Alone {
    upstream: Box<dyn InferenceOp>,
    form: Form,
    outputs: usize,
}

impl Kernel for Alone {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [first] = kernel::required(inputs)?;
        let listed = |ix: usize| -> TractResult<usize> {
            let fact = kernel::optional(inputs, ix).with_context(|| format!("expected the input {ix}"))?;
            fact.shape
                .volume()
                .to_usize()
                .with_context(|| format!("expected a known length of the input {ix}"))
        };
        let rank = first.rank();
        let (rank, dt) = match self.form {
            Form::Equal => return Ok(tvec!(first.datum_type.fact(first.shape.iter()))),
            Form::Broadcast => (rank.max(listed(1)?), first.datum_type),
            Form::Fewer => {
                let fewer = rank.checked_sub(listed(1)?);
                (fewer.context("expected no more axes than the input has")?, first.datum_type)
            }
            Form::Fixed(rank, dt) => (rank, dt),
            Form::Flat => (1, first.datum_type),
            Form::Listed(dt) => (listed(0)?, dt),
            Form::More => (rank + listed(1)?, first.datum_type),
            Form::Reshaped => (listed(1)?, first.datum_type),
            Form::Same => (rank, first.datum_type),
            Form::Spectrum => (4, first.datum_type),
        };
        let fact =
            |output: usize| dt.fact((0..rank).map(|axis| lengths.unknown(output, axis)).collect::<TVec<_>>());
        Ok((0..self.outputs).map(fact).collect())
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let given = inputs.into_iter().flatten().collect();
        let outputs =
            self.upstream.eval_out_of_plan(given)?.context("expected an operator without a state")?;
        outputs
            .into_iter()
            .map(|output| {
                let plain = if output.datum_type().is_tdim() {
                    output.cast_to::<i64>()?.into_owned()
                } else {
                    output.into_tensor()
                };
                Ok(plain)
            })
            .collect()
    }
}

#[derive(Clone, Debug)]
struct Late {
    upstream: Box<dyn InferenceOp>,
    alone: Box<dyn InferenceOp>,
    /// How many first inputs tract never needs while typing.
    data: usize,
    form: Form,
}

/// Nothing merges operators before they are typed.
impl PartialEq for Late {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Late {}

impl Op for Late {
    fn name(&self) -> StaticName {
        self.upstream.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Late {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.upstream.eval_out_of_plan(inputs)
    }
}

impl InferenceOp for Late {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let known = |fact: &&InferenceFact| fact.value.concretize().is_some();
        if !matches!(self.form, Form::Same) || inputs.iter().skip(self.data).all(known) {
            return self.upstream.infer_facts(inputs, outputs, observed);
        }
        // For a `Slice`, tract would invent lengths that outlive their scope.
        let mut outputs: TVec<InferenceFact> = outputs.into_iter().cloned().collect();
        if let (Some(dt), Some(rank)) =
            (inputs[0].datum_type.concretize(), inputs[0].shape.rank().concretize())
        {
            for output in &mut outputs {
                let shape = ShapeFactoid::closed(tvec![GenericFactoid::Any; rank as usize]);
                output.unify_with(&InferenceFact::dt_shape(dt, shape))?;
            }
        }
        let own = |facts: TVec<&InferenceFact>| facts.into_iter().cloned().collect();
        Ok((own(inputs), outputs, own(observed)))
    }

    fn observe_outlets(&self, model: &InferenceModel, node: &InferenceNode) -> TractResult<Vec<OutletId>> {
        self.upstream.observe_outlets(model, node)
    }

    fn incorporate(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Option<InferenceModelPatch>> {
        self.upstream.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.upstream.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let mut known = true;
        for outlet in node.inputs.iter().skip(self.data) {
            known &= target.outlet_fact(mapping[outlet])?.konst.is_some();
        }
        if known {
            return self.upstream.to_typed(source, node, target, mapping);
        }
        if matches!(self.form, Form::Same) {
            return self.alone.to_typed(source, node, target, mapping);
        }
        // tract may manage nonetheless; if not, its attempt has left nodes behind.
        let before = target.clone();
        self.upstream.to_typed(source, node, target, mapping).or_else(|error| {
            *target = before;
            self.alone.to_typed(source, node, target, mapping).map_err(|_| error)
        })
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn shape(lengths: &[i64]) -> Option<Tensor> {
        Some(tensor1(lengths))
    }

    #[test]
    fn a_shape_may_be_known_at_run_time_only() {
        let x = || Some(tensor1(&[1f32, 2.0]));
        expect(node("", "Reshape", vec![]), &[x(), shape(&[2, -1])], &[tensor2(&[[1f32], [2.0]])]);
        expect(node("", "Expand", vec![]), &[x(), shape(&[2, 1])], &[tensor2(&[[1f32, 2.0], [1.0, 2.0]])]);
        expect(node("", "Tile", vec![]), &[x(), shape(&[2])], &[tensor1(&[1f32, 2.0, 1.0, 2.0])]);
        expect(node("", "ConstantOfShape", vec![]), &[shape(&[1, 2])], &[tensor2(&[[0f32, 0.0]])]);
    }

    #[test]
    fn an_axis_may_be_known_at_run_time_only() {
        let x = || Some(tensor2(&[[1i64, 2], [3, 4]]));
        expect(node("", "CumSum", vec![]), &[x(), Some(tensor0(1i64))], &[tensor2(&[[1i64, 3], [3, 7]])]);
        expect(node("", "Unsqueeze", vec![]), &[x(), shape(&[1])], &[tensor3(&[[[1i64, 2]], [[3, 4]]])]);
        let one = Some(tensor2(&[[1i64, 2]]));
        expect(node("", "Squeeze", vec![]), &[one, shape(&[0])], &[tensor1(&[1i64, 2])]);
        let slice = [x(), shape(&[1]), shape(&[2]), shape(&[-1]), shape(&[1])];
        expect(node("", "Slice", vec![]), &slice, &[tensor2(&[[2i64], [4]])]);
        let mut split = node("", "Split", vec![int("axis", 1)]);
        split.output.push("z".into());
        expect(split, &[x(), shape(&[1, 1])], &[tensor2(&[[1i64], [3]]), tensor2(&[[2i64], [4]])]);
    }

    #[test]
    fn what_tract_refuses_is_refused() {
        let inputs = [Some(tensor1(&[1f32, 2.0])), shape(&[3])];
        assert!(compute(node("", "Reshape", vec![]), &inputs).is_err());
    }
}
