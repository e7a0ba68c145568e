//! A row's sums to its scores and its label.
//!
//! The formulas and their float arithmetic are onnxruntime's (`ml_common.h`, `tree_ensemble_aggregator.h`), so that
//! both give the same digits. Three cases differ on purpose, because there the kernel contradicts the ONNX page:
//! base values for both of two classes go to their own class; two scored classes are decided by the greater score; and
//! a single score column gives a score for the other class whatever its class id is, and for `PROBIT`, too.

use tract_onnx::tract_hir::internal::*;

use super::forest::Number;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(super) fn parse(name: &str) -> TractResult<Self> {
        Ok(match name {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            _ => bail!("attribute post_transform: {name:?} is no transform"),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A sum for each class.
    PerClass,
    /// Two classes, one sum: that of the second class. `positive` says that no weight is negative, which makes the sum
    /// a probability rather than a margin.
    Binary { positive: bool },
    /// A single class: the score is the sum, and the label says whether it is positive.
    Lone,
}

#[derive(Debug)]
pub(super) struct Scoring {
    pub(super) layout: Layout,
    pub(super) transform: Transform,
    /// None, or one for each column of sums.
    pub(super) base: Box<[f64]>,
}

impl Scoring {
    /// Writes the scores of one row and returns the position of its label. `sums` is used up.
    pub(super) fn finish<T: Number>(&self, sums: &mut [T], scores: &mut [f32]) -> usize {
        for (sum, base) in sums.iter_mut().zip(&self.base) {
            *sum += T::of(*base);
        }
        match self.layout {
            Layout::PerClass => {
                for (score, sum) in scores.iter_mut().zip(&*sums) {
                    *score = narrow(*sum);
                }
                self.transform(scores);
                first_greatest(sums)
            }
            Layout::Binary { positive } => {
                let sum: f64 = sums[0].into();
                let (other, own) = self.binary(sum, positive);
                scores.copy_from_slice(&[other, own]);
                usize::from(sum > if positive { 0.5 } else { 0.0 })
            }
            Layout::Lone => {
                let sum: f64 = sums[0].into();
                scores[0] = if self.transform == Transform::Probit { probit(sum as f32) } else { sum as f32 };
                usize::from(sum > 0.0)
            }
        }
    }

    /// onnxruntime applies no transform to a sum of positive weights, and only `LOGISTIC` to a margin.
    fn binary(&self, sum: f64, positive: bool) -> (f32, f32) {
        match self.transform {
            Transform::Probit => (probit((1.0 - sum) as f32), probit(sum as f32)),
            _ if positive => ((1.0 - sum) as f32, sum as f32),
            Transform::Logistic => (logistic(-sum as f32), logistic(sum as f32)),
            _ => (-sum as f32, sum as f32),
        }
    }

    fn transform(&self, scores: &mut [f32]) {
        match self.transform {
            Transform::None => (),
            Transform::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Transform::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Transform::Softmax => softmax(scores),
            Transform::SoftmaxZero => softmax_zero(scores),
        }
    }
}

fn narrow<T: Number>(value: T) -> f32 {
    let value: f64 = value.into();
    value as f32
}

/// The first of equals, as `argmax` has it. NaN is never the greatest.
fn first_greatest<T: Number>(sums: &[T]) -> usize {
    let mut best = 0;
    for (position, sum) in sums.iter().enumerate() {
        if *sum > sums[best] {
            best = position;
        }
    }
    best
}

fn logistic(x: f32) -> f32 {
    let y = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - y } else { y }
}

fn softmax(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// A softmax that leaves out zeros.
fn softmax_zero(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::MIN, f32::max);
    let at_zero = (-greatest).exp();
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if score.abs() > 1e-7 {
            *score = (*score - greatest).exp();
            sum += *score;
        } else {
            *score *= at_zero;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// The normal quantile, by Winitzki's approximation of the inverse error function with the digits of onnxruntime.
#[allow(clippy::approx_constant, reason = "onnxruntime's five digits of pi, for the same scores")]
fn probit(x: f32) -> f32 {
    let x = 2.0 * x - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let v = 2.0 / (3.14159 * 0.147) + 0.5 * log;
    let v2 = 1.0 / 0.147 * log;
    let v3 = -v + (v * v - v2).sqrt();
    std::f32::consts::SQRT_2 * sign * v3.sqrt()
}
