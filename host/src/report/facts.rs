//! What a report is about, gathered from the store.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use edgewit_statistics::drift::{Baseline, Drift, Kind, Limits, Value, Windows};
use serde_json::{Map, Value as Json};

use crate::monitor::{Performance, VersionPerformance};
use crate::records::{Record, Selection, Store};

/// Records of a version that are read at most: the latest.
const MOST: i64 = 20_000;
/// Rows that are compared with the baseline.
const WINDOW: usize = 2000;

/// What is known of a model.
pub struct Facts {
    /// The model.
    pub model: String,
    /// From when on a difference is a drift.
    pub limits: Limits,
    /// Its versions, the latest first.
    pub versions: Vec<VersionFacts>,
}

/// What is known of a version.
pub struct VersionFacts {
    /// When its first and last prediction were made, in microseconds since 1970.
    pub span: (i64, i64),
    /// How good it was.
    pub performance: VersionPerformance,
    /// Where its baseline comes from, if it has one, and how far features and predictions are from that.
    pub drift: Option<(Arc<Baseline>, Vec<Drift>, Vec<Drift>)>,
    /// Milliseconds from a request's head to its answer, sorted.
    pub latency: Vec<f64>,
}

impl Facts {
    /// Reads the store, for predictions made since then. `baselines` are by version.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn gather(
        store: &Store,
        performance: &Performance,
        model: &str,
        since: i64,
        limits: Limits,
        baselines: &HashMap<String, Arc<Baseline>>,
    ) -> Result<Facts> {
        let judged = performance.versions(model, None).await?;
        let mut versions = vec![];
        for version in store.versions(model, since).await?.into_iter().rev() {
            let name = Some(version.version.as_str());
            let select = Selection {
                model: Some(model),
                version: name,
                since,
                until: i64::MAX,
                labelled: false,
                most: MOST,
            };
            let mut records = vec![];
            let take = |record, _| {
                records.push(record);
                Ok::<_, anyhow::Error>(())
            };
            store.each(&select, take).await?;
            let Some(performance) = judged.iter().find(|judged| judged.version == version.version) else {
                continue;
            };
            let baseline = baselines.get(&version.version);
            let latency = records.iter().filter_map(|record| record.latency_us);
            let mut latency = latency.map(|micros| micros as f64 / 1e3).collect::<Vec<_>>();
            latency.sort_by(f64::total_cmp);
            versions.push(VersionFacts {
                span: (version.first, version.last),
                performance: performance.clone(),
                drift: baseline.map(|baseline| compare(baseline, &records, &limits)),
                latency,
            });
        }
        Ok(Facts { model: model.to_owned(), limits, versions })
    }
}

/// The last rows against the baseline. `records` are the latest first.
fn compare(
    baseline: &Arc<Baseline>,
    records: &[Record],
    limits: &Limits,
) -> (Arc<Baseline>, Vec<Drift>, Vec<Drift>) {
    let mut windows = Windows::new(baseline.clone(), WINDOW);
    for record in records.iter().take(WINDOW).rev() {
        let object = |text: &Option<String>| {
            let parsed = text.as_ref().and_then(|text| serde_json::from_str::<Map<String, Json>>(text).ok());
            parsed.unwrap_or_default()
        };
        let (features, probability) = (object(&record.features), object(&record.probability));
        windows.push(
            |ix| value(baseline.features[ix].kind(), features.get(&baseline.features[ix].name)).into_owned(),
            |ix| match baseline.predictions[ix].kind() {
                Kind::Category => {
                    record.prediction.clone().map_or(Value::Missing, |text| Value::Category(text.into()))
                }
                Kind::Number => score(record, &probability).map_or(Value::Missing, Value::Number),
            },
        );
    }
    let (features, predictions) = windows.compare(limits);
    (baseline.clone(), features, predictions)
}

/// As a row that is answered is read.
fn value(kind: Kind, json: Option<&Json>) -> Value<'_> {
    match (kind, json) {
        (Kind::Number, Some(Json::Number(number))) => number.as_f64().map_or(Value::Missing, Value::Number),
        (Kind::Category, Some(Json::String(text))) if !text.is_empty() => {
            Value::Category(text.as_str().into())
        }
        (Kind::Category, Some(Json::Bool(value))) => Value::Category(value.to_string().into()),
        (Kind::Category, Some(Json::Number(number))) => {
            number.as_f64().map_or(Value::Missing, |number| Value::Category(number.to_string().into()))
        }
        _ => Value::Missing,
    }
}

/// Of two classes the second's probability, of more the largest; of a regression the value.
fn score(record: &Record, probability: &Map<String, Json>) -> Option<f64> {
    let numbers = probability.values().filter_map(Json::as_f64).collect::<Vec<_>>();
    match &*numbers {
        [] => record.prediction.as_ref()?.parse().ok().filter(|_| record.task == "regression"),
        [_, second] => Some(*second),
        more => more.iter().copied().max_by(f64::total_cmp),
    }
}
