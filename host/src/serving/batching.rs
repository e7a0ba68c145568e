//! Whether a deployment puts requests together: what the manifest and the host say, whether the
//! model can take it, and what it gains.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

use edgewit_core::rows::Rows;
use edgewit_core::{Data, Datatype, Tensor};

use super::batch::Batcher;
use super::{Deployment, Isolation};
use crate::telemetry::{Stations, Telemetry};

/// Which models predict requests together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchingMode {
    /// Those whose model.toml has [batching].
    #[default]
    Manifest,
    /// Others too, where it pays: tried when the model starts.
    Auto,
}

/// How a host puts requests together.
#[derive(Debug, Clone, Default)]
pub struct BatchingConfig {
    /// For which models.
    pub mode: BatchingMode,
    /// The most rows of a batch, where the manifest does not say.
    pub max_size: u32,
    /// How long the first request of a batch waits, where the manifest does not say.
    pub max_delay: Duration,
}

/// A batch pays where a row in it takes at most this part of the time that it takes alone. Less
/// gain is not worth that a request waits for its neighbours'.
const WORTH: f64 = 0.5;

/// Rows of the batch that is tried.
const ROWS: u32 = 8;
const ROUNDS: usize = 50;
/// The time after which no further round begins. What takes so long for one row is not tried
/// unasked: what a batch saves is microseconds for each row.
const PATIENCE: Duration = Duration::from_millis(250);

/// The batcher of a deployment that puts requests together. The log says why one does not.
pub(super) fn batcher(
    deployment: &Deployment,
    config: &BatchingConfig,
    telemetry: &Telemetry,
) -> Option<Batcher> {
    let asked = deployment.metadata.manifest.batching;
    if asked.is_none() && config.mode == BatchingMode::Manifest {
        return None;
    }
    let (model, version) = (&deployment.metadata.name, &deployment.metadata.version);
    let asks = asked.unwrap_or_default();
    let max_size = asks.max_size.unwrap_or(config.max_size);
    let max_delay = asks.max_delay_us.map_or(config.max_delay, Duration::from_micros);
    match worth(deployment, max_size.min(ROWS), asked.is_some()) {
        Ok(gain) => {
            tracing::info!(model, version, "batches of up to {max_size} rows: {gain}");
            Some(Batcher::new(max_size, max_delay, telemetry.batches(&deployment.labels)))
        }
        Err(reason) => {
            if asked.is_some() {
                tracing::warn!(model, version, "no batches: {reason}");
            } else {
                tracing::info!(model, version, "no batches: {reason}");
            }
            None
        }
    }
}

/// What a batch gains, or why there is to be none.
fn worth(deployment: &Deployment, rows: u32, asked: bool) -> Result<String, String> {
    if deployment.isolation == Isolation::Request {
        return Err("each request has a sandbox of its own; --isolation reuse lets them share".into());
    }
    if let Some(tensor) = deployment.metadata.without_batch_axis() {
        return Err(format!("{:?} has the shape {:?}, no axis of rows", tensor.name, tensor.shape));
    }
    let Some(inputs) = sample(deployment, rows) else {
        let untried = "not tried, the model cannot be asked by rows";
        return if asked { Ok(untried.into()) } else { Err(untried.into()) };
    };
    let (alone, together) = measure(deployment, &inputs, rows, asked)?;
    let gain = format!("a row takes {alone:.1?} alone and {together:.1?} in a batch of {rows}");
    if asked || together.as_secs_f64() <= alone.as_secs_f64() * WORTH { Ok(gain) } else { Err(gain) }
}

/// The time of a row alone and of one in a batch: the least of several rounds, in turns.
fn measure(
    deployment: &Deployment,
    inputs: &[Tensor],
    rows: u32,
    asked: bool,
) -> Result<(Duration, Duration), String> {
    let failed = |error: super::Error| format!("a batch of {rows} sample rows failed: {error}");
    let ones = vec![1; rows as usize];
    let split = |tensors: &[Tensor]| {
        let parts = tensors.iter().map(|tensor| tensor.split(&ones)).collect::<Option<Vec<_>>>();
        parts.ok_or("an output does not have one entry for each row")
    };
    let singles = split(inputs)?;
    let row = |ix: usize| singles.iter().map(|parts| parts[ix].clone()).collect::<Vec<_>>();
    let begin = Instant::now();
    let mut least = (Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let ix = round % rows as usize;
        let start = Instant::now();
        let single = deployment.compute(&row(ix), None, &mut Stations::default()).map_err(failed)?;
        let alone = start.elapsed();
        if !asked && alone > PATIENCE {
            return Err(format!("a row takes {alone:.1?} alone"));
        }
        let start = Instant::now();
        let batch = deployment.compute(inputs, None, &mut Stations::default()).map_err(failed)?;
        least = (least.0.min(alone), least.1.min(start.elapsed() / rows));
        let parts = split(&batch)?;
        if !single.iter().zip(&parts).all(|(alone, parts)| close(alone, &parts[ix])) {
            return Err("a row's outputs are others in a batch than alone".into());
        }
        // The first round warms the sandbox up.
        if round == 0 {
            least = (Duration::MAX, Duration::MAX);
        } else if begin.elapsed() > PATIENCE {
            break;
        }
    }
    Ok(least)
}

/// Rows to try: the sample row, with the floats of each a little different. `None` for a model
/// that cannot be asked by rows.
fn sample(deployment: &Deployment, rows: u32) -> Option<Vec<Tensor>> {
    let schema = deployment.row_schema().ok()?;
    let mut inputs = Rows::from_values(schema, vec![schema.sample_row(); rows as usize]).ok()?.inputs;
    inputs.iter_mut().for_each(|input| vary(input, rows as usize));
    Some(inputs)
}

/// Adds an eighth for each row before to the elements of type `FP32`, the usual one.
fn vary(input: &mut Tensor, rows: usize) {
    let (Datatype::Fp32, Data::Raw(bytes)) = (input.datatype, &mut input.data) else { return };
    let width = bytes.len() / rows / size_of::<f32>();
    for (ix, element) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
        let value = f32::from_le_bytes(*element) + (ix / width.max(1)) as f32 / 8.0;
        *element = value.to_le_bytes();
    }
}

/// Whether two outputs are the same but for rounding: kernels for one row and for many add up in
/// different orders.
fn close(one: &Tensor, other: &Tensor) -> bool {
    match (one.as_f64s(), other.as_f64s()) {
        (Some(one), Some(other)) => one.iter().zip(&other).all(|(one, other)| {
            one == other || (one - other).abs() <= 1e-4 * one.abs().max(1.0) || one.is_nan() && other.is_nan()
        }),
        _ => one.data == other.data,
    }
}
