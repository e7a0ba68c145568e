//! What the models of `ai.onnx.ml` share: rows of numbers in, transformed scores and labels out.
//!
//! The formulas and their float arithmetic are onnxruntime's (`ml_common.h`), so that both give the same
//! digits.

use std::ops::{AddAssign, Div};

use edgewit_kernels::exp;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes::IntsOrStrings;
use crate::kernel::tensor_of;

/// The types of input that the models take.
pub(super) const NUMBERS: [DatumType; 4] = [DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32];

/// What models are evaluated in.
pub(super) trait Number:
    Datum + Copy + Default + PartialOrd + AddAssign + Div<Output = Self> + Into<f64>
{
    fn of(value: f64) -> Self;

    fn narrow(self) -> f32 {
        self.into() as f32
    }
}

impl Number for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Number for f64 {
    fn of(value: f64) -> Self {
        value
    }
}

/// The rows and columns of an input `[N, C]` or `[C]`, which is one row.
pub(super) fn rows<D: Clone + std::fmt::Debug + From<usize>>(shape: &[D]) -> TractResult<(D, D)> {
    match shape {
        [columns] => Ok((1.into(), columns.clone())),
        [rows, columns] => Ok((rows.clone(), columns.clone())),
        _ => bail!("expected an input [N, C] or [C], got shape {shape:?}"),
    }
}

/// Checks that the input has as many columns as the model; a symbolic number of columns is left for the run
/// to check.
pub(super) fn check_columns(columns: &TDim, expected: usize) -> TractResult<()> {
    let fits = columns.to_usize().map_or(true, |columns| columns == expected);
    ensure!(fits, "expected an input of {expected} columns, got {columns}");
    Ok(())
}

/// The sum of `f` over the elements of two rows: eight sums at a time, which the compiler may compute at
/// once.
pub(super) fn sum_over(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0f32; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| f(*a, *b)).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f(*a, *b);
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The labels at `positions`, one for each row.
pub(super) fn label(labels: &IntsOrStrings, positions: &[usize]) -> TractResult<Tensor> {
    fn pick<T: Datum>(labels: &[T], positions: &[usize]) -> TractResult<Tensor> {
        let label = |at: &usize| labels.get(*at).cloned().with_context(|| format!("there is no label {at}"));
        tensor_of(&[positions.len()], positions.iter().map(label).collect::<TractResult<_>>()?)
    }
    match labels {
        IntsOrStrings::Ints(ints) => pick(ints, positions),
        IntsOrStrings::Strings(strings) => pick(strings, positions),
    }
}

/// The first of equals, as `argmax` has it. NaN is never the greatest, unless it is the first.
pub(super) fn first_greatest<T: PartialOrd>(scores: &[T]) -> usize {
    let mut best = 0;
    for (position, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = position;
        }
    }
    best
}

/// The attribute `post_transform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(super) fn of(node: &NodeProto) -> TractResult<Self> {
        Ok(match node.get_attr_opt("post_transform")?.unwrap_or("NONE") {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            name => bail!("attribute post_transform: {name:?} is no transform"),
        })
    }

    /// Transforms the scores of a row. As in onnxruntime, only `PROBIT` transforms a score that is alone.
    pub(super) fn apply<T: Number>(self, row: &mut [T]) {
        let each = |row: &mut [T], f: fn(f32) -> f32| {
            row.iter_mut().for_each(|score| *score = T::of(f(score.narrow()).into()));
        };
        match self {
            Self::None => (),
            Self::Probit => each(row, probit),
            _ if row.len() == 1 => (),
            Self::Logistic => logistics(row),
            Self::Softmax => softmax(row, false),
            Self::SoftmaxZero => softmax(row, true),
        }
    }

    /// [`apply`](Self::apply) for many rows of `width` scores, whose exponentials are taken side by side.
    pub(super) fn apply_to_rows(self, scores: &mut [f32], width: usize) {
        match self {
            Self::Logistic if width > 1 => exp::logistic(scores),
            Self::Softmax if width > 1 => {
                for row in scores.chunks_exact_mut(width) {
                    let greatest = row.iter().copied().fold(f32::MIN, f32::max);
                    row.iter_mut().for_each(|score| *score -= greatest);
                }
                exp::exp(scores);
                for row in scores.chunks_exact_mut(width) {
                    let sum = row.iter().sum::<f32>();
                    row.iter_mut().for_each(|score| *score /= sum);
                }
            }
            _ => scores.chunks_exact_mut(width).for_each(|row| self.apply(row)),
        }
    }

    /// The scores of two classes, of which only the second has one. It is a probability or a margin;
    /// onnxruntime applies none of the softmaxes to it. For `PROBIT` it leaves one of the scores undefined;
    /// here both are transformed.
    pub(super) fn pair<T: Number>(self, score: T, probability: bool) -> [T; 2] {
        let value: f64 = score.into();
        let other = if probability { 1.0 - value } else { -value };
        match self {
            Self::Probit => [1.0 - value, value].map(|value| T::of(probit(value as f32).into())),
            Self::Logistic => {
                let mut pair = [T::of(-value), score];
                logistics(&mut pair);
                pair
            }
            _ => [T::of(other), score],
        }
    }
}

pub(super) fn logistic(x: f32) -> f32 {
    let mut one = [x];
    logistics(&mut one);
    one[0]
}

/// The logistic function of each score. Those of two classes are often each other's negative: one exponential does for both.
fn logistics<T: Number>(row: &mut [T]) {
    let (mut size, mut of_size) = (f32::NAN, f32::NAN);
    for score in row {
        let x = score.narrow();
        if x.abs() != size {
            size = x.abs();
            of_size = 1.0 / (1.0 + (-size).exp());
        }
        *score = T::of((if x < 0.0 { 1.0 - of_size } else { of_size }).into());
    }
}

/// `skip_zero` leaves out scores that are zero.
fn softmax<T: Number>(row: &mut [T], skip_zero: bool) {
    let greatest = row.iter().fold(f32::MIN, |greatest, score| greatest.max(score.narrow()));
    let mut sum = 0.0;
    for score in row.iter_mut() {
        let mut value = score.narrow();
        if skip_zero && value.abs() <= 1e-7 {
            value *= (-greatest).exp();
        } else {
            value = (value - greatest).exp();
            sum += value;
        }
        *score = T::of(value.into());
    }
    row.iter_mut().for_each(|score| *score = T::of((score.narrow() / sum).into()));
}

/// The normal quantile, by Winitzki's approximation of the inverse error function with the digits of
/// onnxruntime.
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
