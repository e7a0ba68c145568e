//! Several columns encoded one by one and then concatenated, as pipelines of columns export it: in one step.
//!
//! Each `OneHotEncoder` of its own costs a tensor and a turn of the plan, for a handful of ones and zeros; a table has
//! dozens of such columns.

use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_hir::internal::*;

use super::one_hot_encoder::OneHotEncoder;
use crate::kernel::{self, Kernel, KernelOp, Lengths};

/// Puts one node in the place of every concatenation along the last axis whose inputs are all made by encoders for it
/// alone.
pub(crate) fn fuse(model: &mut TypedModel) -> TractResult<()> {
    let concats = model.nodes().iter().filter(|node| node.op_is::<TypedConcat>()).map(|node| node.id);
    for id in concats.collect::<Vec<_>>() {
        if let Some(patch) = fused(model, id)? {
            patch.apply(model)?;
        }
    }
    Ok(())
}

fn fused(model: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = model.node(id);
    let Some(concat) = node.op_as::<TypedConcat>() else { return Ok(None) };
    let mut columns = vec![];
    let mut inputs = vec![];
    for outlet in &node.inputs {
        let fact = model.outlet_fact(*outlet)?;
        let alone = fact.rank() == concat.axis + 1
            && model.outlet_successors(*outlet).len() == 1
            && !model.outputs.contains(outlet);
        let encoder = model.node(outlet.node).op_as::<KernelOp>().and_then(KernelOp::kernel::<OneHotEncoder>);
        let Some(encoder) = encoder.filter(|_| alone) else { return Ok(None) };
        columns.push(encoder);
        inputs.push(model.node(outlet.node).inputs[0]);
    }
    let mut patch = TypedModelPatch::new("one-hot columns in one step");
    let taps = inputs.iter().map(|input| patch.tap_model(model, *input)).collect::<TractResult<TVec<_>>>()?;
    let op = KernelOp::new(OneHotColumns(columns), "OneHotColumns", taps.len(), model.symbols.clone());
    let output = patch.wire_node(&node.name, op, &taps)?[0];
    patch.shunt_outside(model, id.into(), output)?;
    Ok(Some(patch))
}

/// Encoders, one for each input. The output of each has one more axis than its input; they lie side by side on it.
#[derive(Debug)]
struct OneHotColumns(Vec<Arc<OneHotEncoder>>);

impl Kernel for OneHotColumns {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == self.0.len(), "expected {} inputs, got {}", self.0.len(), inputs.len());
        let mut shape: Option<TVec<TDim>> = None;
        for (encoder, input) in self.0.iter().zip(inputs) {
            let [fact] = &encoder.facts(std::slice::from_ref(input), lengths)?[..] else {
                bail!("one output")
            };
            let (last, before) = fact.shape.dims().split_last().context("an encoder adds an axis")?;
            match &mut shape {
                None => shape = Some(fact.shape.to_tvec()),
                Some(shape) => {
                    let axis = shape.len() - 1;
                    ensure!(shape[..axis] == *before, "expected inputs of one shape");
                    shape[axis] += last;
                }
            }
        }
        Ok(tvec!(f32::fact(shape.context("expected at least one input")?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [first] = kernel::required(&inputs)?;
        let width = self.0.iter().map(|encoder| encoder.width()).sum();
        let mut shape: TVec<usize> = first.shape().into();
        shape.push(width);
        kernel::checked_len(&shape)?;
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut view = output.try_as_plain_ram_mut()?;
        let rows = view.as_slice_mut::<f32>()?;
        let mut at = 0;
        for (encoder, input) in self.0.iter().zip(&inputs) {
            let input = input.as_ref().context("an input is missing")?;
            ensure!(input.shape() == first.shape(), "expected inputs of one shape");
            encoder.write(input, rows, at, width)?;
            at += encoder.width();
        }
        Ok(tvec!(output))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::*;
    use crate::testing::{int, ints, model_of, node, strings};

    /// `a` (strings) and `b` (integers) encoded and concatenated, planned with the axis of rows of `rows`.
    fn optimised(axis: i64, more: Option<NodeProto>, rows: usize) -> (TypedModel, [Tensor; 2]) {
        let encoder = |input: &str, attribute| {
            let mut node = node("ai.onnx.ml", "OneHotEncoder", vec![attribute, int("zeros", 0)]);
            (node.name, node.input, node.output) =
                (format!("encode_{input}"), vec![input.into()], vec![format!("{input}_encoded")]);
            node
        };
        let mut concat = node("", "Concat", vec![int("axis", axis)]);
        concat.input = vec!["a_encoded".into(), "b_encoded".into()];
        concat.output = vec!["y".into()];
        let texts = ["x", "y", "z", "x"][..rows].iter().map(ToString::to_string).collect::<Vec<_>>();
        let a = tensor1(&texts).into_shape(&[rows, 1]).unwrap();
        let b = tensor1(&[5i64, 7, 7, 5][..rows]).into_shape(&[rows, 1]).unwrap();
        let nodes = [
            encoder("a", strings("cats_strings", &["x", "y", "z"])),
            encoder("b", ints("cats_int64s", &[7, 5, 1])),
            concat,
        ];
        let outputs = if more.is_some() { &["y", "also"][..] } else { &["y"] };
        let model =
            model_of(nodes.into_iter().chain(more).collect(), &[("a", &a), ("b", &b)], false, outputs);
        let mut onnx = tract_onnx::onnx();
        crate::register(&mut onnx);
        let model = onnx.model_for_proto_model(&model).unwrap().into_typed().unwrap();
        (model.into_decluttered().unwrap(), [a, b])
    }

    /// Whether the encoders are fused. The outputs are the same in any case.
    fn check(axis: i64, more: Option<NodeProto>, rows: usize) -> bool {
        let (model, inputs) = optimised(axis, more, rows);
        let mut fused = model.clone();
        fuse(&mut fused).unwrap();
        let run = |model: TypedModel| {
            let inputs = inputs.iter().cloned().map(Tensor::into_tvalue).collect();
            model.into_runnable().unwrap().run(inputs).unwrap()
        };
        let are =
            fused.compact().is_ok() && fused.nodes().iter().any(|node| node.op.name() == "OneHotColumns");
        assert_eq!(run(fused), run(model));
        are
    }

    #[test]
    fn columns_are_encoded_in_one_step_to_the_same_numbers() {
        assert!(check(2, None, 1));
        assert!(check(-1, None, 4));
    }

    #[test]
    fn what_is_concatenated_otherwise_or_read_elsewhere_stays_as_it_is() {
        assert!(!check(0, None, 4));
        let mut other = node("", "Identity", vec![]);
        (other.name, other.input, other.output) =
            ("other".into(), vec!["a_encoded".into()], vec!["also".into()]);
        assert!(!check(2, Some(other), 4));
    }

    #[test]
    fn a_category_that_is_none_is_refused_as_by_the_encoder() {
        let (mut model, [a, _]) = optimised(2, None, 1);
        fuse(&mut model).unwrap();
        let wrong = tensor2(&[[4i64]]);
        let inputs = tvec!(a.into_tvalue(), wrong.into_tvalue());
        let error = format!("{:#}", model.into_runnable().unwrap().run(inputs).unwrap_err());
        assert!(error.contains("4 is none of the 3 categories"), "{error}");
    }
}
