//! `edgewit baseline`: what a model's data looked like in training.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::Args;
use edgewit_core::RowSchema;
use edgewit_core::rows::Feature;
use edgewit_statistics::drift::{Baseline, Distribution, Kind, Value};

use super::sample::Sample;
use crate::config::CacheArgs;
use crate::pack::source::{BASELINE, Source};
use crate::records::{Row, kind};

/// Describe the data that a model was trained on, so that drift from them is noticed.
///
/// Writes drift.json beside the model: of each feature its quantiles or categories and how often it was missing, and what
/// the model says of the rows. A host that serves the model compares what it is asked with that.
#[derive(Debug, Args)]
pub(super) struct BaselineArgs {
    /// Rows with the model's features: .csv with a header, or .parquet; other columns are left out.
    #[arg(value_name = "FILE")]
    data: PathBuf,
    /// The model's folder.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// File to write [default: drift.json beside the model].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn run(args: BaselineArgs) -> Result<ExitCode> {
    let source = Source::read(&args.model)?;
    let mut sample = Sample::open(&args.data, &source, &args.cache)?;
    let mut columns = Columns::new(&sample.schema);
    sample.each(|row| columns.push(row))?;
    let (features, predictions) = columns.finish(&sample.schema);
    let baseline = Baseline {
        digest: source.digest.clone(),
        created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        source: args.data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        rows: sample.len() as u64,
        features,
        predictions,
    };
    let output = args.output.unwrap_or_else(|| source.folder.join(BASELINE));
    let text = serde_json::to_string(&baseline)? + "\n";
    std::fs::write(&output, text).with_context(|| output.display().to_string())?;
    println!("{}: {} features of {} rows", output.display(), baseline.features.len(), sample.len());
    Ok(ExitCode::SUCCESS)
}

/// The values of every column.
struct Columns {
    /// The features that are single values, by their positions in the schema.
    features: Vec<(usize, Vec<Value<'static>>)>,
    labels: Vec<Value<'static>>,
    scores: Vec<Value<'static>>,
}

impl Columns {
    fn new(schema: &RowSchema) -> Columns {
        let single =
            schema.features().iter().enumerate().filter(|(_, feature)| feature.row_shape().is_none());
        let features = single.map(|(ix, _)| (ix, vec![])).collect();
        Columns { features, labels: vec![], scores: vec![] }
    }

    fn push(&mut self, row: &Row<'_>) {
        for (feature, values) in &mut self.features {
            values.push(row.feature(*feature).into_owned());
        }
        if row.task() == "classification" {
            self.labels.push(row.prediction().map_or(Value::Missing, Value::Category).into_owned());
        }
        self.scores.push(row.score().map_or(Value::Missing, Value::Number));
    }

    fn finish(self, schema: &RowSchema) -> (Vec<Distribution>, Vec<Distribution>) {
        let features = self.features.into_iter().map(|(ix, values)| {
            let feature: &Feature = &schema.features()[ix];
            Distribution::new(feature.name(), kind(feature), values)
        });
        let scored = self.scores.iter().any(|score| *score != Value::Missing);
        let label =
            (!self.labels.is_empty()).then(|| Distribution::new("prediction", Kind::Category, self.labels));
        let score = scored.then(|| Distribution::new("score", Kind::Number, self.scores));
        (features.collect(), label.into_iter().chain(score).collect())
    }
}
