//! How many requests a caller or an address may send: [GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm),
//! told to clients in the fields of draft-ietf-httpapi-ratelimit-headers-10.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// After so many checks those that have not been seen for long are forgotten.
const SWEEP: u32 = 1 << 16;

/// A rate, and how far a caller that was quiet may exceed it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

/// The rates that are bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of each caller that is known.
    pub principal: Option<Rate>,
    /// Of each address.
    pub address: Option<Rate>,
}

type Limiter<K> = DefaultKeyedRateLimiter<K, StateInformationMiddleware>;

/// Counts by key.
pub(super) struct Limit<K: std::hash::Hash + Eq + Clone> {
    limiter: Limiter<K>,
    policy: HeaderValue,
    name: &'static str,
    checks: AtomicU32,
}

/// What is told of a limit: its policy, and what is left of it.
pub(super) struct Told {
    policy: HeaderValue,
    limit: HeaderValue,
    retry_after: Option<u64>,
}

impl<K: std::hash::Hash + Eq + Clone> Limit<K> {
    /// A limit of that name.
    pub(super) fn new(name: &'static str, rate: Rate) -> Limit<K> {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let (burst, window) = (rate.burst, rate.burst.get().div_ceil(rate.per_second.get()));
        let policy = header_value(format!("\"{name}\";q={burst};w={window}"));
        Limit {
            limiter: RateLimiter::dashmap(quota).with_middleware(),
            policy,
            name,
            checks: AtomicU32::new(0),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When it is one too many.
    pub(super) fn check(&self, key: &K) -> Result<Told, Told> {
        if self.checks.fetch_add(1, Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let told = |left: u32, wait: u64, retry_after| Told {
            policy: self.policy.clone(),
            limit: header_value(format!("\"{}\";r={left};t={wait}", self.name)),
            retry_after,
        };
        match self.limiter.check_key(key) {
            Ok(state) => Ok(told(state.remaining_burst_capacity(), refilled(&state), None)),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                let wait = wait.as_secs_f64().ceil().max(1.0) as u64;
                Err(told(0, wait, Some(wait)))
            }
        }
    }
}

/// Seconds until nothing is missing.
fn refilled(state: &StateSnapshot) -> u64 {
    let quota = state.quota();
    let missing = quota.burst_size().get().saturating_sub(state.remaining_burst_capacity());
    (quota.replenish_interval() * missing).as_secs_f64().ceil() as u64
}

impl Told {
    /// Writes it down for the client.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy);
        headers.insert(LIMIT, self.limit);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

/// Whom an address counts for: of the sixth version, all of a network, for that is what one subscriber has.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// The limits of a host.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) principal: Option<Limit<Arc<str>>>,
    pub(super) address: Option<Limit<IpAddr>>,
}

impl From<RateLimits> for Limits {
    fn from(rates: RateLimits) -> Limits {
        Limits {
            principal: rates.principal.map(|rate| Limit::new("principal", rate)),
            address: rates.address.map(|rate| Limit::new("address", rate)),
        }
    }
}

fn header_value(text: String) -> HeaderValue {
    // Digits and names of ours.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32, burst: u32) -> Limit<u8> {
        let number = |n| NonZeroU32::new(n).unwrap();
        Limit::new("address", Rate { per_second: number(per_second), burst: number(burst) })
    }

    #[test]
    fn a_burst_is_let_through_and_then_told_when_to_come_again() {
        let limit = limit(1, 3);
        let left = [0, 1, 2].map(|_| limit.check(&1).map(|told| told.limit).map_err(|_| ()).unwrap());
        assert_eq!(
            left.map(|left| left.to_str().unwrap().to_owned()),
            ["\"address\";r=2;t=1", "\"address\";r=1;t=2", "\"address\";r=0;t=3"]
        );
        let Err(refused) = limit.check(&1) else { panic!("the fourth is let through") };
        let mut headers = HeaderMap::new();
        refused.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"address\";q=3;w=3");
        assert_eq!(
            (&headers["ratelimit"], &headers["retry-after"]),
            (&"\"address\";r=0;t=1".parse().unwrap(), &"1".parse().unwrap())
        );
        assert!(limit.check(&2).is_ok(), "another is not held up");
    }

    #[test]
    fn those_that_are_quiet_are_forgotten() {
        let limit =
            Limit::<u32>::new("address", Rate { per_second: NonZeroU32::MAX, burst: NonZeroU32::MIN });
        for key in 0..=SWEEP {
            let _ = limit.check(&key);
        }
        assert!(limit.limiter.len() < 100, "{}", limit.limiter.len());
    }

    #[test]
    fn a_network_of_the_sixth_version_is_one_subscriber() {
        let of = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
