//! `ai.onnx.ml.SVMClassifier` and `SVMRegressor`: support vector machines of libsvm, and linear ones.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_SVMClassifier.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_SVMRegressor.html>; where the pages are silent,
//! onnxruntime's kernels. Input `[N, C]` or `[C]` of float, double, int64 or int32, computed as float.
//! Outputs of the classifier: labels `[N]` (int64 or string) and scores (float); of the regressor: `[N, 1]`
//! (float), which `one_class` makes 1 or -1, and which no `post_transform` changes. The scores are `[N, K]`,
//! K being the number of labels, with `prob_a` and `prob_b` (then they are probabilities) or without support
//! vectors (then the coefficients are `[K, C]`). Otherwise every two classes have a score, `[N, K * (K - 1) /
//! 2]`; two classes have theirs twice, with both signs, or as `1 - score` and `score` where there is a
//! `post_transform`. Errors: lists of lengths that do not fit the labels or the support vectors.

#[cfg(test)]
mod tests;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::scores::{self, NUMBERS, Transform};
use crate::attributes::{self, IntsOrStrings};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn svm_classifier(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let labels = IntsOrStrings::read(node, "classlabels_ints", "classlabels_strings")?;
    let rho = list(node, "rho", 1)?;
    let coefficients = list(node, "coefficients", 1)?;
    let transform = Transform::of(node)?;
    let prob_a = attributes::floats(node, "prob_a")?;

    let mut ends = vec![];
    let mut count = 0usize;
    for vectors in attributes::ints(node, "vectors_per_class")? {
        let end = usize::try_from(vectors).ok().and_then(|vectors| count.checked_add(vectors));
        count =
            end.with_context(|| format!("attribute vectors_per_class: {vectors} is no number of vectors"))?;
        ends.push(count);
    }
    if count == 0 {
        let positive = coefficients.iter().all(|coefficient| *coefficient >= 0.0);
        let vectors = Vectors::linear(coefficients, labels.len())?;
        let decision = Decision::Linear { rho: rho[0], positive, probable: !prob_a.is_empty() };
        return kernel::wire(ctx, node, SvmClassifier { labels, vectors, decision, transform });
    }
    let classes = labels.len();
    ensure!(
        ends.len() == classes && classes > 1,
        "attribute vectors_per_class has {} values, expected one for each of 2 or more labels, got {classes}",
        ends.len()
    );
    let product = |a: usize, b| a.checked_mul(b).context("more classes and vectors than fit into memory");
    let pairs = product(classes, classes - 1)? / 2;
    let expected = product(classes - 1, count)?;
    ensure!(
        coefficients.len() >= expected && rho.len() >= pairs,
        "expected {expected} coefficients and {pairs} values of rho, got {} and {}",
        coefficients.len(),
        rho.len()
    );
    let sigmoids = if prob_a.is_empty() {
        None
    } else {
        ensure!(prob_a.len() >= pairs, "attribute prob_a has {} values, expected {pairs}", prob_a.len());
        Some((prob_a, list(node, "prob_b", pairs)?))
    };
    let vectors = Vectors::read(node, count)?;
    let decision = Decision::Pairs { ends, coefficients, rho, sigmoids };
    kernel::wire(ctx, node, SvmClassifier { labels, vectors, decision, transform })
}

pub(crate) fn svm_regressor(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let rho = list(node, "rho", 1)?[0];
    let coefficients = list(node, "coefficients", 1)?;
    let one_class = node.get_attr_opt::<i64>("one_class")?.unwrap_or(0) != 0;
    let count = node.get_attr_opt::<i64>("n_supports")?.unwrap_or(0);
    Transform::of(node)?;
    let (vectors, coefficients) = if count <= 0 {
        (Vectors::linear(coefficients, 1)?, vec![1.0])
    } else {
        ensure!(
            usize::try_from(count) == Ok(coefficients.len()),
            "attribute coefficients has {} values, n_supports is {count}",
            coefficients.len()
        );
        (Vectors::read(node, coefficients.len())?, coefficients)
    };
    kernel::wire(ctx, node, SvmRegressor { vectors, coefficients, rho, one_class })
}

/// A list of floats of at least `len` values.
fn list(node: &NodeProto, name: &str, len: usize) -> TractResult<Vec<f32>> {
    let values = attributes::floats(node, name)?;
    ensure!(values.len() >= len, "attribute {name} has {} values, expected {len}", values.len());
    Ok(values)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Similarity {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

/// Support vectors, and how a row is compared with them.
#[derive(Debug)]
struct Vectors {
    similarity: Similarity,
    gamma: f32,
    coef0: f32,
    degree: f32,
    count: usize,
    columns: usize,
    /// `[count, columns]`.
    values: Vec<f32>,
}

impl Vectors {
    /// Coefficients that are multiplied with the input, `[count, columns]`.
    fn linear(values: Vec<f32>, count: usize) -> TractResult<Self> {
        let given = values.len();
        ensure!(given.is_multiple_of(count), "expected coefficients for {count} classes, got {given}");
        let columns = given / count;
        Ok(Self {
            similarity: Similarity::Linear,
            gamma: 0.0,
            coef0: 0.0,
            degree: 0.0,
            count,
            columns,
            values,
        })
    }

    fn read(node: &NodeProto, count: usize) -> TractResult<Self> {
        let values = list(node, "support_vectors", count)?;
        let given = values.len();
        ensure!(
            given.is_multiple_of(count),
            "attribute support_vectors: {given} values are not {count} vectors"
        );
        let similarity = match node.get_attr_opt("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Similarity::Linear,
            "POLY" => Similarity::Poly,
            "RBF" => Similarity::Rbf,
            "SIGMOID" => Similarity::Sigmoid,
            name => bail!("attribute kernel_type: {name:?} is no kernel"),
        };
        let [gamma, coef0, degree] = match attributes::floats(node, "kernel_params")?[..] {
            [] => [0.0; 3],
            [gamma, coef0, degree, ..] => [gamma, coef0, degree],
            ref other => bail!("attribute kernel_params: expected 3 values, got {}", other.len()),
        };
        Ok(Self { similarity, gamma, coef0, degree, count, columns: given / count, values })
    }

    /// The similarity of a row to every vector.
    fn compare(&self, row: &[f32], similarities: &mut [f32]) {
        for (similarity, vector) in similarities.iter_mut().zip(self.values.chunks_exact(self.columns)) {
            let product = || scores::sum_over(row, vector, |x, v| x * v);
            *similarity = match self.similarity {
                Similarity::Linear => product(),
                Similarity::Rbf => {
                    let distance = scores::sum_over(row, vector, |x, v| (x - v) * (x - v));
                    (-self.gamma * distance).exp()
                }
                Similarity::Sigmoid => (self.gamma * product() + self.coef0).tanh(),
                Similarity::Poly => {
                    let base = self.gamma * product() + self.coef0;
                    match self.degree {
                        2.0 => base * base,
                        3.0 => base * base * base,
                        degree => base.powf(degree),
                    }
                }
            }
        }
    }

    /// Checks type and shape of the input, and gives its rows.
    fn rows(&self, x: &TypedFact) -> TractResult<TDim> {
        kernel::accept("the input", x, &NUMBERS)?;
        let (rows, columns) = scores::rows(x.shape.dims())?;
        scores::check_columns(&columns, self.columns)?;
        Ok(rows)
    }

    /// Gives `finish` the similarities of every row of `x`, and where its scores go, `[rows, width]`.
    fn each_row(
        &self,
        x: &Tensor,
        width: usize,
        mut finish: impl FnMut(&[f32], &mut [f32]),
    ) -> TractResult<Tensor> {
        let (rows, columns) = scores::rows(x.shape())?;
        scores::check_columns(&columns.to_dim(), self.columns)?;
        let x = x.cast_to::<f32>()?;
        let mut output = Tensor::zero::<f32>(&[rows, width])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let mut similarities = vec![0.0; self.count];
        let scores = view.as_slice_mut::<f32>()?.chunks_exact_mut(width);
        for (row, scores) in elements::<f32>(&x)?.chunks_exact(columns).zip(scores) {
            self.compare(row, &mut similarities);
            finish(&similarities, scores);
        }
        Ok(output)
    }
}

#[derive(Debug)]
struct SvmRegressor {
    vectors: Vectors,
    coefficients: Vec<f32>,
    rho: f32,
    one_class: bool,
}

impl Kernel for SvmRegressor {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        Ok(tvec!(f32::fact([self.vectors.rows(x)?, 1.to_dim()])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let output = self.vectors.each_row(x, 1, |similarities, scores| {
            let sum = scores::sum_over(similarities, &self.coefficients, |s, c| s * c) + self.rho;
            scores[0] = match self.one_class {
                true if sum > 0.0 => 1.0,
                true => -1.0,
                false => sum,
            };
        })?;
        Ok(tvec!(output))
    }
}

#[derive(Debug)]
struct SvmClassifier {
    labels: IntsOrStrings,
    vectors: Vectors,
    decision: Decision,
    transform: Transform,
}

#[derive(Debug)]
enum Decision {
    /// A score for each class. `positive` says that no coefficient is negative, `probable` that there is a
    /// `prob_a`.
    Linear { rho: f32, positive: bool, probable: bool },
    /// A score for every two classes. The vectors of class `i` end at `ends[i]`; its coefficients against
    /// class `j` are in row `j - 1` of the coefficients if `i < j`, else in row `j`.
    Pairs { ends: Vec<usize>, coefficients: Vec<f32>, rho: Vec<f32>, sigmoids: Option<(Vec<f32>, Vec<f32>)> },
}

impl SvmClassifier {
    fn width(&self) -> usize {
        match (&self.decision, self.labels.len()) {
            (Decision::Pairs { sigmoids: None, .. }, classes) if classes > 2 => classes * (classes - 1) / 2,
            (_, classes) => classes,
        }
    }

    /// The label where two classes are scored apart, by onnxruntime's rule.
    fn linear(
        &self,
        rho: f32,
        positive: bool,
        probable: bool,
        products: &[f32],
        scores: &mut [f32],
    ) -> usize {
        for (score, product) in scores.iter_mut().zip(products) {
            *score = product + rho;
        }
        let best = scores::first_greatest(scores);
        let second = if positive { scores[best] >= 0.5 } else { scores[best] > 0.0 };
        let position = if scores.len() == 2 && second && !probable { 1 } else { best };
        self.transform.apply(scores);
        position
    }
}

impl Kernel for SvmClassifier {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let rows = self.vectors.rows(x)?;
        let scores = f32::fact([rows.clone(), self.width().to_dim()]);
        Ok(tvec!(self.labels.datum_type().fact([rows]), scores))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let classes = self.labels.len();
        let mut positions = vec![];
        let mut votes = vec![0; classes];
        let mut pairs = vec![];
        let mut coupling = Coupling::default();
        let output = self.vectors.each_row(x, self.width(), |similarities, scores| match &self.decision {
            Decision::Linear { rho, positive, probable } => {
                positions.push(self.linear(*rho, *positive, *probable, similarities, scores));
            }
            Decision::Pairs { ends, coefficients, rho, sigmoids } => {
                pairs.clear();
                votes.fill(0);
                let vectors = |class: usize| if class == 0 { 0 } else { ends[class - 1] }..ends[class];
                let against = |row: usize, class: usize| {
                    let coefficients = &coefficients[row * similarities.len()..];
                    let pairs = coefficients[vectors(class)].iter().zip(&similarities[vectors(class)]);
                    pairs.map(|(c, s)| f64::from(c * s)).sum::<f64>()
                };
                for i in 0..classes {
                    for j in i + 1..classes {
                        let sum = against(j - 1, i) + against(i, j) + f64::from(rho[pairs.len()]);
                        votes[if sum > 0.0 { i } else { j }] += 1;
                        pairs.push(sum as f32);
                    }
                }
                positions.push(scores::first_greatest(&votes));
                match sigmoids {
                    Some((a, b)) => {
                        for (pair, (a, b)) in pairs.iter_mut().zip(a.iter().zip(b)) {
                            *pair = (1.0 - scores::logistic(*pair * a + b)).clamp(1e-7, 1.0 - 1e-7);
                        }
                        coupling.couple(&pairs, scores);
                        self.transform.apply(scores);
                    }
                    None if classes == 2 => {
                        let transformed = self.transform != Transform::None;
                        scores.copy_from_slice(&self.transform.pair(pairs[0], transformed));
                    }
                    None => {
                        scores.copy_from_slice(&pairs);
                        self.transform.apply(scores);
                    }
                }
            }
        })?;
        Ok(tvec!(scores::label(&self.labels, &positions)?, output))
    }
}

/// Probabilities of classes from those of pairs: method 2 of
/// <https://www.csie.ntu.edu.tw/~cjlin/papers/svmprob/svmprob.pdf> as libsvm has it. The matrix is kept from
/// row to row.
#[derive(Default)]
struct Coupling {
    q: Vec<f32>,
    qp: Vec<f32>,
}

impl Coupling {
    /// `pairs` are the probabilities of the first class of every two; `p` becomes that of each class.
    fn couple(&mut self, pairs: &[f32], p: &mut [f32]) {
        let classes = p.len();
        let (q, qp) = (&mut self.q, &mut self.qp);
        q.clear();
        q.resize(classes * classes, 0.0);
        qp.clear();
        qp.resize(classes, 0.0);
        let mut remaining = pairs.iter();
        for i in 0..classes {
            for j in i + 1..classes {
                let Some(first) = remaining.next() else { return };
                let second = 1.0 - first;
                q[i * classes + i] += second * second;
                q[j * classes + j] += first * first;
                q[i * classes + j] = -first * second;
                q[j * classes + i] = -first * second;
            }
        }
        p.fill(1.0 / classes as f32);
        for _ in 0..100 {
            let mut pqp = 0.0;
            for (i, row) in q.chunks_exact(classes).enumerate() {
                qp[i] = row.iter().zip(&*p).map(|(q, p)| q * p).sum();
                pqp += p[i] * qp[i];
            }
            if qp.iter().all(|qp| (qp - pqp).abs() < 0.005 / classes as f32) {
                break;
            }
            for i in 0..classes {
                let row = &q[i * classes..][..classes];
                let step = (pqp - qp[i]) / row[i];
                p[i] += step;
                pqp = (pqp + step * (step * row[i] + 2.0 * qp[i])) / (1.0 + step) / (1.0 + step);
                for (j, p) in p.iter_mut().enumerate() {
                    qp[j] = (qp[j] + step * row[j]) / (1.0 + step);
                    *p /= 1.0 + step;
                }
            }
        }
    }
}
