//! What the trees look at in a row, so that `value <= threshold` is the one comparison that they make.
//!
//! `x >= t` is `-x <= -t`, and `x < t` is `x <= t'`, `t'` being the next number below `t`; NaN fails all of these
//! as it fails what they stand for. Trees of floats may be asked for a row of doubles: `x <= t` holds where the least
//! float that is no less than `x` is at most `t`, `x < t` where the greatest float that is no more than `x` is below
//! `t`. So each comparison has its own [`View`] of the feature.

use std::collections::HashMap;

use edgewit_kernels::trees::LANES;

use super::forest::Mode;
use crate::ml::scores::Number;

/// What of a feature a branch looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct View {
    feature: u32,
    negated: bool,
    /// The comparison was `<`, not `<=`.
    strict: bool,
}

/// A comparison as `view <= threshold`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Test<T> {
    pub(super) view: View,
    pub(super) threshold: T,
}

impl<T: Threshold> Test<T> {
    /// None for a mode that is not an order.
    pub(super) fn of(mode: Mode, feature: u32, threshold: T) -> Option<Self> {
        let (negated, strict) = match mode {
            Mode::Leq => (false, false),
            Mode::Lt => (false, true),
            Mode::Gte => (true, false),
            Mode::Gt => (true, true),
            Mode::Eq | Mode::Neq | Mode::Leaf => return None,
        };
        let threshold = if negated { threshold.negated() } else { threshold };
        let threshold = if strict { threshold.below() } else { threshold };
        Some(Self { view: View { feature, negated, strict }, threshold })
    }
}

/// The views that a forest needs: a column of its rows each. The last column is NaN, as the walk wants it.
#[derive(Debug, Default)]
pub(super) struct Columns {
    views: Vec<View>,
}

impl Columns {
    /// The views of `tests`, each once, and the column of each.
    pub(super) fn new<T>(tests: impl Iterator<Item = Test<T>>) -> (Self, HashMap<View, u32>) {
        let mut views = vec![];
        let mut places = HashMap::new();
        for test in tests {
            places.entry(test.view).or_insert_with(|| {
                views.push(test.view);
                views.len() as u32 - 1
            });
        }
        views.shrink_to_fit();
        (Self { views }, places)
    }

    /// The columns of a row for the walk.
    pub(super) fn count(&self) -> usize {
        self.views.len() + 1
    }

    /// Writes a row of the walk from a row of the input.
    pub(super) fn row<T: Number, S: Input<T>>(&self, input: &[S], row: &mut [T]) {
        for (value, view) in row.iter_mut().zip(&self.views) {
            *value = view.of(input);
        }
        row[self.views.len()] = T::of(f64::NAN);
    }

    /// Writes `LANES` rows of the walk, side by side, from as many rows of the input of `features` each.
    pub(super) fn block<T: Number, S: Input<T>>(&self, input: &[S], features: usize, block: &mut [T]) {
        let (values, nan) = block.split_at_mut(self.views.len() * LANES);
        for (values, view) in values.chunks_exact_mut(LANES).zip(&self.views) {
            for (value, input) in values.iter_mut().zip(input.chunks_exact(features)) {
                *value = view.of(input);
            }
        }
        nan.fill(T::of(f64::NAN));
    }
}

impl View {
    fn of<T, S: Input<T>>(self, input: &[S]) -> T {
        let value = input[self.feature as usize];
        let value = if self.negated { value.negated() } else { value };
        if self.strict { value.floor() } else { value.ceil() }
    }
}

/// What trees compare with.
pub(super) trait Threshold: Number {
    fn negated(self) -> Self;

    /// What is at most this is below `self`: the next lower number, or NaN where there is none.
    fn below(self) -> Self;
}

/// What rows are made of, for trees that compare in `T`.
pub(super) trait Input<T>: Threshold {
    /// The least `T` that is no less. NaN stays NaN.
    fn ceil(self) -> T;

    /// The greatest `T` that is no more. NaN stays NaN.
    fn floor(self) -> T;
}

macro_rules! threshold {
    ($($T:ident)+) => { $(
        impl Threshold for $T {
            fn negated(self) -> Self {
                -self
            }

            fn below(self) -> Self {
                if self == $T::NEG_INFINITY { $T::NAN } else { self.next_down() }
            }
        }

        impl Input<$T> for $T {
            fn ceil(self) -> $T {
                self
            }

            fn floor(self) -> $T {
                self
            }
        }
    )+ };
}

threshold!(f32 f64);

impl Input<f32> for f64 {
    fn ceil(self) -> f32 {
        let nearest = self as f32;
        if f64::from(nearest) < self { nearest.next_up() } else { nearest }
    }

    fn floor(self) -> f32 {
        let nearest = self as f32;
        if f64::from(nearest) > self { nearest.next_down() } else { nearest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [f64; 13] = [
        f64::NEG_INFINITY,
        -1e300,
        f32::MIN as f64,
        -1.0,
        -1e-60,
        -0.0,
        0.0,
        1e-60,
        0.1,
        1.0,
        f32::MAX as f64,
        1e300,
        f64::INFINITY,
    ];

    /// Whether `x` passes the test, and whether it should.
    fn check<T: Threshold + Into<f64>, S: Input<T> + Into<f64>>(mode: Mode, x: S, threshold: T) {
        let test = Test::of(mode, 0, threshold).unwrap();
        let value: T = test.view.of(&[x]);
        let (wide, against): (f64, f64) = (x.into(), threshold.into());
        let expect = match mode {
            Mode::Leq => wide <= against,
            Mode::Lt => wide < against,
            Mode::Gte => wide >= against,
            _ => wide > against,
        };
        assert_eq!(value <= test.threshold, expect, "{wide} {mode:?} {against}");
    }

    #[test]
    fn every_order_holds_as_it_does_without_a_view() {
        let edges = || EDGES.into_iter().chain([f64::NAN, 0.1 + 1e-17, f64::from(0.1f32), 0.5]);
        let around = |x: f64| [x.next_down(), x, x.next_up()];
        for mode in [Mode::Leq, Mode::Lt, Mode::Gte, Mode::Gt] {
            for threshold in edges() {
                for x in edges().chain(around(threshold)).chain(around(f64::from(threshold as f32))) {
                    check::<f64, f64>(mode, x, threshold);
                    check::<f32, f32>(mode, x as f32, threshold as f32);
                    check::<f32, f64>(mode, x, threshold as f32);
                }
            }
        }
    }

    #[test]
    fn a_view_that_many_tests_share_is_one_column() {
        let tests = [(Mode::Leq, 3), (Mode::Lt, 3), (Mode::Leq, 3), (Mode::Gt, 3), (Mode::Leq, 0)];
        let tests = tests.map(|(mode, feature)| Test::of(mode, feature, 1f32).unwrap());
        let (columns, places) = Columns::new(tests.into_iter());
        assert_eq!(columns.count(), 5);
        assert_eq!(tests.map(|test| places[&test.view]), [0, 1, 0, 2, 3]);
        let mut row = [0f32; 5];
        columns.row(&[2f32, 0.0, 0.0, 7.0], &mut row);
        assert_eq!(row[..4], [7.0, 7.0, -7.0, 2.0]);
        assert!(row[4].is_nan());
    }
}
