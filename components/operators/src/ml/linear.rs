//! `ai.onnx.ml.LinearClassifier` and `LinearRegressor`: `x * coefficients + intercepts`, upstream's without
//! its defects with labels of two classes, strings and missing intercepts.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearClassifier.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearRegressor.html>; where the pages are silent,
//! onnxruntime's kernel. Input `[N, C]` or `[C]` of float, double, int64 or int32, computed as float. Outputs
//! of the classifier: labels `[N]` (int64 or string) and scores `[N, K]` (float), K being the number of
//! labels; of the regressor `[N, targets]` (float). The coefficients are `[K, C]` or `[targets, C]`. Two
//! classes may have one row of them: that of the second class, which is the label where its score is
//! positive; the first class then has the score `1 - score`. The attribute `multi_class` changes nothing.
//! Errors: coefficients or intercepts that fit neither the labels nor the input.

use edgewit_kernels::dense;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::scores::{self, NUMBERS, Transform};
use crate::attributes::{self, IntsOrStrings};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn linear_classifier(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let labels = IntsOrStrings::read(node, "classlabels_ints", "classlabels_strings")?;
    ensure!(labels.len() > 1, "expected at least 2 labels, got {}", labels.len());
    // Which of them it is for two classes, the columns of the input will tell.
    let targets: &[usize] = if labels.len() == 2 { &[1, 2] } else { &[labels.len()] };
    kernel::wire(ctx, node, LinearClassifier { linear: Linear::read(node, targets)?, labels })
}

pub(crate) fn linear_regressor(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let targets = node.get_attr_opt::<i64>("targets")?.unwrap_or(1);
    let known = usize::try_from(targets).ok().filter(|targets| *targets > 0);
    let linear = Linear::read(node, known.as_slice())?;
    let [weights] = linear.weights.as_slice() else {
        bail!("attribute targets: {targets} does not divide {} coefficients", linear.coefficients)
    };
    let targets = weights.outputs();
    linear.check_intercepts(targets)?;
    kernel::wire(ctx, node, LinearRegressor { targets, linear })
}

#[derive(Debug)]
struct Linear {
    /// How many there are.
    coefficients: usize,
    /// As the coefficients of each possible number of targets.
    weights: Vec<dense::Weights>,
    intercepts: Vec<f32>,
    transform: Transform,
}

impl Linear {
    fn read(node: &NodeProto, targets: &[usize]) -> TractResult<Self> {
        let coefficients = attributes::floats(node, "coefficients")?;
        let count = coefficients.len();
        ensure!(count > 0, "expected the attribute coefficients");
        let possible = targets.iter().filter(|targets| count.is_multiple_of(**targets));
        let weights =
            possible.map(|targets| dense::Weights::new(&coefficients, count / targets, *targets, true));
        Ok(Self {
            coefficients: count,
            weights: weights.collect(),
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

    /// The weights for rows of so many columns, if they fit.
    fn weights(&self, columns: usize) -> Option<&dense::Weights> {
        self.weights.iter().find(|weights| weights.depth() == columns)
    }

    /// `[rows][columns]` to `[rows][targets]`.
    fn scores(&self, weights: &dense::Weights, rows: &[f32], scores: &mut [f32]) {
        let has_intercepts = self.intercepts.len() == weights.outputs();
        let bias = if has_intercepts { self.intercepts.as_slice() } else { &[] };
        let finish = dense::Finish { bias, floor: f32::NEG_INFINITY, ceiling: f32::INFINITY };
        dense::multiply(weights, rows, &finish, scores);
    }
}

#[derive(Debug)]
struct LinearClassifier {
    labels: IntsOrStrings,
    linear: Linear,
}

impl LinearClassifier {
    /// With a score for each class, or one for the second of two.
    fn weights(&self, columns: usize) -> TractResult<&dense::Weights> {
        let (given, classes) = (self.linear.coefficients, self.labels.len());
        let weights = self.linear.weights(columns).with_context(|| {
            format!("expected coefficients for {columns} columns and {classes} classes, got {given}")
        })?;
        self.linear.check_intercepts(weights.outputs())?;
        Ok(weights)
    }
}

impl Kernel for LinearClassifier {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &NUMBERS)?;
        let (rows, columns) = scores::rows(x.shape.dims())?;
        if let Ok(columns) = columns.to_usize() {
            self.weights(columns)?;
        }
        let scores = f32::fact([rows.clone(), self.labels.len().to_dim()]);
        Ok(tvec!(self.labels.datum_type().fact([rows]), scores))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let (rows, columns) = scores::rows(x.shape())?;
        let weights = self.weights(columns)?;
        let x = x.cast_to::<f32>()?;
        let mut output = Tensor::zero::<f32>(&[rows, self.labels.len()])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let scores = view.as_slice_mut::<f32>()?;
        let mut positions = Vec::with_capacity(rows);
        if weights.outputs() == 1 {
            let mut second = vec![0.0; rows];
            self.linear.scores(weights, elements(&x)?, &mut second);
            for (score, pair) in second.into_iter().zip(scores.as_chunks_mut::<2>().0) {
                *pair = self.linear.transform.pair(score, true);
                positions.push(usize::from(score > 0.0));
            }
        } else {
            self.linear.scores(weights, elements(&x)?, scores);
            positions.extend(scores.chunks_exact(self.labels.len()).map(scores::first_greatest));
            self.linear.transform.apply_to_rows(scores, self.labels.len());
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
        scores::check_columns(&columns, self.linear.coefficients / self.targets)?;
        Ok(tvec!(f32::fact([rows, self.targets.to_dim()])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let (rows, columns) = scores::rows(x.shape())?;
        let weights = self.linear.weights(columns);
        let weights = weights.with_context(|| format!("expected another input than of {columns} columns"))?;
        let x = x.cast_to::<f32>()?;
        let mut output = Tensor::zero::<f32>(&[rows, self.targets])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let scores = view.as_slice_mut::<f32>()?;
        self.linear.scores(weights, elements(&x)?, scores);
        self.linear.transform.apply_to_rows(scores, self.targets);
        Ok(tvec!(output))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{expect, floats, int, ints, node, refuse, string, strings};

    fn classifier(coefficients: &[f32], intercepts: &[f32], more: Vec<AttributeProto>) -> NodeProto {
        let mut attributes = vec![floats("coefficients", coefficients), floats("intercepts", intercepts)];
        attributes.extend(more);
        let mut node = node("ai.onnx.ml", "LinearClassifier", attributes);
        node.output = vec!["label".into(), "scores".into()];
        node
    }

    fn regressor(coefficients: &[f32], intercepts: &[f32], more: Vec<AttributeProto>) -> NodeProto {
        let mut attributes = vec![floats("coefficients", coefficients), floats("intercepts", intercepts)];
        attributes.extend(more);
        node("ai.onnx.ml", "LinearRegressor", attributes)
    }

    fn x() -> [Option<Tensor>; 1] {
        [Some(tensor2(&[[1f32], [2.0]]))]
    }

    /// The scores are onnxruntime's, but for `PROBIT`, where it leaves the second undefined.
    #[test]
    fn one_row_of_coefficients_is_that_of_the_second_class() {
        let node = |name, labels| classifier(&[0.5], &[-0.75], vec![labels, string("post_transform", name)]);
        let numbers = tensor1(&[7i64, 9]);
        let scores = tensor2(&[[1.25f32, -0.25], [0.75, 0.25]]);
        for name in ["NONE", "SOFTMAX"] {
            expect(node(name, ints("classlabels_ints", &[7, 9])), &x(), &[numbers.clone(), scores.clone()]);
        }
        let names = tensor1(&["a".to_string(), "b".to_string()]);
        expect(node("NONE", strings("classlabels_strings", &["a", "b"])), &x(), &[names, scores]);
        let scores = tensor2(&[[0.562_176_5_f32, 0.437_823_47], [0.437_823_47, 0.562_176_5]]);
        expect(node("LOGISTIC", ints("classlabels_ints", &[7, 9])), &x(), &[numbers, scores]);
    }

    #[test]
    fn a_row_for_each_class_is_decided_before_the_transform() {
        let e = f32::exp;
        let node = |name| {
            let labels = strings("classlabels_strings", &["a", "b", "c"]);
            classifier(&[1.0, -1.0, 0.0], &[0.0, 2.0, 0.5], vec![labels, string("post_transform", name)])
        };
        let x = [Some(tensor1(&[2f32]))];
        let label = tensor1(&["a".to_string()]);
        expect(node("NONE"), &x, &[label.clone(), tensor2(&[[2f32, 0.0, 0.5]])]);
        let sum = 1.0 + e(-2.0) + e(-1.5);
        expect(node("SOFTMAX"), &x, &[label.clone(), tensor2(&[[1.0 / sum, e(-2.0) / sum, e(-1.5) / sum]])]);
        let sum = 1.0 + e(-1.5);
        expect(node("SOFTMAX_ZERO"), &x, &[label.clone(), tensor2(&[[1.0 / sum, 0.0, e(-1.5) / sum]])]);
        let logistic = [2f32, 0.0, 0.5].map(|score| 1.0 / (1.0 + e(-score)));
        expect(node("LOGISTIC"), &x, &[label, tensor2(&[logistic])]);
    }

    #[test]
    fn intercepts_may_be_left_out() {
        let labels = || vec![ints("classlabels_ints", &[7, 9])];
        let both = classifier(&[0.5, -0.5], &[], labels());
        expect(both, &x(), &[tensor1(&[7i64, 7]), tensor2(&[[0.5f32, -0.5], [1.0, -1.0]])]);
        let one = classifier(&[0.5], &[], labels());
        expect(one, &x(), &[tensor1(&[9i64, 9]), tensor2(&[[0.5f32, 0.5], [0.0, 1.0]])]);
        let targets = || vec![int("targets", 2)];
        let sums = tensor2(&[[0.5f32, -1.0], [1.0, -2.0]]);
        expect(regressor(&[0.5, -1.0], &[], targets()), &x(), std::slice::from_ref(&sums));
        expect(regressor(&[0.5, -1.0], &[0.0], targets()), &x(), &[sums]);
    }

    #[test]
    fn targets_have_their_coefficients_in_a_row() {
        let coefficients: Vec<f32> = (0..20).map(|ix| ix as f32).collect();
        let node = regressor(&coefficients, &[100.0, 200.0], vec![int("targets", 2)]);
        // 0 + 1 + .. + 9 and 10 + 11 + .. + 19.
        let y = tensor2(&[[145f32, 345.0], [190.0, 490.0]]);
        let x = tract_ndarray::Array2::from_shape_fn((2, 10), |(row, _)| row as i64 + 1).into_tensor();
        for datum_type in NUMBERS {
            expect(
                node.clone(),
                &[Some(x.cast_to_dt(datum_type).unwrap().into_owned())],
                std::slice::from_ref(&y),
            );
        }
    }

    #[test]
    fn of_the_transforms_only_probit_changes_one_target() {
        for (name, expected) in
            [("NONE", 0.75f32), ("LOGISTIC", 0.75), ("SOFTMAX", 0.75), ("PROBIT", 0.674_574_3)]
        {
            let node = regressor(&[0.75], &[], vec![string("post_transform", name)]);
            expect(node, &[Some(tensor1(&[1f32]))], &[tensor2(&[[expected]])]);
        }
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let labels = |labels: &[i64]| vec![ints("classlabels_ints", labels)];
        let input = || tensor2(&[[1f32, 2.0]]);
        refuse(classifier(&[1.0; 4], &[0.0], labels(&[1, 2, 3])), input(), "2 columns and 3 classes, got 4");
        refuse(classifier(&[1.0; 4], &[1.0], labels(&[1, 2])), input(), "expected 2 intercepts, got 1");
        refuse(classifier(&[1.0; 2], &[1.0], labels(&[1])), input(), "at least 2 labels");
        refuse(classifier(&[], &[1.0], labels(&[1, 2])), input(), "expected the attribute coefficients");
        refuse(regressor(&[1.0; 3], &[], vec![]), input(), "an input of 3 columns, got 2");
        refuse(regressor(&[1.0; 3], &[], vec![int("targets", 2)]), input(), "does not divide 3");
        refuse(regressor(&[1.0; 3], &[], vec![int("targets", 0)]), input(), "does not divide 3");
        refuse(regressor(&[1.0; 2], &[1.0, 1.0], vec![]), input(), "expected 1 intercepts, got 2");
        refuse(regressor(&[1.0; 2], &[], vec![]), Tensor::zero::<f32>(&[1, 1, 2]).unwrap(), "[N, C] or [C]");
    }
}
