//! Predicted classes against true ones.

use serde::Serialize;

use super::Calibration;
use super::ranking::roc_auc;

/// What a model said of a row, and what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The true class, by its position among the labels.
    pub truth: usize,
    /// The class that was predicted.
    pub prediction: usize,
    /// The probability of each class; empty where the model gives none.
    pub probabilities: Vec<f64>,
}

/// How good a classifier is. Of two classes, precision, recall, F1 and calibration are those of the second; of more, the
/// first three are means over the classes that came, and calibration is that of the predicted class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// Rows whose truth is known.
    pub rows: u64,
    /// The part of them that was predicted right.
    pub accuracy: f64,
    /// Of those that were predicted, the part that is right; 0 where none was.
    pub precision: f64,
    /// Of those that are, the part that was predicted; 0 where none is.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The area under the ROC curve; of more than two classes the mean of each against the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<f64>,
    /// The mean of -ln of the true class's probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// The mean squared distance between probabilities and truth (G. W. Brier, 1950), of two classes half of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
    /// Probabilities against frequencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Each class by itself.
    pub classes: Vec<Class>,
}

/// How good a classifier is at one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// The class.
    pub label: String,
    /// Rows that are of it.
    pub rows: u64,
    /// Rows that were predicted to be.
    pub predicted: u64,
    /// Rows that were and are.
    pub right: u64,
}

impl Class {
    fn precision(&self) -> f64 {
        ratio(self.right, self.predicted)
    }

    fn recall(&self) -> f64 {
        ratio(self.right, self.rows)
    }

    /// 2 tp / (2 tp + fp + fn).
    fn f1(&self) -> f64 {
        ratio(2 * self.right, self.rows + self.predicted)
    }
}

fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

impl Classification {
    /// Of rows of a model with these labels; `None` where there is no row.
    pub fn new(labels: &[String], outcomes: &[Outcome]) -> Option<Classification> {
        if outcomes.is_empty() {
            return None;
        }
        let class = |(ix, label): (usize, &String)| Class {
            label: label.clone(),
            rows: count(outcomes, |outcome| outcome.truth == ix),
            predicted: count(outcomes, |outcome| outcome.prediction == ix),
            right: count(outcomes, |outcome| outcome.truth == ix && outcome.prediction == ix),
        };
        let classes = labels.iter().enumerate().map(class).collect::<Vec<_>>();
        let came = classes.iter().filter(|class| class.rows + class.predicted > 0).collect::<Vec<_>>();
        let mean = |of: fn(&Class) -> f64| match &*classes {
            [_, second] => of(second),
            _ => came.iter().map(|class| of(class)).sum::<f64>() / came.len().max(1) as f64,
        };
        let rows = outcomes.len() as u64;
        let probable =
            outcomes.iter().filter(|outcome| outcome.probabilities.len() == labels.len()).collect::<Vec<_>>();
        let known = !probable.is_empty();
        Some(Classification {
            rows,
            accuracy: ratio(classes.iter().map(|class| class.right).sum(), rows),
            precision: mean(Class::precision),
            recall: mean(Class::recall),
            f1: mean(Class::f1),
            roc_auc: area(labels.len(), &probable),
            log_loss: known.then(|| log_loss(&probable)),
            brier: known.then(|| brier(&probable)),
            calibration: known.then(|| calibration(labels.len(), &probable)),
            classes,
        })
    }
}

fn count(outcomes: &[Outcome], is: impl Fn(&Outcome) -> bool) -> u64 {
    outcomes.iter().filter(|outcome| is(outcome)).count() as u64
}

/// Of each class that both came and did not; their mean.
fn area(classes: usize, outcomes: &[&Outcome]) -> Option<f64> {
    let of =
        |class: usize| roc_auc(outcomes.iter().map(|row| (row.probabilities[class], row.truth == class)));
    if classes == 2 {
        return of(1);
    }
    let areas = (0..classes).filter_map(of).collect::<Vec<_>>();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

/// A probability of 0 counts as the least step of a double: one such row would make all others invisible.
fn log_loss(outcomes: &[&Outcome]) -> f64 {
    let loss = |row: &&Outcome| -row.probabilities[row.truth].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    outcomes.iter().map(loss).sum::<f64>() / outcomes.len() as f64
}

fn brier(outcomes: &[&Outcome]) -> f64 {
    let distance = |row: &&Outcome| {
        let squares = row.probabilities.iter().enumerate().map(|(class, probability)| {
            let truth = f64::from(u8::from(row.truth == class));
            (probability - truth).powi(2)
        });
        squares.sum::<f64>() / if row.probabilities.len() == 2 { 2.0 } else { 1.0 }
    };
    outcomes.iter().map(distance).sum::<f64>() / outcomes.len() as f64
}

fn calibration(classes: usize, outcomes: &[&Outcome]) -> Calibration {
    Calibration::new(outcomes.iter().map(|row| match classes {
        2 => (row.probabilities[1], row.truth == 1),
        _ => {
            (row.probabilities.get(row.prediction).copied().unwrap_or(f64::NAN), row.truth == row.prediction)
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|ix| ix.to_string()).collect()
    }

    fn outcome(truth: usize, prediction: usize, probabilities: &[f64]) -> Outcome {
        Outcome { truth, prediction, probabilities: probabilities.to_vec() }
    }

    #[test]
    fn of_two_classes_the_second_is_the_positive_one() {
        let outcomes = [
            outcome(1, 1, &[0.2, 0.8]),
            outcome(1, 0, &[0.6, 0.4]),
            outcome(0, 1, &[0.3, 0.7]),
            outcome(0, 0, &[0.9, 0.1]),
            outcome(0, 0, &[1.0, 0.0]),
        ];
        let found = Classification::new(&labels(2), &outcomes).unwrap();
        assert_eq!((found.rows, found.accuracy), (5, 0.6));
        assert_eq!((found.precision, found.recall, found.f1), (0.5, 0.5, 0.5));
        assert_eq!(found.roc_auc, Some(5.0 / 6.0));
        let brier = (0.04 + 0.36 + 0.49 + 0.01) / 5.0;
        assert!((found.brier.unwrap() - brier).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn without_probabilities_there_is_accuracy() {
        let found = Classification::new(&labels(3), &[outcome(2, 2, &[]), outcome(0, 1, &[])]).unwrap();
        assert_eq!((found.accuracy, found.roc_auc, found.log_loss), (0.5, None, None));
        assert_eq!(found.precision, 1.0 / 3.0);
        assert_eq!(Classification::new(&labels(3), &[]), None);
    }
}
