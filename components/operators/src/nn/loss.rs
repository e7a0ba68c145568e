//! `ai.onnx.NegativeLogLikelihoodLoss` and `ai.onnx.SoftmaxCrossEntropyLoss`: minus the log-probability of the target.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html>,
//! <https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html>.
//! Inputs: log-probabilities or scores `[N, C, ..]` of a float type, targets `[N, ..]` of int32 or int64, weights `[C]`.
//! Outputs: the loss `[N, ..]`, or a scalar where it is reduced; for scores also their log-probabilities. A target equal
//! to `ignore_index` has the loss and the weight 0; the mean is over the weights, so it is NaN where all are ignored.
//! Errors: shapes that do not fit, a target outside `0..C` that is not ignored, an unknown reduction.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, Real, dispatch_real};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn negative_log_likelihood_loss(ctx: &ParsingContext, node: &NodeProto) -> Built {
    super::wire_real(ctx, node, Loss::read(node, false)?)
}

pub(crate) fn softmax_cross_entropy_loss(ctx: &ParsingContext, node: &NodeProto) -> Built {
    super::wire_real(ctx, node, Loss::read(node, true)?)
}

#[derive(Debug)]
struct Loss {
    of_scores: bool,
    ignored: Option<i64>,
    reduction: Reduction,
}

#[derive(Debug, PartialEq)]
enum Reduction {
    None,
    Sum,
    Mean,
}

impl Loss {
    fn read(node: &NodeProto, of_scores: bool) -> TractResult<Self> {
        let reduction = match node.get_attr_opt("reduction")?.unwrap_or("mean") {
            "none" => Reduction::None,
            "sum" => Reduction::Sum,
            "mean" => Reduction::Mean,
            other => bail!("expected the reduction none, sum or mean, got {other:?}"),
        };
        Ok(Self { of_scores, ignored: node.get_attr_opt("ignore_index")?, reduction })
    }

    fn compute<T: Real>(
        &self,
        x: &Tensor,
        targets: &Tensor,
        weights: Option<&Tensor>,
    ) -> TractResult<TVec<Tensor>> {
        let targets = targets.cast_to::<i64>()?;
        let (shape, labels) = (x.shape(), elements::<i64>(&targets)?);
        ensure!(
            shape.len() >= 2 && targets.shape() == [&shape[..1], &shape[2..]].concat(),
            "expected inputs [N, C, ..] and [N, ..], got shapes {shape:?} and {:?}",
            targets.shape()
        );
        let (classes, inner) = (shape[1], shape[2..].iter().product::<usize>());
        let weights = weights.map(|weights| elements::<T>(weights)).transpose()?;
        if let Some(weights) = weights {
            ensure!(weights.len() == classes, "expected {classes} weights, got {}", weights.len());
        }
        let x = elements::<T>(x)?;
        let log_prob = if self.of_scores { Some(log_softmax(x, classes, inner)?) } else { None };
        let x = log_prob.as_deref().unwrap_or(x);

        let (mut losses, mut weight) = (vec![], T::zero());
        for (ix, &label) in labels.iter().enumerate() {
            if Some(label) == self.ignored {
                losses.push(T::zero());
                continue;
            }
            let Some(class) = usize::try_from(label).ok().filter(|class| *class < classes) else {
                bail!("expected targets of 0..{classes}, got {label}")
            };
            let own = weights.map_or(T::one(), |weights| weights[class]);
            losses.push(-x[(ix / inner * classes + class) * inner + ix % inner] * own);
            weight += own;
        }
        let sum = || losses.iter().fold(T::zero(), |sum, loss| sum + *loss);
        let loss = match self.reduction {
            Reduction::Sum => tensor0(sum()),
            Reduction::Mean => tensor0(sum() / weight),
            Reduction::None => tensor_of(targets.shape(), losses)?,
        };
        let mut outputs = tvec!(loss);
        if let Some(log_prob) = log_prob {
            outputs.push(tensor_of(shape, log_prob)?);
        }
        Ok(outputs)
    }
}

fn log_softmax<T: Real>(x: &[T], classes: usize, inner: usize) -> TractResult<Vec<T>> {
    let mut output = x.to_vec();
    if output.is_empty() {
        return Ok(output);
    }
    for sample in output.chunks_exact_mut(classes * inner) {
        for ix in 0..inner {
            let scores = || sample[ix..].iter().step_by(inner);
            let max = scores().fold(T::neg_infinity(), |max, x| max.max(*x));
            let sum = scores().fold(T::zero(), |sum, x| sum + (*x - max).exp());
            let shift = max + sum.ln();
            sample[ix..].iter_mut().step_by(inner).for_each(|x| *x = *x - shift);
        }
    }
    Ok(output)
}

impl Kernel for Loss {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, targets] = kernel::required(inputs)?;
        kernel::accept("the first input", x, &FLOATS)?;
        kernel::accept("the targets", targets, &[DatumType::I32, DatumType::I64])?;
        if let Some(weights) = kernel::optional(inputs, 2) {
            kernel::accept("the weights", weights, &[x.datum_type])?;
        }
        ensure!(x.rank() >= 2, "expected an input [N, C, ..], got shape {:?}", x.shape);
        let mut shape = x.shape.to_tvec();
        shape.remove(1);
        if self.reduction != Reduction::None {
            shape.clear();
        }
        let mut facts = tvec!(x.datum_type.fact(shape));
        if self.of_scores {
            facts.push(x.datum_type.fact(x.shape.iter()));
        }
        Ok(facts)
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, targets] = kernel::required(&inputs)?;
        dispatch_real!(Self::compute(x.datum_type())(self, x, targets, kernel::optional(&inputs, 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node, string};

    fn loss(op_type: &str, reduction: &str, ignored: Option<i64>) -> NodeProto {
        let mut attributes = vec![string("reduction", reduction)];
        attributes.extend(ignored.map(|ignored| int("ignore_index", ignored)));
        node("", op_type, attributes)
    }

    const NLL: &str = "NegativeLogLikelihoodLoss";

    /// The first example of the operator's page.
    fn inputs() -> [Option<Tensor>; 2] {
        let x = tensor3(&[[[1f32, 2.], [2., 2.], [3., 2.]], [[0., 1.], [2., 2.], [1., 2.]]]);
        [Some(x), Some(tensor2(&[[2i64, 1], [0, 2]]))]
    }

    #[test]
    fn the_loss_is_minus_the_targets_log_probability() {
        expect(loss(NLL, "none", None), &inputs(), &[tensor2(&[[-3f32, -2.], [0., -2.]])]);
        expect(loss(NLL, "sum", None), &inputs(), &[tensor0(-7f32)]);
        expect(loss(NLL, "mean", None), &inputs(), &[tensor0(-1.75f32)]);
    }

    #[test]
    fn weights_scale_the_loss_and_divide_its_mean() {
        let [x, target] = inputs();
        let weighted = [x, target, Some(tensor1(&[0.2f32, 0.3, 0.1]))];
        expect(loss(NLL, "sum", None), &weighted, &[tensor0(-1.1f32)]);
        expect(loss(NLL, "mean", None), &weighted, &[tensor0(-1.1f32 / 0.7)]);
    }

    #[test]
    fn an_ignored_target_counts_for_nothing() {
        let [x, _] = inputs();
        let ignoring = [x.clone(), Some(tensor2(&[[2i32, -1], [0, 2]]))];
        expect(loss(NLL, "mean", Some(-1)), &ignoring, &[tensor0(-5f32 / 3.)]);
        let all = [x, Some(tensor2(&[[7i64, 7], [7, 7]]))];
        expect(loss(NLL, "mean", Some(7)), &all, &[tensor0(f32::NAN)]);
    }

    #[test]
    fn scores_become_log_probabilities_first() {
        let mut node = loss("SoftmaxCrossEntropyLoss", "mean", None);
        node.output.push("log_prob".into());
        let x = Some(tensor2(&[[0f64, 3f64.ln()], [1000., 1000.]]));
        let (quarter, half) = (0.25f64.ln(), 0.5f64.ln());
        let log_prob = tensor2(&[[quarter, 0.75f64.ln()], [half, half]]);
        expect(node, &[x, Some(tensor1(&[0i64, 1]))], &[tensor0(-(quarter + half) / 2.), log_prob]);
    }

    #[test]
    fn half_floats_give_half_floats() {
        let x = tensor2(&[[f16::from_f32(-1.5), f16::from_f32(-0.5)]]);
        let target = Some(tensor1(&[1i64]));
        expect(loss(NLL, "sum", None), &[Some(x), target], &[tensor0(f16::from_f32(0.5))]);
    }

    #[test]
    fn targets_outside_the_classes_and_shapes_that_differ_are_refused() {
        let [x, _] = inputs();
        let refused =
            |target: Tensor| compute(loss(NLL, "sum", None), &[x.clone(), Some(target)]).unwrap_err();
        let error = format!("{:#}", refused(tensor2(&[[2i64, 3], [0, 2]])));
        assert!(error.contains("targets of 0..3, got 3"), "{error}");
        let error = format!("{:#}", refused(tensor1(&[2i64, 1])));
        assert!(error.contains("inputs [N, C, ..] and [N, ..]"), "{error}");
    }
}
