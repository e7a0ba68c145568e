//! `ai.onnx.ml.TreeEnsembleClassifier`, `TreeEnsembleRegressor` and `TreeEnsemble`: scores from decision
//! trees.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html>; where the pages are silent,
//! onnxruntime's kernel. Input `[N, C]` or `[C]`, of float, double, int64 or int32; of `TreeEnsemble`, of
//! float16, float or double. Outputs of the classifier: labels `[N]` (int64 or string) and scores `[N, K]`
//! (float), K being the number of labels; of the others: scores `[N, n_targets]`, float for the regressor and
//! of the input's type for `TreeEnsemble`. Doubles, and trees given by tensors of doubles, are evaluated in
//! double; everything else in float, tree by tree.
//!
//! Steps: `parse` and `version_5` read and check the attributes, `forest` lays the trees out and sums their leaves,
//! `view` has what they look at, `scoring` turns a row's sums into scores and a label. This file is the operators
//! around them.

mod forest;
mod parse;
mod scoring;
#[cfg(test)]
mod target_tests;
#[cfg(test)]
mod tests;
mod version_5;
mod view;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use edgewit_kernels::trees;

use self::forest::{Forest, NodeSpec};
use self::scoring::Scoring;
use self::view::Input;
use super::scores::{self, NUMBERS, Number};
use crate::attributes::IntsOrStrings;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

/// Rows summed at a time: enough to keep a tree in cache over many rows, few enough to keep the rows there,
/// too.
const BLOCK: usize = 64;

pub(crate) fn tree_ensemble_classifier(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, parse::classifier(ctx, node)?)
}

pub(crate) fn tree_ensemble_regressor(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, parse::regressor(ctx, node)?)
}

pub(crate) fn tree_ensemble(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, version_5::parse(ctx, node)?)
}

#[derive(Debug)]
struct Ensemble {
    trees: Trees,
    scoring: Scoring,
    /// The classifier's.
    labels: Option<IntsOrStrings>,
    /// The scores have the type of the input, not float.
    keeps_type: bool,
}

/// The trees in the type they are given in. Those of floats take doubles, too, and sum them as such.
#[derive(Debug)]
enum Trees {
    Float(Forest<f32>),
    Double(Forest<f64>),
}

impl Trees {
    /// See [`Forest::new`].
    fn new(
        specs: &[NodeSpec],
        roots: &[usize],
        weights: &[Vec<(u32, f64)>],
        columns: usize,
        double: bool,
    ) -> TractResult<Self> {
        Ok(if double {
            Self::Double(Forest::new(specs, roots, weights, columns)?)
        } else {
            Self::Float(Forest::new(specs, roots, weights, columns)?)
        })
    }

    fn check_columns(&self, columns: &TDim) -> TractResult<usize> {
        match self {
            Self::Float(forest) => forest.check_columns(columns),
            Self::Double(forest) => forest.check_columns(columns),
        }
    }
}

impl Kernel for Ensemble {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let floats = [DatumType::F32, DatumType::F64, DatumType::F16];
        kernel::accept("the input", x, if self.keeps_type { &floats } else { &NUMBERS })?;
        let (rows, columns) = scores::rows(x.shape.dims())?;
        let width = self.trees.check_columns(&columns)?;
        let datum_type = if self.keeps_type { x.datum_type } else { f32::datum_type() };
        let scores = datum_type.fact([rows.clone(), self.scoring.scores(width).to_dim()]);
        Ok(self
            .labels
            .iter()
            .map(|labels| labels.datum_type().fact([rows.clone()]))
            .chain([scores])
            .collect())
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        match &self.trees {
            Trees::Float(forest) if x.datum_type() == f64::datum_type() => self.evaluate::<_, f64>(forest, x),
            Trees::Float(forest) => self.evaluate::<_, f32>(forest, x),
            Trees::Double(forest) => self.evaluate::<_, f64>(forest, x),
        }
    }
}

impl Ensemble {
    /// Scores in `S`, from trees that compare in `T`.
    fn evaluate<T, S>(&self, forest: &Forest<T>, x: &Tensor) -> TractResult<TVec<Tensor>>
    where
        T: Number + trees::Number,
        S: Input<T>,
    {
        let (rows, columns) = scores::rows(x.shape())?;
        let width = forest.check_columns(&columns.to_dim())?;
        let input = x.cast_to::<S>()?;
        let input = elements::<S>(&input)?;

        let per_row = self.scoring.scores(width);
        let mut scores = Tensor::zero_dt(S::datum_type(), &[rows, per_row])?;
        let mut positions = Vec::with_capacity(rows);
        let mut view = scores.try_as_plain_ram_mut()?;
        let mut sums = vec![S::default(); rows.min(BLOCK) * width];
        let blocks = input.chunks(BLOCK * columns).zip(view.as_slice_mut::<S>()?.chunks_mut(BLOCK * per_row));
        for (block, scores) in blocks {
            let sums = &mut sums[..block.len() / columns * width];
            sums.fill(self.scoring.aggregate.start());
            forest.sum(block, columns, self.scoring.aggregate, sums);
            for (sums, scores) in sums.chunks_exact_mut(width).zip(scores.chunks_exact_mut(per_row)) {
                positions.push(self.scoring.finish(forest.trees(), sums, scores));
            }
        }
        let datum_type = if self.keeps_type { x.datum_type() } else { f32::datum_type() };
        let scores = scores.cast_to_dt(datum_type)?.into_owned();
        Ok(match &self.labels {
            // With a single integer label onnxruntime answers whether the score is positive, not the label.
            Some(IntsOrStrings::Ints(ints)) if ints.len() == 1 => {
                tvec!(tensor1(&positions.iter().map(|at| *at as i64).collect::<Vec<_>>()), scores)
            }
            Some(labels) => {
                positions.iter_mut().for_each(|at| *at = (*at).min(labels.len() - 1));
                tvec!(scores::label(labels, &positions)?, scores)
            }
            None => tvec!(scores),
        })
    }
}
