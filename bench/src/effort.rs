//! How much to measure: as much as medians need, or just enough to see that everything works.

use std::time::Duration;

/// The lengths of the parts.
#[derive(Debug, Clone)]
pub(crate) struct Effort {
    /// How often the sides take turns.
    pub(crate) rounds: usize,
    /// How long one side's turn takes, at least one prediction.
    pub(crate) turn: Duration,
    /// How long a side predicts before it counts. V8 and wasm compilers behind it work in the background.
    pub(crate) warming: Duration,
    /// How often the servers take turns.
    pub(crate) http_rounds: usize,
    /// How long one server's turn takes.
    pub(crate) http_turn: Duration,
    /// Requests before the memory is read.
    pub(crate) requests: usize,
    /// How often a process is started, or a model packed.
    pub(crate) starts: usize,
}

impl Effort {
    pub(crate) fn whole() -> Effort {
        Effort {
            rounds: 15,
            turn: Duration::from_millis(80),
            warming: Duration::from_millis(1500),
            http_rounds: 5,
            http_turn: Duration::from_secs(4),
            requests: 10_000,
            starts: 7,
        }
    }

    pub(crate) fn quick() -> Effort {
        Effort {
            rounds: 5,
            turn: Duration::from_millis(30),
            warming: Duration::from_millis(400),
            http_rounds: 3,
            http_turn: Duration::from_secs(2),
            requests: 2_000,
            starts: 3,
        }
    }
}
