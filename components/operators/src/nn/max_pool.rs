//! `ai.onnx.MaxPool` of floats without indices by `edgewit_kernels::pool`, the rest by upstream.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__MaxPool.html>.
//! Input: `[N, C, W]` or `[N, C, H, W]` of floats. Output: `[N, C, ..]`, the largest of each window; padding is less than
//! all, and NaN is never the largest. Errors: upstream's.

use edgewit_kernels::pool;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cnn::{self, PoolSpec};
use tract_onnx::tract_hir::internal::*;

use super::conv;
use crate::kernel::{Built, elements};
use crate::typed::{self, Own};
use crate::upstream;

pub(super) fn max_pool(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let (usual, outer) = upstream::build(ctx, node)?;
    Ok((typed::instead(usual, Images), outer))
}

/// Found from upstream's, which has read padding and lengths.
#[derive(Clone, Debug)]
struct Images;

impl Own for Images {
    fn typed(&self, usual: &TypedNode, inputs: &[&TypedFact]) -> TractResult<Option<Box<dyn TypedOp>>> {
        let (Some(op), &[x]) = (usual.op_as::<cnn::MaxPool>(), inputs) else { return Ok(None) };
        let fits = op.with_index_outputs.is_none()
            && x.datum_type == f32::datum_type()
            && matches!(op.pool_spec.rank(), 1 | 2);
        Ok(fits.then(|| Box::new(MaxPool(op.pool_spec.clone())) as Box<dyn TypedOp>))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct MaxPool(PoolSpec);

impl Op for MaxPool {
    fn name(&self) -> StaticName {
        "MaxPool".into()
    }

    op_as_typed_op!();
}

impl EvalOp for MaxPool {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = args_1!(inputs);
        let shape = self.0.output_shape(x.shape())?.shape;
        // The kernel writes every element; clearing them first costs little beside that.
        let mut output = Tensor::zero::<f32>(&shape)?;
        let window = conv::window(&self.0, &x.shape()[2..]);
        pool::max_pool(&window, elements(&x)?, output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for MaxPool {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, int, ints, model_of, node};

    fn pool(kernel: &[i64], more: Vec<tract_onnx::pb::AttributeProto>) -> NodeProto {
        let mut node = node("", "MaxPool", vec![ints("kernel_shape", kernel)]);
        node.attribute.extend(more);
        node
    }

    #[test]
    fn each_window_has_its_largest_and_padding_is_less_than_all() {
        let x = || Some(tensor4(&[[[[-1f32, -2., -3.], [-4., -5., -6.], [-7., -8., -9.]]]]));
        let halved = || vec![ints("strides", &[2, 2])];
        expect(pool(&[2, 2], halved()), &[x()], &[tensor4(&[[[[-1f32]]]])]);
        let padded = [halved(), vec![ints("pads", &[1, 1, 1, 1])]].concat();
        expect(pool(&[2, 2], padded), &[x()], &[tensor4(&[[[[-1f32, -2.], [-4., -5.]]]])]);
        let ceil = [halved(), vec![int("ceil_mode", 1)]].concat();
        expect(pool(&[2, 2], ceil), &[x()], &[tensor4(&[[[[-1f32, -3.], [-7., -9.]]]])]);
        let line = Some(tensor3(&[[[1f32, 5., 2., 4.]]]));
        expect(pool(&[3], vec![]), &[line], &[tensor3(&[[[5f32, 5.]]])]);
    }

    #[test]
    fn floats_are_pooled_here_and_all_else_by_upstream() {
        let is_own = |x: Tensor| {
            let model = model_of(vec![pool(&[2, 2], vec![])], &[("x", &x)], false, &["y"]);
            let mut onnx = tract_onnx::onnx();
            crate::register(&mut onnx);
            let model = onnx.model_for_proto_model(&model).unwrap().into_typed().unwrap();
            model.nodes().iter().any(|node| node.op_is::<MaxPool>())
        };
        assert!(is_own(Tensor::zero::<f32>(&[1, 2, 4, 4]).unwrap()));
        assert!(!is_own(Tensor::zero::<i8>(&[1, 2, 4, 4]).unwrap()));
    }
}
