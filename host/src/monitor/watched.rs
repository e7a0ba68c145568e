//! The windows of one deployment, and what they say.

use std::sync::Arc;

use edgewit_core::RowSchema;
use edgewit_core::rows::Feature;
use edgewit_statistics::drift::{Baseline, Drift, Kind, Limits, Value, Windows};
use serde::Serialize;

use crate::records::Row;

/// The windows of a deployment.
#[derive(Clone)]
pub struct Watched {
    windows: Windows,
    /// Of the baseline's features: their positions in the model's schema.
    features: Vec<Option<usize>>,
}

/// How far a version's data are from its baseline.
#[derive(Debug, Clone, Serialize)]
pub struct DriftReport {
    /// The version.
    pub version: String,
    /// What is compared with.
    pub baseline: Origin,
    /// Rows in the windows.
    pub rows: u64,
    /// Rows that came, those among them that are not in the windows any more.
    pub seen: u64,
    /// The features that have drifted.
    pub drifted: Vec<String>,
    /// Every feature.
    pub features: Vec<Drift>,
    /// What the model said of them.
    pub predictions: Vec<Drift>,
}

/// Where a baseline comes from.
#[derive(Debug, Clone, Serialize)]
pub struct Origin {
    /// The file that it was made of.
    pub source: String,
    /// When.
    pub created: String,
    /// The rows of that file.
    pub rows: u64,
}

impl Watched {
    /// Without a row yet, for `rows` of them.
    pub fn new(baseline: &Arc<Baseline>, schema: &RowSchema, rows: usize) -> Watched {
        let place = |name: &str| schema.features().iter().map(Feature::name).position(|known| known == name);
        let features = baseline.features.iter().map(|feature| place(&feature.name)).collect();
        Watched { windows: Windows::new(baseline.clone(), rows), features }
    }

    /// Whether these are windows against this baseline: the version may have been loaded again with another.
    pub(super) fn is_of(&self, baseline: &Arc<Baseline>) -> bool {
        self.windows.baseline() == baseline
    }

    /// Takes a row in, in the place of the oldest where there is no room.
    pub fn push(&mut self, row: &Row<'_>) {
        let baseline = self.windows.baseline().clone();
        let feature = |ix: usize| self.features[ix].map_or(Value::Missing, |place| row.feature(place));
        let prediction = |ix: usize| match baseline.predictions[ix].kind() {
            Kind::Category => row.prediction().map_or(Value::Missing, Value::Category),
            Kind::Number => row.score().map_or(Value::Missing, Value::Number),
        };
        self.windows.push(feature, prediction);
    }

    /// How far the rows are from the baseline.
    pub fn report(&self, version: &str, limits: &Limits) -> DriftReport {
        let (features, predictions) = self.windows.compare(limits);
        let Baseline { source, created, rows, .. } = &**self.windows.baseline();
        let drifted = features.iter().filter(|drift| drift.drifted);
        DriftReport {
            version: version.to_owned(),
            baseline: Origin { source: source.clone(), created: created.clone(), rows: *rows },
            rows: self.windows.rows(),
            seen: self.windows.seen(),
            drifted: drifted.map(|drift| drift.name.clone()).collect(),
            features,
            predictions,
        }
    }
}
