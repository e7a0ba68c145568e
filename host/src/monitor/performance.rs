//! How often a model was right, of the predictions whose truth is known.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::records::{Labelled, Quality, Selection, Span, Store, StoreError};
use crate::telemetry::{ModelLabels, Telemetry};

/// Labelled predictions that are judged at most: the latest.
const MOST: i64 = 50_000;
/// Spans that they are put into.
const SPANS: usize = 12;
/// Segments that are told.
const SEGMENTS: usize = 20;

/// Judges models by what is in the store.
#[derive(Clone)]
pub struct Performance {
    store: Store,
    /// How far back.
    reach: Duration,
    telemetry: Arc<Telemetry>,
}

/// How good a version was.
#[derive(Debug, Clone, Serialize)]
pub struct VersionPerformance {
    /// The version.
    pub version: String,
    /// Predictions that are recorded.
    pub predictions: i64,
    /// Those whose truth is known.
    pub labelled: usize,
    /// Of these.
    #[serde(flatten)]
    pub quality: Option<Quality>,
    /// The same in spans of as many rows each, the earliest first.
    pub over_time: Vec<Span>,
    /// By the values of the feature that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
}

/// How good a version was for one value of a feature.
#[derive(Debug, Clone, Serialize)]
pub struct Segment {
    /// The value.
    pub value: String,
    /// How good.
    #[serde(flatten)]
    pub quality: Quality,
}

impl Performance {
    /// Of the predictions made so long ago or later.
    pub fn new(store: Store, reach: Duration, telemetry: Arc<Telemetry>) -> Performance {
        Performance { store, reach, telemetry }
    }

    /// Of each version of a model, by the values of a feature where one is named. The metrics become the same.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn versions(
        &self,
        model: &str,
        segment: Option<&str>,
    ) -> Result<Vec<VersionPerformance>, StoreError> {
        let since =
            SystemTime::now().checked_sub(self.reach).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
        let since = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        let spans = self.store.versions(model, since).await?;
        let until = i64::MAX;
        let select =
            Selection { model: Some(model), version: None, since, until, labelled: true, most: MOST };
        let mut rows = vec![];
        let take = |record, label: Option<String>| {
            rows.extend(label.and_then(|label| Labelled::new(record, label)));
            Ok::<_, StoreError>(())
        };
        self.store.each(&select, take).await?;
        rows.reverse();
        let segment = segment.map(str::to_owned);
        // Sorting and counting so many rows is no work for a thread that reads and writes sockets.
        let judged = tokio::task::spawn_blocking(move || {
            let judge = |span: crate::records::Versions| {
                judge(&rows, span.version, span.predictions, segment.as_deref())
            };
            spans.into_iter().map(judge).collect::<Vec<_>>()
        });
        let judged = judged.await.unwrap_or_default();
        for version in &judged {
            let labels = ModelLabels { model: model.to_owned(), version: version.version.clone() };
            self.telemetry.watch.labelled(&labels, version.labelled as u64);
            for (name, value) in version.quality.iter().flat_map(Quality::measures) {
                self.telemetry.watch.quality(&labels, name, value);
            }
        }
        Ok(judged)
    }
}

fn judge(rows: &[Labelled], version: String, predictions: i64, segment: Option<&str>) -> VersionPerformance {
    let rows = rows.iter().filter(|row| row.version == version).collect::<Vec<_>>();
    let segments = segment.map(|feature| Quality::by_segment(&rows, feature, SEGMENTS)).unwrap_or_default();
    VersionPerformance {
        version,
        predictions,
        labelled: rows.len(),
        quality: Quality::of(&rows),
        over_time: Quality::over_time(&rows, SPANS),
        segments: segments.into_iter().map(|(value, quality)| Segment { value, quality }).collect(),
    }
}
