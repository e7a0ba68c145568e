//! Predictions that somebody else looks at: how they ended, and, where a candidate is to make them again, what went in and
//! came out. The request path hands them over and never waits.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use edgewit_core::Tensor;

/// One prediction, as it was made.
#[derive(Debug)]
pub struct Sample {
    /// The version that made it.
    pub version: String,
    /// How long it took in its sandbox; none where it was part of a batch.
    pub took: Option<Duration>,
    /// Whether it failed by the model's fault.
    pub failed: bool,
    /// What went in and came out, where that is wanted.
    pub made: Option<Made>,
}

/// What went into a prediction and came out of it.
#[derive(Debug)]
pub struct Made {
    /// The model's inputs.
    pub inputs: Vec<Tensor>,
    /// The outputs that were asked for; none is all.
    pub requested: Option<Vec<String>>,
    /// They.
    pub outputs: Vec<Tensor>,
}

/// Where samples go.
#[derive(Clone)]
pub struct Watch {
    /// Takes no more than it has room for: what comes then is lost to whoever watches, and to nobody else.
    pub to: SyncSender<Sample>,
    /// Whether inputs and outputs are wanted.
    pub copies: bool,
}
