//! What is kept of a row, and what of it is nobody's business.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reading::{self, Reading, Row};
use crate::digest::hex;
use crate::serving::Observation;

/// A part of a record that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// What the model was given.
    Features,
    /// The fields that the answer repeats.
    Passthrough,
    /// The class or the value.
    Prediction,
    /// The probability of each class.
    Probability,
    /// From the request's head to its answer.
    Latency,
}

/// What is recorded.
#[derive(Clone)]
pub struct Recording {
    /// The part of requests that is.
    pub sample: f64,
    /// What of them.
    pub columns: HashSet<Column>,
    /// Features and fields that are left out.
    pub omit: HashSet<String>,
    /// Fields that are passed through and kept as a keyed digest.
    pub hash: HashSet<String>,
    /// The key of that: without one, who knows what values there may be could find which it was.
    pub secret: Option<hmac::Key>,
    /// The field by which feedback may name a prediction.
    pub key: Option<String>,
}

/// One row that was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The request's id.
    pub request_id: Arc<str>,
    /// Which of its rows, counted from 0.
    pub row: i64,
    /// Microseconds since 1970.
    pub made_at: i64,
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// `classification`, `regression` or `other`.
    pub task: String,
    /// By what feedback may name it.
    pub business_key: Option<String>,
    /// The features as a JSON object.
    pub features: Option<String>,
    /// The fields that were passed through, as a JSON object.
    pub passthrough: Option<String>,
    /// The class or the value.
    pub prediction: Option<String>,
    /// The probability of each class, as a JSON object.
    pub probability: Option<String>,
    /// Microseconds from the request's head to its answer.
    pub latency_us: Option<i64>,
}

/// Microseconds since 1970.
pub(super) fn micros(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Recording {
    /// Whether a request is recorded: by its id, so that hosts that see the same request agree.
    pub fn takes(&self, request_id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        request_id.hash(&mut hasher);
        // The upper 53 bits are a double from 0 to 1.
        ((hasher.finish() >> 11) as f64) < self.sample * (1_u64 << 53) as f64
    }

    /// The records of a request's rows.
    pub fn records(&self, observation: &Observation, reading: &Reading<'_>) -> Vec<Record> {
        let made_at = micros(observation.time);
        let latency = i64::try_from(observation.took.as_micros()).ok().filter(|_| self.has(Column::Latency));
        let record = |(row, read): (usize, Row<'_>)| {
            let fields = observation.passthrough.get(row);
            Record {
                request_id: observation.request_id.clone(),
                row: row as i64,
                made_at,
                model: observation.deployment.metadata.name.clone(),
                version: observation.deployment.metadata.version.clone(),
                task: read.task().to_owned(),
                business_key: fields.and_then(|fields| self.business_key(fields)),
                features: self.has(Column::Features).then(|| self.features(observation, &read)),
                passthrough: fields
                    .filter(|_| self.has(Column::Passthrough))
                    .map(|fields| self.fields(fields)),
                prediction: read
                    .prediction()
                    .filter(|_| self.has(Column::Prediction))
                    .map(|text| storable(&text)),
                probability: self.has(Column::Probability).then(|| probability(&read)).flatten(),
                latency_us: latency,
            }
        };
        reading.rows().enumerate().map(record).collect()
    }

    fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }

    fn features(&self, observation: &Observation, row: &Row<'_>) -> String {
        let schema = observation.deployment.row_schema();
        let features = schema.map(|schema| schema.features()).unwrap_or_default().iter().enumerate();
        let kept = features.filter(|(_, feature)| !self.omit.contains(feature.name()));
        let values = kept.filter_map(|(ix, feature)| Some((feature.name(), row.element(ix)?)));
        reading::object(values)
    }

    fn fields(&self, fields: &Map<String, Value>) -> String {
        let kept = fields.iter().filter(|(name, _)| !self.omit.contains(*name));
        reading::object(kept.map(|(name, value)| match self.hash.contains(name) {
            true => (name.as_str(), Value::from(self.digest(&text(value)))),
            false => (name.as_str(), value.clone()),
        }))
    }

    fn business_key(&self, fields: &Map<String, Value>) -> Option<String> {
        let value = fields.get(self.key.as_ref()?).filter(|value| !value.is_null())?;
        Some(self.stored_key(&text(value)))
    }

    /// The business key as it is stored.
    pub fn stored_key(&self, key: &str) -> String {
        match &self.key {
            Some(field) if self.hash.contains(field) => self.digest(key),
            _ => storable(key),
        }
    }

    fn digest(&self, text: &str) -> String {
        self.secret
            .as_ref()
            .map_or_else(String::new, |secret| hex(hmac::sign(secret, text.as_bytes()).as_ref()))
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn probability(row: &Row<'_>) -> Option<String> {
    let probabilities = row.probabilities();
    (!probabilities.is_empty())
        .then(|| reading::object(probabilities.iter().map(|(name, value)| (&**name, value))))
}

/// PostgreSQL has no place for a NUL in text.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(sample: f64) -> Recording {
        let secret = Some(hmac::Key::new(hmac::HMAC_SHA256, b"secret"));
        let (omit, hash) = (["phone".to_owned()].into(), ["customer".to_owned()].into());
        Recording { sample, columns: HashSet::new(), omit, hash, secret, key: Some("customer".into()) }
    }

    #[test]
    fn about_as_many_requests_are_recorded_as_wanted() {
        let count =
            |sample| (0..10_000).filter(|ix| recording(sample).takes(&format!("request-{ix}"))).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((900..1100).contains(&count(0.1)), "{}", count(0.1));
    }

    #[test]
    fn private_fields_are_left_out_or_hashed_and_a_key_is_found_all_the_same() {
        let fields = serde_json::json!({"customer": 17, "phone": "0123", "shop": "a\0"});
        let fields = fields.as_object().unwrap();
        let recording = recording(1.0);
        let stored: Value = serde_json::from_str(&recording.fields(fields)).unwrap();
        assert_eq!(stored["phone"], Value::Null);
        let digest = stored["customer"].as_str().unwrap();
        assert_eq!((digest.len(), &*recording.stored_key("17")), (64, digest));
        assert_eq!(recording.business_key(fields).as_deref(), Some(digest));
        assert!(!recording.fields(fields).contains('\0'));
    }
}
