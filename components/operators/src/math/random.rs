//! `ai.onnx.Bernoulli`, `RandomNormalLike` and `RandomUniformLike`.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__Bernoulli.html> and the pages `Random*Like`.
//! `Bernoulli`: probabilities f16, float or double of any shape; the output, of the same shape and the type
//! `dtype` (else the input's), is 1 with that probability and else 0. The numbers follow from the attribute
//! `seed` (else 0) and how often the operator has run, so that a model gives the same whenever it is started
//! anew. tract takes the `Like` operators for those that have a shape as an attribute, unless the name of the
//! node says otherwise.
//! Errors: other types.

use std::sync::atomic::{AtomicU64, Ordering};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::choice;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(super) fn random_like(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let mut node = node.clone();
    node.name = format!("{}.Like", node.name);
    choice::upstream(ctx, &node)
}

pub(super) fn bernoulli(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let seed = node.get_attr_opt::<f32>("seed")?.unwrap_or(0.0);
    let state = AtomicU64::new(u64::from(seed.to_bits()));
    kernel::wire(ctx, node, Bernoulli { output: node.get_attr_opt("dtype")?, state })
}

#[derive(Debug)]
struct Bernoulli {
    output: Option<DatumType>,
    state: AtomicU64,
}

impl Bernoulli {
    /// A number from 0 to before 1: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
    fn draw(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Kernel for Bernoulli {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("probabilities", x, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        Ok(tvec!(self.output.unwrap_or(x.datum_type).fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let output = self.output.unwrap_or(x.datum_type());
        let probabilities = x.cast_to::<f64>()?;
        let drawn = elements::<f64>(&probabilities)?.iter().map(|p| u8::from(self.draw() < *p));
        let drawn = kernel::tensor_of(x.shape(), drawn.collect())?;
        Ok(tvec!(drawn.cast_to_dt(output)?.into_owned()))
    }

    fn folds(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{int, model, node, run_model};

    #[test]
    fn ones_come_as_often_as_their_probability_says() {
        let x = tensor1(&[[0f32; 1000], [0.25; 1000], [1.0; 1000]].concat());
        let node = node("", "Bernoulli", vec![int("dtype", 7)]);
        let drawn = run_model(model(vec![node], &x, false, &["y"]), &x).unwrap().remove(0);
        let drawn = elements::<i64>(&drawn).unwrap();
        let sums: Vec<i64> = drawn.chunks(1000).map(|part| part.iter().sum()).collect();
        assert!(sums[0] == 0 && (200..300).contains(&sums[1]) && sums[2] == 1000, "{sums:?}");
    }

    #[test]
    fn a_tensor_lends_its_shape_to_random_numbers() {
        let x = tensor2(&[[0f32, 0.0]]);
        for op in ["RandomUniformLike", "RandomNormalLike"] {
            let model = model(vec![node("", op, vec![])], &x, false, &["y"]);
            let drawn = run_model(model, &x).unwrap();
            assert_eq!((drawn[0].shape(), drawn[0].datum_type()), (&[1, 2][..], DatumType::F32));
        }
    }
}
