//! `ai.onnx.ml.LinearClassifier` and `LinearRegressor`: `x * coefficients + intercepts`, upstream's without its defects
//! with labels of two classes, strings and missing intercepts.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearClassifier.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearRegressor.html>; where the pages are silent, onnxruntime's kernel.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32, computed as float. Outputs of the classifier: labels `[N]`
//! (int64 or string) and scores `[N, K]` (float), K being the number of labels; of the regressor `[N, targets]` (float).
//! The coefficients are `[K, C]` or `[targets, C]`. Two classes may have one row of them: that of the second class, which
//! is the label where its score is positive; the first class then has the score `1 - score`. The attribute `multi_class`
//! changes nothing. Errors: coefficients or intercepts that fit neither the labels nor the input.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::scores::{self, NUMBERS, Transform};
use crate::attributes::{self, IntsOrStrings};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn linear_classifier(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let labels = IntsOrStrings::read(node, "classlabels_ints", "classlabels_strings")?;
    ensure!(labels.len() > 1, "expected at least 2 labels, got {}", labels.len());
    kernel::wire(ctx, node, LinearClassifier { labels, linear: Linear::read(node)? })
}

pub(crate) fn linear_regressor(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let linear = Linear::read(node)?;
    let targets = node.get_attr_opt::<i64>("targets")?.unwrap_or(1);
    let known =
        usize::try_from(targets).ok().filter(|targets| linear.coefficients.len().is_multiple_of(*targets));
    let Some(targets) = known.filter(|targets| *targets > 0) else {
        bail!("attribute targets: {targets} does not divide {} coefficients", linear.coefficients.len())
    };
    linear.check_intercepts(targets)?;
    kernel::wire(ctx, node, LinearRegressor { targets, linear })
}

#[derive(Debug)]
struct Linear {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    transform: Transform,
}

impl Linear {
    fn read(node: &NodeProto) -> TractResult<Self> {
        let coefficients = attributes::floats(node, "coefficients")?;
        ensure!(!coefficients.is_empty(), "expected the attribute coefficients");
        Ok(Self {
            coefficients,
            intercepts: attributes::floats(node, "intercepts")?,
            transform: Transform::of(node)?,
        })
    }

    /// skl2onnx writes a single zero for a model of several targets that has no intercepts.
    fn check_intercepts(&self, targets: usize) -> TractResult<()> {
        ensure!(
            self.intercepts.len() == targets || self.intercepts.iter().all(|intercept| *intercept == 0.0),
            "expected {targets} intercepts, got {}",
            self.intercepts.len()
        );
        Ok(())
    }

    fn scores(&self, row: &[f32], scores: &mut [f32]) {
        let no_intercepts = std::iter::repeat(&0.0);
        let intercepts = self.intercepts.iter().chain(no_intercepts);
        let targets = self.coefficients.chunks_exact(row.len()).zip(intercepts);
        for (score, (coefficients, intercept)) in scores.iter_mut().zip(targets) {
            *score = scores::sum_over(row, coefficients, |x, coefficient| x * coefficient) + intercept;
        }
    }
}

#[derive(Debug)]
struct LinearClassifier {
    labels: IntsOrStrings,
    linear: Linear,
}

impl LinearClassifier {
    /// How many scores are computed: one for each class, or one for the second of two.
    fn targets(&self, columns: usize) -> TractResult<usize> {
        let (given, classes) = (self.linear.coefficients.len(), self.labels.len());
        let fits = |targets: usize| targets.checked_mul(columns) == Some(given);
        let targets = match classes {
            2 if fits(1) => 1,
            _ if fits(classes) => classes,
            _ => bail!("expected coefficients for {columns} columns and {classes} classes, got {given}"),
        };
        self.linear.check_intercepts(targets)?;
        Ok(targets)
    }
}

impl Kernel for LinearClassifier {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &NUMBERS)?;
        let (rows, columns) = scores::rows(x.shape.dims())?;
        if let Ok(columns) = columns.to_usize() {
            self.targets(columns)?;
        }
        let scores = f32::fact([rows.clone(), self.labels.len().to_dim()]);
        Ok(tvec!(self.labels.datum_type().fact([rows]), scores))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let (rows, columns) = scores::rows(x.shape())?;
        let targets = self.targets(columns)?;
        let x = x.cast_to::<f32>()?;
        let mut output = Tensor::zero::<f32>(&[rows, self.labels.len()])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let scores = view.as_slice_mut::<f32>()?.chunks_exact_mut(self.labels.len());
        let mut positions = Vec::with_capacity(rows);
        for (row, scores) in elements::<f32>(&x)?.chunks_exact(columns).zip(scores) {
            self.linear.scores(row, &mut scores[..targets]);
            positions.push(if targets == 1 {
                let score = scores[0];
                scores.copy_from_slice(&self.linear.transform.pair(score, true));
                usize::from(score > 0.0)
            } else {
                let best = scores::first_greatest(scores);
                self.linear.transform.apply(scores);
                best
            });
        }
        Ok(tvec!(scores::label(&self.labels, &positions)?, output))
    }
}

#[derive(Debug)]
struct LinearRegressor {
    targets: usize,
    linear: Linear,
}

impl Kernel for LinearRegressor {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &NUMBERS)?;
        let (rows, columns) = scores::rows(x.shape.dims())?;
        scores::check_columns(&columns, self.linear.coefficients.len() / self.targets)?;
        Ok(tvec!(f32::fact([rows, self.targets.to_dim()])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let (rows, columns) = scores::rows(x.shape())?;
        scores::check_columns(&columns.to_dim(), self.linear.coefficients.len() / self.targets)?;
        let x = x.cast_to::<f32>()?;
        let mut output = Tensor::zero::<f32>(&[rows, self.targets])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let scores = view.as_slice_mut::<f32>()?.chunks_exact_mut(self.targets);
        for (row, scores) in elements::<f32>(&x)?.chunks_exact(columns).zip(scores) {
            self.linear.scores(row, scores);
            self.linear.transform.apply(scores);
        }
        Ok(tvec!(output))
    }
}
