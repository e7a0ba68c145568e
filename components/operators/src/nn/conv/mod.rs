//! `ai.onnx.Conv`: images of floats with weights known before the run by `edgewit_kernels::conv`, the rest by upstream.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Conv.html>.
//! Inputs: `[N, C, W]` or `[N, C, H, W]`, weights `[M, C / group, ..]`, bias `[M]`. Output: `[N, M, ..]` of the input's
//! type. Errors: upstream's.
//!
//! The operator takes any N, so that one plan serves every batch, and takes in what follows it: see [`fuse`]. In the end
//! three of them may become one: see [`inverted_residual`].

use edgewit_kernels::conv::{Finish, Weights, Window, convolve};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cnn::{self, PoolSpec};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Built, elements};
use crate::typed::{self, Limits, Own};
use crate::upstream;

mod fuse;
mod inverted_residual;
#[cfg(test)]
mod tests;

pub(crate) fn conv(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let (usual, outer) = upstream::build(ctx, node)?;
    Ok((typed::instead(usual, Images), outer))
}

/// Found from upstream's, which has read padding and lengths.
#[derive(Clone, Debug)]
struct Images;

impl Own for Images {
    fn typed(&self, usual: &TypedNode, inputs: &[&TypedFact]) -> TractResult<Option<Box<dyn TypedOp>>> {
        let (Some(op), [x, weights, bias @ ..]) = (usual.op_as::<cnn::Conv>(), inputs) else {
            return Ok(None);
        };
        let own = Convolution::new(op, x, weights, bias.first().copied())?;
        Ok(own.map(|own| Box::new(own) as Box<dyn TypedOp>))
    }
}

/// A convolution of `[N, C, H, W]` or `[N, C, W]` with all that is known of it, and what follows it.
///
/// Inputs: the images, and where `adds` what is added to the output. Only the channels need to be known before the run.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    spec: PoolSpec,
    groups: usize,
    weights: Arc<Weights>,
    bias: Arc<[f32]>,
    adds: bool,
    limits: Limits,
}

/// Only a clone is equal: comparing weights would cost more than merging two nodes could save.
impl PartialEq for Convolution {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.weights, &other.weights)
            && Arc::ptr_eq(&self.bias, &other.bias)
            && (&self.spec, self.groups) == (&other.spec, other.groups)
            && (self.adds, self.limits) == (other.adds, other.limits)
    }
}

impl Eq for Convolution {}

impl Convolution {
    /// What upstream's operator would compute, where the kernels serve: floats, weights and bias known before the run,
    /// one or two axes beside batch and channels.
    fn new(
        op: &cnn::Conv,
        x: &TypedFact,
        weights: &TypedFact,
        bias: Option<&TypedFact>,
    ) -> TractResult<Option<Self>> {
        let (Some(weights), Some(bias)) =
            (&weights.konst, bias.map_or(Some(None), |bias| bias.konst.as_ref().map(Some)))
        else {
            return Ok(None);
        };
        let is_float = |tensor: &Tensor| tensor.datum_type() == f32::datum_type() && tensor.is_plain();
        let spec = &op.pool_spec;
        let fits = op.q_params.is_none()
            && x.datum_type == f32::datum_type()
            && is_float(weights)
            && bias.is_none_or(|bias| is_float(bias))
            && matches!(spec.rank(), 1 | 2)
            && weights.len() > 0;
        if !fits {
            return Ok(None);
        }
        let bias = bias.map(|bias| elements::<f32>(bias)).transpose()?.unwrap_or(&[]);
        let inputs = spec.input_channels / op.group;
        let weights = Weights::new(elements(weights)?, spec.output_channels, op.group, inputs);
        Ok(Some(Self {
            spec: spec.clone(),
            groups: op.group,
            weights: Arc::new(weights),
            bias: bias.into(),
            adds: false,
            limits: Limits::NONE,
        }))
    }

    /// What is done to the sums, with what is added to them.
    fn finish<'a>(&'a self, add: Option<&'a [f32]>) -> Finish<'a> {
        Finish { bias: &self.bias, add, floor: self.limits.floor, ceiling: self.limits.ceiling }
    }
}

/// The way of a kernel over an image of such a height and width; without a height it is one row.
pub(super) fn window(spec: &PoolSpec, lengths: &[usize]) -> Window {
    let sides = spec.computed_padding(lengths);
    let of = |lengths: &[usize], none: usize| match lengths {
        [width] => [none, *width],
        lengths => [lengths[0], lengths[1]],
    };
    let each = |length: &dyn Fn(usize) -> usize| (0..sides.len()).map(length).collect::<TVec<_>>();
    Window {
        input: of(lengths, 1),
        output: of(&each(&|ix| sides[ix].convoluted), 1),
        kernel: of(&spec.kernel_shape, 1),
        strides: of(&spec.strides(), 1),
        dilations: of(&spec.dilations(), 1),
        before: of(&each(&|ix| sides[ix].pad_before), 0),
    }
}

impl Op for Convolution {
    fn name(&self) -> StaticName {
        "Convolution".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Convolution {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = &inputs[0];
        let shape = self.spec.output_shape(x.shape())?.shape;
        // The kernels write every element; clearing them first costs little beside that.
        let mut output = Tensor::zero::<f32>(&shape)?;
        let finish = self.finish(inputs.get(1).map(|add| elements(add)).transpose()?);
        let window = window(&self.spec, &x.shape()[2..]);
        let mut plain = output.try_as_plain_ram_mut()?;
        let to = plain.as_slice_mut::<f32>()?;
        convolve(&self.weights, &window, elements(x)?, &finish, to);
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for Convolution {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 1 + usize::from(self.adds), "expected what is added, and nothing else");
        let facts = self.spec.output_facts(&inputs[..1])?;
        if let Some(add) = inputs.get(1) {
            ensure!(
                add.shape == facts[0].shape,
                "expected {:?} to be added, got {:?}",
                facts[0].shape,
                add.shape
            );
        }
        Ok(facts)
    }

    fn declutter(&self, model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
        fuse::successor(self, model, node)
    }

    fn codegen(&self, model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
        inverted_residual::fused(self, model, node)
    }

    as_op!();
}
