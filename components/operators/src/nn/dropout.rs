//! `ai.onnx.Dropout`: upstream's where nothing is dropped, an own one for training.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Dropout.html>.
//! Inputs: a float type, the ratio that is dropped (0.5 where it is absent), and whether this is training. Outputs: the
//! input, or for training `x * mask / (1 - ratio)`; and the mask. The mask is drawn as [`super::random`] says, anew from
//! the seed in each run. Errors: a ratio outside of 0..1.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::random::{Random, seed_of};
use super::{FLOATS, Real, dispatch_real};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};
use crate::upstream;

pub(crate) fn dropout(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let seed = node.get_attr_opt::<i64>("seed")?.map_or_else(|| seed_of(node), |seed| seed as u32);
    if node.input.get(2).is_none_or(|name| name.is_empty()) {
        return upstream::build(ctx, node);
    }
    upstream::build_or(ctx, node, is_no_training, super::HalfAsFloat(Dropout { seed }))
}

fn is_no_training(inputs: &[Option<&TypedFact>]) -> bool {
    let training = inputs.get(2).copied().flatten().and_then(|training| training.konst.as_ref());
    training.is_some_and(|training| training.cast_to_scalar::<bool>().is_ok_and(|training| !training))
}

#[derive(Debug)]
struct Dropout {
    seed: u32,
}

impl Dropout {
    fn drop<T: Real>(&self, x: &Tensor, ratio: f64) -> TractResult<TVec<Tensor>> {
        let (mut random, scale) = (Random::new(self.seed), T::of(1.0 / (1.0 - ratio)));
        let elements = elements::<T>(x)?;
        let mask: Vec<bool> = elements.iter().map(|_| random.uniform() >= ratio).collect();
        let kept = |(x, kept): (&T, &bool)| if *kept { *x * scale } else { T::zero() };
        let y = elements.iter().zip(&mask).map(kept).collect();
        Ok(tvec!(tensor_of(x.shape(), y)?, tensor_of(x.shape(), mask)?))
    }
}

impl Kernel for Dropout {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        Ok(tvec!(x.without_value(), bool::fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let scalar = |ix: usize| {
            let one = kernel::optional(&inputs, ix).filter(|one| one.len() == 1);
            one.map(|one| one.cast_to_scalar::<f64>()).transpose()
        };
        let training = scalar(2)?.unwrap_or(0.0) != 0.0;
        let ratio = if training { scalar(1)?.unwrap_or(0.5) } else { 0.0 };
        ensure!((0.0..1.0).contains(&ratio), "expected a ratio of 0..1, got {ratio}");
        dispatch_real!(Self::drop(x.datum_type())(self, x, ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn dropout() -> NodeProto {
        let mut node = node("", "Dropout", vec![int("seed", 0)]);
        node.output.push("mask".into());
        node
    }

    fn inputs(ratio: f32, training: bool) -> [Option<Tensor>; 3] {
        [Some(tensor1(&[1f32, 2., 3., 4.])), Some(tensor0(ratio)), Some(tensor0(training))]
    }

    #[test]
    fn training_drops_and_scales() {
        // NumPy's RandomState(0) gives 0.549, 0.715, 0.603 and 0.545.
        let mask = tensor1(&[false, true, true, false]);
        let scale = 16f32 / 7.;
        expect(dropout(), &inputs(0.5625, true), &[tensor1(&[0., 2. * scale, 3. * scale, 0.]), mask]);
    }

    #[test]
    fn without_training_nothing_is_dropped() {
        let all = [tensor1(&[1f32, 2., 3., 4.]), tensor1(&[true; 4])];
        expect(dropout(), &inputs(0.6, false), &all);
        expect(dropout(), &inputs(0.0, true), &all);
    }

    #[test]
    fn a_ratio_of_all_is_refused() {
        let error = format!("{:#}", compute(dropout(), &inputs(1.0, true)).unwrap_err());
        assert!(error.contains("expected a ratio of 0..1, got 1"), "{error}");
    }
}
