//! `ai.onnx.ml.SVMClassifier` and `SVMRegressor`: support vector machines of libsvm, and linear ones.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_SVMClassifier.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_SVMRegressor.html>; where the pages are silent, onnxruntime's kernels.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32, computed as float. Outputs of the classifier: labels `[N]`
//! (int64 or string) and scores (float); of the regressor: `[N, 1]` (float), which `one_class` makes 1 or -1, and which
//! no `post_transform` changes. The scores are `[N, K]`, K being the number of labels, with `prob_a` and `prob_b` (then
//! they are probabilities) or without support vectors (then the coefficients are `[K, C]`). Otherwise every two classes
//! have a score, `[N, K * (K - 1) / 2]`; two classes have theirs twice, with both signs, or as `1 - score` and `score`
//! where there is a `post_transform`. Errors: lists of lengths that do not fit the labels or the support vectors.

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
    /// A score for each class. `positive` says that no coefficient is negative, `probable` that there is a `prob_a`.
    Linear { rho: f32, positive: bool, probable: bool },
    /// A score for every two classes. The vectors of class `i` end at `ends[i]`; its coefficients against class `j` are
    /// in row `j - 1` of the coefficients if `i < j`, else in row `j`.
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

/// Probabilities of classes from those of pairs: method 2 of <https://www.csie.ntu.edu.tw/~cjlin/papers/svmprob/svmprob.pdf>
/// as libsvm has it. The matrix is kept from row to row.
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

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{expect, floats, int, ints, node, refuse, string, strings};

    fn machine(op_type: &str, attributes: Vec<AttributeProto>, more: Vec<AttributeProto>) -> NodeProto {
        let mut node = node("ai.onnx.ml", op_type, attributes);
        node.attribute.retain(|attribute| more.iter().all(|by| by.name != attribute.name));
        node.attribute.extend(more);
        if op_type == "SVMClassifier" {
            node.output = vec!["label".into(), "scores".into()];
        }
        node
    }

    /// Two classes with a support vector each; the score of the pair is `0.4 * x - 0.5`.
    fn binary(more: Vec<AttributeProto>) -> NodeProto {
        let attributes = vec![
            ints("classlabels_ints", &[4, 5]),
            floats("coefficients", &[0.3, 0.2]),
            floats("support_vectors", &[1.0, 0.5]),
            ints("vectors_per_class", &[1, 1]),
            floats("rho", &[-0.5]),
        ];
        machine("SVMClassifier", attributes, more)
    }

    /// Three classes, by the sign of the score of each two of them.
    fn three(more: Vec<AttributeProto>) -> NodeProto {
        let attributes = vec![
            strings("classlabels_strings", &["a", "b", "c"]),
            floats("coefficients", &[1.0, -0.5, -1.0, 0.5, 0.25, -2.0]),
            floats("support_vectors", &[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]),
            ints("vectors_per_class", &[1, 1, 1]),
            floats("rho", &[0.25, -0.125, 0.0]),
        ];
        machine("SVMClassifier", attributes, more)
    }

    fn regressor(more: Vec<AttributeProto>) -> NodeProto {
        let attributes = vec![
            int("n_supports", 2),
            floats("coefficients", &[2.0, -1.0]),
            floats("support_vectors", &[1.0, 0.0, 0.0, 1.0]),
            floats("kernel_params", &[0.5, 1.0, 3.0]),
            floats("rho", &[0.25]),
        ];
        machine("SVMRegressor", attributes, more)
    }

    fn x() -> [Option<Tensor>; 1] {
        [Some(tensor2(&[[1f32], [2.0]]))]
    }

    /// The scores are onnxruntime's.
    #[test]
    fn two_classes_have_the_score_of_their_pair_twice() {
        let check = |name, scores: [[f32; 2]; 2]| {
            let node = binary(vec![string("post_transform", name)]);
            expect(node, &x(), &[tensor1(&[5i64, 4]), tensor2(&scores)]);
        };
        check("NONE", [[0.1, -0.1], [-0.3, 0.3]]);
        check("LOGISTIC", [[0.524_979_2, 0.475_020_83], [0.425_557_5, 0.574_442_5]]);
        check("SOFTMAX", [[1.1, -0.1], [0.7, 0.3]]);
    }

    /// The scores are onnxruntime's.
    #[test]
    fn sigmoids_make_probabilities_of_scores() {
        let check = |name, scores: [[f32; 2]; 2]| {
            let sigmoids = vec![floats("prob_a", &[-1.5]), floats("prob_b", &[0.1])];
            let node = binary(sigmoids.into_iter().chain([string("post_transform", name)]).collect());
            expect(node, &x(), &[tensor1(&[5i64, 4]), tensor2(&scores)]);
        };
        check("NONE", [[0.437_692_9, 0.562_307_1], [0.586_269, 0.413_731]]);
        check("LOGISTIC", [[0.607_709_17, 0.636_986_2], [0.642_508_6, 0.601_982_1]]);
        check("SOFTMAX", [[0.468_886_7, 0.531_113_3], [0.543_027_8, 0.456_972_18]]);
    }

    #[test]
    fn every_two_of_many_classes_have_a_score_and_a_vote() {
        // Similarities 2, 1 and -3. a to b: 1 * 2 - 0.5 * 1 + 0.25, a to c: 0.5 * 2 + 3 - 0.125, b to c: 0.25 * 1 + 6.
        let node = three(vec![floats("coefficients", &[1.0, -0.5, -1.0, 0.5, 0.25, -2.0])]);
        let x = [Some(tensor2(&[[2f32, 1.0]]))];
        expect(node, &x, &[tensor1(&["a".to_string()]), tensor2(&[[1.75f32, 3.875, 6.25]])]);
    }

    /// With a fair chance in every pair, every class has the same.
    #[test]
    fn probabilities_of_pairs_are_coupled() {
        let node = three(vec![floats("prob_a", &[0.0; 3]), floats("prob_b", &[0.0; 3])]);
        let x = [Some(tensor2(&[[2f32, 1.0]]))];
        expect(node, &x, &[tensor1(&["a".to_string()]), tensor2(&[[1f32 / 3.0; 3]])]);
    }

    /// The labels and scores are onnxruntime's: with a negative coefficient among two classes, any score above 0 means
    /// the second; without one, any from 0.5.
    #[test]
    fn without_support_vectors_every_class_has_a_score() {
        let node = |coefficients: &[f32]| {
            binary(vec![
                floats("coefficients", coefficients),
                floats("support_vectors", &[]),
                ints("vectors_per_class", &[]),
                string("kernel_type", "RBF"),
            ])
        };
        let scores = tensor2(&[[0.1f32, -0.7], [0.7, -0.9]]);
        expect(node(&[0.6, -0.2]), &x(), &[tensor1(&[5i64, 5]), scores]);
        let scores = tensor2(&[[0.1f32, -0.3], [0.7, -0.1]]);
        expect(node(&[0.6, 0.2]), &x(), &[tensor1(&[4i64, 5]), scores]);
    }

    #[test]
    fn every_kernel_has_its_formula() {
        // Products 2 and -1, squared distances 2 and 8.
        let x = tensor2(&[[2i64, -1]]);
        let check = |name, [first, second]: [f32; 2]| {
            let y = tensor2(&[[2.0 * first - second + 0.25]]);
            for datum_type in NUMBERS {
                let x = x.cast_to_dt(datum_type).unwrap().into_owned();
                expect(regressor(vec![string("kernel_type", name)]), &[Some(x)], std::slice::from_ref(&y));
            }
        };
        check("LINEAR", [2.0, -1.0]);
        check("POLY", [8.0, 0.125]);
        check("RBF", [f32::exp(-1.0), f32::exp(-4.0)]);
        check("SIGMOID", [f32::tanh(2.0), f32::tanh(0.5)]);
        let fourth = vec![string("kernel_type", "POLY"), floats("kernel_params", &[1.0, 0.0, 4.0])];
        expect(regressor(fourth), &[Some(tensor1(&[2f32, -1.0]))], &[tensor2(&[[31.25f32]])]);
    }

    #[test]
    fn of_one_class_the_sign_is_told() {
        let x = [Some(tensor2(&[[1f32, 0.0], [-1.0, 0.0], [-0.125, 0.0]]))];
        let y = tensor2(&[[1f32], [-1.0], [-1.0]]);
        expect(regressor(vec![int("one_class", 1)]), &x, &[y]);
    }

    #[test]
    fn a_regressor_without_support_vectors_is_linear() {
        let node = regressor(vec![int("n_supports", 0), string("kernel_type", "RBF")]);
        expect(node, &[Some(tensor1(&[1f32, 0.5]))], &[tensor2(&[[1.75f32]])]);
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let refused = |more, message: &str| refuse(binary(vec![more]), tensor2(&[[1f32]]), message);
        refused(ints("vectors_per_class", &[2]), "vectors_per_class has 1 values");
        refused(ints("vectors_per_class", &[1, -1]), "-1 is no number of vectors");
        refused(ints("vectors_per_class", &[i64::MAX; 3]), "9223372036854775807");
        refused(
            ints("vectors_per_class", &[2, 1]),
            "expected 3 coefficients and 1 values of rho, got 2 and 1",
        );
        refused(floats("rho", &[]), "rho has 0 values");
        refused(floats("prob_a", &[1.0]), "prob_b has 0 values, expected 1");
        refused(floats("support_vectors", &[1.0; 3]), "3 values are not 2 vectors");
        refused(floats("support_vectors", &[1.0; 4]), "an input of 2 columns, got 1");
        refused(floats("kernel_params", &[1.0]), "expected 3 values, got 1");
        refused(string("kernel_type", "COSINE"), "\"COSINE\" is no kernel");
        refuse(regressor(vec![int("n_supports", 3)]), tensor2(&[[1f32, 2.0]]), "n_supports is 3");
        refuse(regressor(vec![]), tensor2(&[[1f32]]), "an input of 2 columns, got 1");
    }
}
