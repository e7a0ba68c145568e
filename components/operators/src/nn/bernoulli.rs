//! `ai.onnx.Bernoulli`: 1 with the probability that an element gives, else 0.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Bernoulli.html>.
//! Input: probabilities of a float type. Output: numbers or truths of the type `dtype`, or the input's. The numbers are
//! drawn as [`super::random`] says, anew from the seed in each run. Errors: probabilities outside of 0..=1.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::FLOATS;
use super::random::{Random, seed_of};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn bernoulli(ctx: &ParsingContext, node: &NodeProto) -> Built {
    // As ONNX's reference does: the whole part of the seed.
    let seed = node.get_attr_opt::<f32>("seed")?.filter(|seed| !seed.is_nan());
    let seed = seed.map_or_else(|| seed_of(node), |seed| seed as i64 as u32);
    let to = node.get_attr_opt::<DatumType>("dtype")?;
    ensure!(
        to.is_none_or(|to| to.is_number() || to == bool::datum_type()),
        "expected a dtype of numbers or truths, got {to:?}"
    );
    kernel::wire(ctx, node, Bernoulli { to, seed })
}

#[derive(Debug)]
struct Bernoulli {
    to: Option<DatumType>,
    seed: u32,
}

impl Kernel for Bernoulli {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the probabilities", x, &FLOATS)?;
        Ok(tvec!(self.to.unwrap_or(x.datum_type).fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let mut random = Random::new(self.seed);
        let probabilities = x.cast_to::<f64>()?;
        let draw = |probability: &f64| {
            ensure!((0.0..=1.0).contains(probability), "expected probabilities of 0..=1, got {probability}");
            Ok(random.uniform() < *probability)
        };
        let drawn = elements::<f64>(&probabilities)?.iter().map(draw).collect::<TractResult<Vec<bool>>>()?;
        let drawn = tensor_of(x.shape(), drawn)?;
        Ok(tvec!(drawn.cast_to_dt(self.to.unwrap_or(x.datum_type()))?.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::tensor_proto::DataType;

    use super::*;
    use crate::testing::{compute, expect, float, int, node, refuse};

    #[test]
    fn a_seed_draws_the_same_each_time() {
        // NumPy's RandomState(0) gives 0.549, 0.715, 0.603 and 0.545.
        let x = tensor2(&[[0.54f32, 0.72], [0.61, 0.54]]);
        let seeded = node("", "Bernoulli", vec![float("seed", 0.0)]);
        expect(seeded, &[Some(x.clone())], &[tensor2(&[[0f32, 1.], [1., 0.]])]);
        let truths = vec![float("seed", 0.0), int("dtype", DataType::Bool as i64)];
        expect(node("", "Bernoulli", truths), &[Some(x)], &[tensor2(&[[false, true], [true, false]])]);
    }

    #[test]
    fn about_as_many_are_drawn_as_is_probable() {
        let x = Tensor::from_shape(&[10_000], &[0.3f64; 10_000]).unwrap();
        let drawn = compute(node("", "Bernoulli", vec![]), &[Some(x)]).unwrap();
        let ones: f64 = elements::<f64>(&drawn[0]).unwrap().iter().sum();
        assert!((2_800.0..3_200.0).contains(&ones), "{ones}");
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        refuse(node("", "Bernoulli", vec![]), tensor1(&[1.5f32]), "probabilities of 0..=1, got 1.5");
    }
}
