//! A convolution that widens the channels, one of each channel by itself, and one that narrows them: as one operator.
//!
//! What lies between them is the largest part of such a network's memory, and is never whole in it: see
//! `edgewit_kernels::conv::inverted_residual`.

use edgewit_kernels::conv::{self, Stage};
use tract_onnx::tract_core::ops::cnn::PoolSpec;
use tract_onnx::tract_hir::internal::*;

use super::Convolution;
use crate::kernel::elements;

/// Inputs: the images `[N, C, H, W]`, and where the last convolution adds, what is added to the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InvertedResidual([Convolution; 3]);

/// One node in the place of `last`, which is `node`, and the two before it, where they are such a block and nothing else
/// reads what lies between.
pub(super) fn fused(
    last: &Convolution,
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let before = |node: &TypedNode| {
        let outlet = node.inputs[0];
        let alone = model.outlet_successors(outlet).len() == 1 && !model.outputs.contains(&outlet);
        let before = model.node(outlet.node);
        before.op_as::<Convolution>().filter(|_| alone).map(|convolution| (convolution, before))
    };
    let Some((middle, middle_node)) = before(node) else { return Ok(None) };
    let Some((first, first_node)) = before(middle_node) else { return Ok(None) };
    let [widens, filters, narrows] = [first, middle, last].map(|convolution| &convolution.spec);
    let channels = widens.output_channels;
    // Of several groups the weights lie otherwise; with steps of one Winograd's algorithm may take less than a product.
    let fits = [first.groups, middle.groups, last.groups] == [1, channels, 1]
        && filters.output_channels == channels
        && channels > 1
        && (is_pointwise(widens) || widens.strides().iter().all(|step| *step > 1))
        && is_pointwise(narrows)
        && !first.adds
        && !middle.adds;
    if !fits {
        return Ok(None);
    }
    let block = InvertedResidual([first, middle, last].map(Convolution::clone));
    let mut patch = TypedModelPatch::new("three convolutions as one");
    let inputs = [&first_node.inputs[..1], &node.inputs[1..]].concat();
    let inputs = patch.taps(model, &inputs)?;
    let output = patch.wire_node(&node.name, block, &inputs)?[0];
    patch.shunt_outside(model, node.id.into(), output)?;
    Ok(Some(patch))
}

/// Whether each output reads the input at its own place alone.
fn is_pointwise(spec: &PoolSpec) -> bool {
    let one = |lengths: &[usize]| lengths.iter().all(|length| *length == 1);
    one(&spec.kernel_shape)
        && one(&spec.strides())
        && spec.computed_padding(&vec![1usize; spec.rank()]).iter().all(|axis| axis.convoluted == 1)
}

impl Op for InvertedResidual {
    fn name(&self) -> StaticName {
        "InvertedResidual".into()
    }

    op_as_typed_op!();
}

impl EvalOp for InvertedResidual {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = &inputs[0];
        let mut shape = TVec::from(x.shape());
        let mut windows = tvec!();
        for convolution in &self.0 {
            windows.push(super::window(&convolution.spec, &shape[2..]));
            shape = convolution.spec.output_shape(&shape)?.shape;
        }
        let mut output = Tensor::zero::<f32>(&shape)?;
        let add = inputs.get(1).map(|add| elements(add)).transpose()?;
        let stage = |ix: usize, add| Stage {
            weights: &self.0[ix].weights,
            window: windows[ix],
            finish: self.0[ix].finish(add),
        };
        let mut plain = output.try_as_plain_ram_mut()?;
        let to = plain.as_slice_mut::<f32>()?;
        conv::inverted_residual([&stage(0, None), &stage(1, None), &stage(2, add)], elements(x)?, to);
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for InvertedResidual {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [first, middle, last] = &self.0;
        let widened = first.output_facts(&inputs[..1])?;
        let filtered = middle.output_facts(&[&widened[0]])?;
        let mut reads = tvec!(&filtered[0]);
        reads.extend(inputs.iter().skip(1).copied());
        last.output_facts(&reads)
    }

    as_op!();
}
