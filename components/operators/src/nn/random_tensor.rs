//! `ai.onnx.RandomUniform`, `RandomNormal` and their `Like`s: tensors of random numbers.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__RandomUniform.html>,
//! <https://onnx.ai/onnx/operators/onnx__RandomNormalLike.html>.
//! Input of a `Like`: any tensor, whose shape and, without `dtype`, type the output has. The numbers are drawn as
//! [`super::random`] says, anew from the seed in each run; upstream asks the machine for a seed, which a component has
//! none of. Errors: types that are no floats.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::FLOATS;
use super::random::{Random, seed_of};
use crate::array::pick::volume;
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, tensor_of};

pub(crate) fn random_tensor(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let number = |name: &str, default: f32| {
        Ok::<_, TractError>(f64::from(node.get_attr_opt(name)?.unwrap_or(default)))
    };
    let draw = match node.op_type.starts_with("RandomNormal") {
        true => Draw::Normal { mean: number("mean", 0.0)?, scale: number("scale", 1.0)? },
        false => Draw::Uniform { low: number("low", 0.0)?, high: number("high", 1.0)? },
    };
    let shape = match node.op_type.ends_with("Like") {
        true => None,
        false => Some(
            attributes::ints(node, "shape")?.into_iter().map(usize::try_from).collect::<Result<_, _>>()?,
        ),
    };
    let seed = node.get_attr_opt::<f32>("seed")?.filter(|seed| !seed.is_nan());
    let seed = seed.map_or_else(|| seed_of(node), |seed| seed as i64 as u32);
    kernel::wire(ctx, node, RandomTensor { draw, shape, to: node.get_attr_opt("dtype")?, seed })
}

#[derive(Debug)]
struct RandomTensor {
    draw: Draw,
    shape: Option<TVec<usize>>,
    to: Option<DatumType>,
    seed: u32,
}

#[derive(Debug)]
enum Draw {
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, scale: f64 },
}

impl RandomTensor {
    fn datum_type(&self, like: Option<DatumType>) -> TractResult<DatumType> {
        let to = self.to.or(like).unwrap_or(DatumType::F32);
        ensure!(FLOATS.contains(&to), "expected an output of type {FLOATS:?}, got {to:?}");
        Ok(to)
    }
}

impl Kernel for RandomTensor {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        if let Some(shape) = &self.shape {
            volume(shape, size_of::<f64>())?;
            return Ok(tvec!(self.datum_type(None)?.fact(shape)));
        }
        let [like] = kernel::required(inputs)?;
        Ok(tvec!(self.datum_type(Some(like.datum_type))?.fact(like.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let like = kernel::optional(&inputs, 0);
        let to = self.datum_type(like.map(Tensor::datum_type))?;
        let shape = self.shape.as_deref().or(like.map(Tensor::shape)).context("expected a shape")?;
        let mut random = Random::new(self.seed);
        let draw = |_| match self.draw {
            Draw::Uniform { low, high } => low + (high - low) * random.uniform(),
            Draw::Normal { mean, scale } => mean + scale * random.normal(),
        };
        let drawn: Vec<f64> = (0..volume(shape, size_of::<f64>())?).map(draw).collect();
        Ok(tvec!(tensor_of(shape, drawn)?.cast_to_dt(to)?.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, float, ints, node};

    #[test]
    fn a_seed_gives_numpys_numbers() {
        let uniform = vec![ints("shape", &[2]), float("seed", 0.0), float("high", 2.0)];
        let expected = tensor1(&[2. * 0.548_813_5f32, 2. * 0.715_189_4]);
        expect(node("", "RandomUniform", uniform), &[], &[expected]);
        let normal = node("", "RandomNormalLike", vec![float("seed", 0.0)]);
        let expected = tensor1(&[1.764_052_345_967_664f64, 0.400_157_208_367_223_3, 0.978_737_984_105_739_2]);
        expect(normal, &[Some(tensor1(&[0f64; 3]))], &[expected]);
    }

    #[test]
    fn integers_and_endless_tensors_are_refused() {
        assert!(compute(node("", "RandomUniformLike", vec![]), &[Some(tensor1(&[1i64]))]).is_err());
        assert!(compute(node("", "RandomNormal", vec![ints("shape", &[1 << 40])]), &[]).is_err());
    }
}
