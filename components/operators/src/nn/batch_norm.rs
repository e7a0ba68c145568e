//! `ai.onnx.BatchNormalization`: upstream's where the statistics are known before the run, an own one else.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__BatchNormalization.html>.
//! Inputs: `[N, C, ..]` of a float type, and scale, bias, mean and variance `[C]`, each of a float type. Outputs: as the
//! first input; in training mode (opset 14 and later) it is normalised by its own statistics, and the running mean and
//! variance are outputs, too. Half floats are computed as floats.
//! Errors: other shapes, outputs of training without training mode.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, Real, dispatch_real};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};
use crate::upstream;

pub(crate) fn batch_norm(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let training = node.get_attr_opt::<i64>("training_mode")?.unwrap_or(0) != 0;
    let float = |name: &str, default: f32| {
        Ok::<_, TractError>(f64::from(node.get_attr_opt(name)?.unwrap_or(default)))
    };
    let kernel = BatchNorm { training, epsilon: float("epsilon", 1e-5)?, momentum: float("momentum", 0.9)? };
    if training {
        return kernel::wire(ctx, node, kernel);
    }
    ensure!(
        node.output.iter().skip(1).all(String::is_empty),
        "expected training_mode with more than one output"
    );
    upstream::build_or(ctx, node, fits, kernel)
}

/// Upstream folds known statistics, all of the input's type.
fn fits(inputs: &[Option<&TypedFact>]) -> bool {
    let mut types = inputs.iter().flatten().map(|fact| fact.datum_type);
    let first = types.next();
    upstream::are_known(inputs, &[1, 2, 3, 4]) && types.all(|dt| Some(dt) == first)
}

#[derive(Debug)]
struct BatchNorm {
    training: bool,
    epsilon: f64,
    momentum: f64,
}

impl BatchNorm {
    fn normalise<T: Real>(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let casts = inputs.iter().map(|input| input.cast_to::<T>()).collect::<TractResult<TVec<_>>>()?;
        let shape = casts[0].shape();
        let all = casts.iter().map(|input| elements::<T>(input)).collect::<TractResult<TVec<_>>>()?;
        let &[x, scale, bias, mean, variance] = all.as_slice() else { bail!("expected 5 inputs") };
        let channels = shape.get(1).copied().unwrap_or(1);
        ensure!(
            all[1..].iter().all(|parameter| parameter.len() == channels),
            "expected parameters of {channels} channels, got shapes {:?}",
            inputs[1..].iter().map(|input| input.shape()).collect::<Vec<_>>()
        );
        let inner: usize = shape.iter().skip(2).product();
        let (mut y, mut means, mut variances) = (x.to_vec(), mean.to_vec(), variance.to_vec());
        for channel in 0..channels {
            let rows = || x.chunks(inner.max(1)).skip(channel).step_by(channels);
            let (mut mean, mut variance) = (mean[channel], variance[channel]);
            if self.training {
                // In doubles, which large planes do not wear out.
                let count = rows().map(<[T]>::len).sum::<usize>() as f64;
                let sum: f64 = rows().flatten().map(|x| x.to()).sum();
                let own = sum / count;
                let square: f64 = rows().flatten().map(|x| (x.to() - own).powi(2)).sum();
                let run =
                    |running: T, own: f64| T::of(running.to() * self.momentum + own * (1.0 - self.momentum));
                means[channel] = run(mean, own);
                variances[channel] = run(variance, square / count);
                (mean, variance) = (T::of(own), T::of(square / count));
            }
            let slope = scale[channel] / (variance + T::of(self.epsilon)).sqrt();
            let intercept = bias[channel] - mean * slope;
            for row in y.chunks_mut(inner.max(1)).skip(channel).step_by(channels) {
                row.iter_mut().for_each(|x| *x = *x * slope + intercept);
            }
        }
        let mut outputs = tvec!(tensor_of(shape, y)?.cast_to_dt(inputs[0].datum_type())?.into_owned());
        if self.training {
            for running in [means, variances] {
                outputs.push(tensor1(&running).cast_to_dt(inputs[3].datum_type())?.into_owned());
            }
        }
        Ok(outputs)
    }
}

impl Kernel for BatchNorm {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let inputs = kernel::required::<_, 5>(inputs)?;
        for input in inputs {
            kernel::accept("the inputs", input, &FLOATS)?;
        }
        let [x, _, _, mean, variance] = inputs;
        ensure!(x.rank() > 0, "expected an input [N, C, ..], got a scalar");
        let mut facts = tvec!(x.without_value());
        if self.training {
            facts.extend([mean.without_value(), mean.datum_type.fact(variance.shape.iter())]);
        }
        Ok(facts)
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let inputs = kernel::required::<_, 5>(&inputs)?;
        let wide = if inputs[0].datum_type() == f64::datum_type() { DatumType::F64 } else { DatumType::F32 };
        dispatch_real!(Self::normalise(wide)(self, &inputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, float, int, node};

    fn norm(training: i64) -> NodeProto {
        let attributes = vec![int("training_mode", training), float("epsilon", 0.0), float("momentum", 0.75)];
        let mut node = node("", "BatchNormalization", attributes);
        if training == 1 {
            node.output = ["y", "mean", "variance"].map(String::from).into();
        }
        node
    }

    fn inputs() -> [Option<Tensor>; 5] {
        let x = tensor3(&[[[1f32, 3.], [0., 8.]]]);
        let parameter = |values: [f32; 2]| Some(tensor1(&values));
        [Some(x), parameter([1., 2.]), parameter([0., 1.]), parameter([1., 4.]), parameter([4., 16.])]
    }

    #[test]
    fn statistics_may_come_at_run_time() {
        expect(norm(0), &inputs(), &[tensor3(&[[[0f32, 1.], [-1., 3.]]])]);
    }

    #[test]
    fn training_takes_the_inputs_own_statistics() {
        // Means 2 and 4, variances 1 and 16.
        let y = tensor3(&[[[-1f32, 1.], [-1., 3.]]]);
        expect(norm(1), &inputs(), &[y, tensor1(&[1.25f32, 4.]), tensor1(&[3.25f32, 16.])]);
    }

    #[test]
    fn parameters_of_other_channels_are_refused() {
        let mut inputs = inputs();
        inputs[1] = Some(tensor1(&[1f32]));
        let error = format!("{:#}", compute(norm(1), &inputs).unwrap_err());
        assert!(error.contains("expected parameters of 2 channels"), "{error}");
    }
}
