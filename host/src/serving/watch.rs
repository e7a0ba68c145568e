//! Predictions that somebody else looks at: how they ended, and, where a candidate is to make them again, what went in and
//! came out. The request path hands them over and never waits.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use edgewit_core::Tensor;

/// One prediction, as it was made.
#[derive(Debug)]
pub struct Sample {
    /// The version that made it.
    pub version: String,
    /// How long it took in its sandbox; of a batch, how long that took.
    pub took: Option<Duration>,
    /// Whether it was part of a batch.
    pub shared: bool,
    /// Whether it failed by the model's fault.
    pub failed: bool,
    /// What went in and came out, where that is wanted.
    pub made: Option<Made>,
}

/// What went into a prediction and came out of it.
#[derive(Debug)]
pub struct Made {
    /// The model's inputs.
    pub inputs: Arc<Vec<Tensor>>,
    /// The outputs that were asked for; none is all.
    pub requested: Option<Vec<String>>,
    /// They.
    pub outputs: Vec<Tensor>,
}

impl Made {
    /// The rows of the request.
    pub fn rows(&self) -> usize {
        self.inputs.first().and_then(Tensor::rows).unwrap_or(1) as usize
    }
}

/// Where samples go.
#[derive(Clone)]
pub struct Watch {
    /// Takes no more than it has room for: what comes then is lost to whoever watches, and to nobody else.
    pub to: SyncSender<Sample>,
    /// Whether inputs and outputs are wanted.
    pub copies: bool,
}
