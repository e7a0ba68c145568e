//! Predictions with the truth: how good a model was.

use std::collections::BTreeMap;

use edgewit_statistics::quality::{Classification, Outcome, Regression};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Record;

/// A prediction whose truth is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// When it was made, in microseconds since 1970.
    pub made_at: i64,
    /// By which version.
    pub version: String,
    /// `classification` or `regression`.
    pub task: String,
    /// What was predicted.
    pub prediction: String,
    /// What is true.
    pub label: String,
    /// The probability of each class, in the order of the model's labels.
    pub probability: Vec<(String, f64)>,
    /// What it was made of.
    pub features: Map<String, Value>,
}

/// How good a model was on some predictions.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Quality {
    /// Of classes.
    Classification(Classification),
    /// Of numbers.
    Regression(Regression),
}

/// How good a model was over some time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// From when, in microseconds since 1970.
    pub from: i64,
    /// To when.
    pub to: i64,
    /// How good.
    #[serde(flatten)]
    pub quality: Quality,
}

impl Labelled {
    /// Of a record with its label; `None` where the prediction was not recorded.
    pub fn new(record: Record, label: String) -> Option<Labelled> {
        let object = |text: Option<String>| {
            text.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok()).unwrap_or_default()
        };
        let probability = object(record.probability).into_iter();
        Some(Labelled {
            made_at: record.made_at,
            version: record.version,
            task: record.task,
            prediction: record.prediction?,
            label,
            probability: probability
                .map(|(name, value)| (name, value.as_f64().unwrap_or(f64::NAN)))
                .collect(),
            features: object(record.features),
        })
    }

    /// The value of a feature as text, to tell segments by.
    pub fn segment(&self, feature: &str) -> String {
        match self.features.get(feature) {
            None | Some(Value::Null) => "missing".into(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

impl Quality {
    /// Of predictions of one model version; `None` where none can be judged.
    pub fn of(rows: &[&Labelled]) -> Option<Quality> {
        if rows.first()?.task == "regression" {
            let pairs =
                rows.iter().filter_map(|row| Some((row.prediction.parse().ok()?, row.label.parse().ok()?)));
            return Regression::new(&pairs.collect::<Vec<(f64, f64)>>()).map(Quality::Regression);
        }
        let labels = labels(rows);
        let place = |label: &str| labels.iter().position(|known| known == label);
        // A class may be told by its number.
        let truth =
            |label: &str| place(label).or_else(|| label.parse().ok().filter(|class| *class < labels.len()));
        let outcomes = rows.iter().filter_map(|row| {
            let probabilities = row.probability.iter().map(|(_, probability)| *probability).collect();
            Some(Outcome { truth: truth(&row.label)?, prediction: place(&row.prediction)?, probabilities })
        });
        Classification::new(&labels, &outcomes.collect::<Vec<_>>()).map(Quality::Classification)
    }

    /// In spans of about as many rows each, the earliest first. `rows` are in the order of their time.
    pub fn over_time(rows: &[&Labelled], spans: usize) -> Vec<Span> {
        let size = rows.len().div_ceil(spans.max(1)).max(1);
        let span = |rows: &[&Labelled]| {
            let (from, to) = (rows.first()?.made_at, rows.last()?.made_at);
            Some(Span { from, to, quality: Quality::of(rows)? })
        };
        rows.chunks(size).filter_map(span).collect()
    }

    /// By the values of a feature, those with the most rows first and at most `most`.
    pub fn by_segment(rows: &[&Labelled], feature: &str, most: usize) -> Vec<(String, Quality)> {
        let mut segments = BTreeMap::<String, Vec<&Labelled>>::new();
        for row in rows {
            segments.entry(row.segment(feature)).or_default().push(row);
        }
        let mut segments = segments.into_iter().collect::<Vec<_>>();
        segments.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        segments.truncate(most);
        segments.into_iter().filter_map(|(name, rows)| Some((name, Quality::of(&rows)?))).collect()
    }

    /// Rows that were judged.
    pub fn rows(&self) -> u64 {
        match self {
            Quality::Classification(found) => found.rows,
            Quality::Regression(found) => found.rows,
        }
    }

    /// The measures by the names of their metrics.
    pub fn measures(&self) -> Vec<(&'static str, f64)> {
        match self {
            Quality::Classification(found) => {
                let always = [
                    ("accuracy", found.accuracy),
                    ("precision", found.precision),
                    ("recall", found.recall),
                    ("f1", found.f1),
                ];
                let calibration = found.calibration.as_ref().map(|calibration| calibration.error);
                let known = [
                    ("roc_auc", found.roc_auc),
                    ("log_loss", found.log_loss),
                    ("calibration_error", calibration),
                ];
                let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
                always.into_iter().chain(known).collect()
            }
            Quality::Regression(found) => vec![("mae", found.mae), ("rmse", found.rmse)],
        }
    }
}

/// The classes: the model's own where it gave probabilities, and others that were predicted or are true.
fn labels(rows: &[&Labelled]) -> Vec<String> {
    let widest = rows.iter().max_by_key(|row| row.probability.len());
    let mut labels =
        widest.iter().flat_map(|row| &row.probability).map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if labels.is_empty() {
        let texts = rows.iter().flat_map(|row| [&row.prediction, &row.label]);
        labels.extend(texts.cloned());
        labels.sort();
        labels.dedup();
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(task: &str, prediction: &str, label: &str, probability: &[(&str, f64)]) -> Labelled {
        let probability = probability.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let (task, prediction, label) = (task.to_owned(), prediction.to_owned(), label.to_owned());
        Labelled {
            made_at: 0,
            version: "1".into(),
            task,
            prediction,
            label,
            probability,
            features: Map::new(),
        }
    }

    #[test]
    fn a_class_is_told_by_its_name_or_its_number() {
        let probability = [("No", 0.3), ("Yes", 0.7)];
        let rows =
            ["Yes", "1", "No", "0", "unheard"].map(|label| row("classification", "Yes", label, &probability));
        let Some(Quality::Classification(found)) = Quality::of(&rows.iter().collect::<Vec<_>>()) else {
            panic!()
        };
        assert_eq!((found.rows, found.accuracy, found.recall), (4, 0.5, 1.0));
    }

    #[test]
    fn numbers_are_told_as_numbers() {
        let rows = [row("regression", "1.5", "2", &[]), row("regression", "2", "many", &[])];
        let Some(Quality::Regression(found)) = Quality::of(&rows.iter().collect::<Vec<_>>()) else {
            panic!()
        };
        assert_eq!((found.rows, found.mae), (1, 0.5));
    }
}
