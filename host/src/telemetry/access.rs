//! Who was let in and who was not.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limited {
    by: &'static str,
}

/// What is counted of requests before they reach a model. The name of a caller is no label: there may be any number.
#[derive(Clone, Default)]
pub struct AccessMetrics {
    attempts: Family<Attempt, Counter>,
    limited: Family<Limited, Counter>,
}

impl AccessMetrics {
    pub(super) fn register(&self, to: &mut Registry) {
        let help = "Requests where a key or token is asked for, by outcome";
        to.register("auth_attempts", help, self.attempts.clone());
        to.register("rate_limited", "Requests over a rate limit, by limit", self.limited.clone());
    }

    /// A caller was to be known; `outcome` is one of a fixed set.
    pub fn attempt(&self, outcome: &'static str) {
        self.attempts.get_or_create(&Attempt { outcome }).inc();
    }

    /// A request was refused by a rate limit; `by` is one of a fixed set.
    pub fn limited(&self, by: &'static str) {
        self.limited.get_or_create(&Limited { by }).inc();
    }
}
