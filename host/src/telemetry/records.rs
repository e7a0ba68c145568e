//! What is counted of records, and what is known of models from them.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::ModelLabels;

/// Why a record is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// They came faster than they could be taken.
    Queue,
    /// The store took none for too long.
    Store,
    /// The model's outputs could not be read as an answer.
    Unreadable,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    reason: &'static str,
}

/// What is counted of records.
#[derive(Debug, Clone, Default)]
pub struct RecordMetrics {
    stored: Counter,
    lost: Family<LossLabels, Counter>,
    labels: Counter,
    up: Gauge,
}

impl RecordMetrics {
    pub(super) fn register(&self, to: &mut Registry) {
        // There from the start, so that the first loss is seen as a change.
        for loss in [Loss::Queue, Loss::Store, Loss::Unreadable] {
            self.lost(loss, 0);
        }
        // Until a write has failed, and where nothing is recorded.
        self.up(true);
        to.register("records_stored", "Predictions written to the store of records", self.stored.clone());
        let help = "Predictions that were to be recorded or watched and were not, by reason";
        to.register("records_lost", help, self.lost.clone());
        to.register("labels_stored", "True labels written to the store of records", self.labels.clone());
        let help = "Whether the last write to the store of records went well";
        to.register("records_store_up", help, self.up.clone());
    }

    /// So many predictions were written.
    pub fn stored(&self, count: u64) {
        self.stored.inc_by(count);
    }

    /// So many predictions were lost.
    pub fn lost(&self, loss: Loss, count: u64) {
        let reason = match loss {
            Loss::Queue => "queue",
            Loss::Store => "store",
            Loss::Unreadable => "unreadable",
        };
        self.lost.get_or_create(&LossLabels { reason }).inc_by(count);
    }

    /// So many labels were written.
    pub fn labelled(&self, count: u64) {
        self.labels.inc_by(count);
    }

    /// Whether the store takes what is written.
    pub fn up(&self, up: bool) {
        self.up.set(i64::from(up));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeatureLabels {
    model: String,
    version: String,
    feature_name: String,
}

type Number = Gauge<f64, AtomicU64>;

/// Numbers of a model version that rise and fall, each by a name of its own.
#[derive(Debug, Clone, Default)]
pub struct WatchMetrics {
    drift: Family<FeatureLabels, Number>,
    drifted: Family<ModelLabels, Gauge>,
    labelled: Family<ModelLabels, Gauge>,
    quality: [Family<ModelLabels, Number>; QUALITY.len()],
}

/// The measures of quality: their metrics, and what these are.
const QUALITY: [(&str, &str); 9] = [
    ("accuracy", "Part of predictions that were right, of those whose truth is known"),
    ("precision", "Of predicted positives, the part that was right; a mean over more than two classes"),
    ("recall", "Of positives, the part that was predicted; a mean over more than two classes"),
    ("f1", "Harmonic mean of precision and recall"),
    ("roc_auc", "Area under the ROC curve"),
    ("log_loss", "Mean of -ln of the probability of what came true"),
    ("calibration_error", "Mean distance between probabilities and frequencies"),
    ("mae", "Mean absolute error"),
    ("rmse", "Root of the mean squared error"),
];

impl WatchMetrics {
    pub(super) fn register(&self, to: &mut Registry) {
        let help = "Population stability index of a feature's window against its baseline";
        to.register("data_drift_score", help, self.drift.clone());
        to.register("data_drifted_features", "Features that have drifted", self.drifted.clone());
        let help = "Predictions whose truth is known, on which the measures of quality rest";
        to.register("model_labelled_predictions", help, self.labelled.clone());
        for ((name, help), family) in QUALITY.iter().zip(&self.quality) {
            to.register(format!("model_{name}"), *help, family.clone());
        }
    }

    /// How far a feature has drifted.
    pub fn drift(&self, of: &ModelLabels, feature: &str, score: f64) {
        let ModelLabels { model, version } = of.clone();
        let labels = FeatureLabels { model, version, feature_name: feature.to_owned() };
        self.drift.get_or_create(&labels).set(score);
    }

    /// How many features have drifted.
    pub fn drifted(&self, of: &ModelLabels, features: usize) {
        self.drifted.get_or_create(of).set(features as i64);
    }

    /// How many predictions have a label.
    pub fn labelled(&self, of: &ModelLabels, predictions: u64) {
        self.labelled.get_or_create(of).set(i64::try_from(predictions).unwrap_or(i64::MAX));
    }

    /// A measure of quality by its name; others than those that are known are left out.
    pub fn quality(&self, of: &ModelLabels, name: &str, value: f64) {
        if let Some(ix) = QUALITY.iter().position(|(known, _)| *known == name) {
            self.quality[ix].get_or_create(of).set(value);
        }
    }
}
