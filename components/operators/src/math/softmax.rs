//! `ai.onnx.Softmax` of floats over a few classes, as a classifier ends.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Softmax.html>, from version 13 on along the last axis.
//! Input: `[.., classes]` of floats, with at most [`FEW`] classes known before the run. Output: of the same shape,
//! `exp(x - max) / sum`; a row with NaN, or of infinities of which one is the greatest, is NaN. All else stays with
//! tract, whose routines are faster on long rows but take longer to be found than a short row to be computed.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::Built;
use crate::typed::{self, Own};
use crate::upstream;

/// As many exponentials as take the time of finding a routine for them.
const FEW: usize = 24;

pub(super) fn softmax(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let (usual, outer) = upstream::build(ctx, node)?;
    Ok((typed::instead(usual, FewClasses), outer))
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FewClasses;

impl Own for FewClasses {
    fn typed(&self, usual: &TypedNode, inputs: &[&TypedFact]) -> TractResult<Option<Box<dyn TypedOp>>> {
        let (Some(op), &[x]) = (usual.op_as::<Softmax>(), inputs) else { return Ok(None) };
        let classes = x.shape.last().and_then(|classes| classes.to_usize().ok());
        let few = classes.is_some_and(|classes| (1..=FEW).contains(&classes));
        let last = op.kind == SoftmaxKind::Softmax && *op.axes == [x.rank().wrapping_sub(1)];
        let fits = few && last && x.datum_type == f32::datum_type();
        Ok(fits.then(|| Box::new(self.clone()) as Box<dyn TypedOp>))
    }
}

impl Op for FewClasses {
    fn name(&self) -> StaticName {
        "Softmax".into()
    }

    op_as_typed_op!();
}

impl EvalOp for FewClasses {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut x = args_1!(inputs).into_tensor();
        let classes = x.shape().last().copied().unwrap_or(1).max(1);
        let mut plain = x.try_as_plain_ram_mut()?;
        for row in plain.as_slice_mut::<f32>()?.chunks_exact_mut(classes) {
            let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for x in &mut *row {
                *x = (*x - greatest).exp();
                sum += *x;
            }
            row.iter_mut().for_each(|x| *x /= sum);
        }
        Ok(tvec!(x.into_tvalue()))
    }
}

impl TypedOp for FewClasses {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    fn axes_mapping(&self, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
        AxesMapping::natural(inputs, outputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::elements;
    use crate::testing::{int, model, numbers, run_model, step};

    #[test]
    fn a_row_of_any_length_sums_to_one_and_is_upstreams() {
        for shape in [&[3usize, 2][..], &[2, 1], &[1, 2, 3], &[2, FEW], &[2, FEW + 1], &[2, 64]] {
            for axis in [-1, 1] {
                let x = numbers(shape, 5);
                let proto =
                    model(vec![step("Softmax", &["x"], "y", vec![int("axis", axis)])], &x, true, &["y"]);
                let plan = tract_onnx::onnx().model_for_proto_model(&proto).unwrap();
                let plan = plan.into_optimized().unwrap().into_runnable().unwrap();
                let expected = plan.run(tvec!(x.clone().into_tvalue())).unwrap();
                let got = run_model(proto, &x).unwrap();
                got[0].close_enough(&expected[0], Approximation::Close).unwrap();
            }
        }
    }

    #[test]
    fn large_numbers_stay_finite_and_nan_stays() {
        let x = tensor2(&[[1e30f32, 0.0, 1e30], [f32::NAN, 1.0, 2.0], [f32::NEG_INFINITY, 0.0, 0.0]]);
        let graph = model(vec![step("Softmax", &["x"], "y", vec![])], &x, false, &["y"]);
        let y = run_model(graph, &x).unwrap();
        let y = elements::<f32>(&y[0]).unwrap();
        assert_eq!((&y[..3], &y[6..]), (&[0.5, 0.0, 0.5][..], &[0.0, 0.5, 0.5][..]));
        assert!(y[3..6].iter().all(|y| y.is_nan()));
    }
}
