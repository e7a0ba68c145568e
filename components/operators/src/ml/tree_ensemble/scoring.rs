//! A row's sums to its scores and its label.
//!
//! As onnxruntime has it (`tree_ensemble_aggregator.h`), with four differences, because there the kernel
//! contradicts the ONNX page: base values for both of two classes go to their own class; two scored classes
//! are decided by the greater score; a single score column gives a score for the other class whatever its
//! class id is; and a base value counts for a target that no leaf contributes to, too.

use crate::ml::scores::{Number, Transform, first_greatest};

/// What becomes of the weights of the leaves that a row reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

impl Aggregate {
    /// What the aggregation starts from. NaN says that there is no weight yet.
    pub(super) fn start<T: Number>(self) -> T {
        match self {
            Self::Sum | Self::Average => T::default(),
            Self::Min | Self::Max => T::of(f64::NAN),
        }
    }

    #[inline]
    pub(super) fn add<T: Number>(self, sum: &mut T, weight: T) {
        match self {
            Self::Sum | Self::Average => *sum += weight,
            Self::Min if *sum <= weight => (),
            Self::Max if *sum >= weight => (),
            Self::Min | Self::Max => *sum = weight,
        }
    }

    fn end<T: Number>(self, sum: &mut T, trees: usize) {
        match self {
            Self::Average => *sum = *sum / T::of(trees as f64),
            Self::Min | Self::Max if sum.narrow().is_nan() => *sum = T::default(),
            _ => (),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A score for each column of sums.
    PerColumn,
    /// Two classes, one sum: that of the second class. `positive` says that no weight is negative, which
    /// makes the sum a probability rather than a margin.
    Binary { positive: bool },
}

#[derive(Debug)]
pub(super) struct Scoring {
    pub(super) layout: Layout,
    pub(super) aggregate: Aggregate,
    pub(super) transform: Transform,
    /// None, or one for each of the first columns of sums.
    pub(super) base: Box<[f64]>,
}

impl Scoring {
    /// How many scores a row of `columns` sums has.
    pub(super) fn scores(&self, columns: usize) -> usize {
        if self.layout == Layout::PerColumn { columns } else { 2 }
    }

    /// Writes the scores of one row and returns the position of its label. `sums` is used up.
    pub(super) fn finish<T: Number>(&self, trees: usize, sums: &mut [T], scores: &mut [T]) -> usize {
        sums.iter_mut().for_each(|sum| self.aggregate.end(sum, trees));
        for (sum, base) in sums.iter_mut().zip(&self.base) {
            *sum += T::of(*base);
        }
        match self.layout {
            Layout::PerColumn => {
                scores.copy_from_slice(sums);
                self.transform.apply(scores);
                // The label of a lone class says whether its score is positive.
                if let [sum] = sums { usize::from(*sum > T::default()) } else { first_greatest(sums) }
            }
            Layout::Binary { positive } => {
                scores.copy_from_slice(&self.transform.pair(sums[0], positive));
                usize::from(sums[0] > T::of(if positive { 0.5 } else { 0.0 }))
            }
        }
    }
}
