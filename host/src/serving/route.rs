//! Which version of a model answers a request that names none, and which may be named.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// 2^64 over the golden ratio: the multiples of it fill the range evenly, so that any few requests in a row are shared
/// out almost as all are.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// How a model's requests are shared out among its versions.
#[derive(Debug, Default)]
pub struct Route {
    stable: String,
    canary: Option<Canary>,
    named: BTreeSet<String>,
    turn: AtomicU64,
}

/// A version that answers a part of the requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// The version.
    pub version: String,
    /// Its part, 0 to 1.
    pub weight: f64,
    /// A header that says whether it answers: `always` or `never`.
    pub header: Option<String>,
}

impl Route {
    /// `stable` answers, but for what the canary does; they and `previous` may be named.
    pub fn new(stable: &str, canary: Option<Canary>, previous: Option<&str>) -> Route {
        let named = [Some(stable), previous, canary.as_ref().map(|canary| canary.version.as_str())];
        let named = named.into_iter().flatten().map(str::to_owned).collect();
        Route { stable: stable.into(), canary, named, turn: AtomicU64::new(0) }
    }

    /// The version that answers all that nothing else is said of.
    pub fn stable(&self) -> &str {
        &self.stable
    }

    /// Whether a client may name `version`.
    pub(super) fn may_name(&self, version: &str) -> bool {
        self.named.contains(version)
    }

    /// The version for the next request, which has these headers.
    pub(super) fn choose<'a>(&self, header: impl Fn(&str) -> Option<&'a str>) -> &str {
        let Some(canary) = &self.canary else { return &self.stable };
        match canary.header.as_deref().and_then(header) {
            Some("always") => return &canary.version,
            Some("never") => return &self.stable,
            _ => {}
        }
        let turn = self.turn.fetch_add(1, Relaxed).wrapping_mul(STEP);
        let share = (turn >> 11) as f64 / (1_u64 << 53) as f64;
        if share < canary.weight { &canary.version } else { &self.stable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(weight: f64) -> Route {
        let canary = Canary { version: "2".into(), weight, header: Some("x-canary".into()) };
        Route::new("1", Some(canary), Some("0"))
    }

    #[test]
    fn a_canary_gets_its_part_of_any_few_requests() {
        for (weight, least, most) in [(0.0, 0, 0), (0.1, 9, 11), (0.5, 49, 51), (1.0, 100, 100)] {
            let route = canary(weight);
            for _ in 0..10 {
                let taken = (0..100).filter(|_| route.choose(|_| None) == "2").count();
                assert!((least..=most).contains(&taken), "{taken} of 100 at {weight}");
            }
        }
    }

    #[test]
    fn a_header_decides_for_its_request() {
        let of = |value: &'static str| move |name: &str| (name == "x-canary").then_some(value);
        assert_eq!(canary(0.0).choose(of("always")), "2");
        assert_eq!(canary(1.0).choose(of("never")), "1");
        assert_eq!(canary(0.0).choose(of("perhaps")), "1");
        assert_eq!(Route::new("1", None, None).choose(of("always")), "1");
    }

    #[test]
    fn only_versions_that_are_in_service_may_be_named() {
        let route = canary(0.1);
        assert_eq!(["0", "1", "2", "3"].map(|version| route.may_name(version)), [true, true, true, false]);
    }
}
