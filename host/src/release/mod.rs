//! Which version of a model answers, from the first request to the last: deployed, verified, watched, promoted, taken back.
//!
//! What is wanted is a [`Release`] in the store ([`state`], [`history`]); any number of hosts follow it. A [`Follower`]
//! loads the versions, holds a candidate against its golden cases, lets it predict in the shadow of the stable version or
//! answer a part of the requests, and says by what it has seen ([`evidence`]) whether it goes on. Knows neither HTTP nor
//! wasmtime.

mod evidence;
mod follower;
mod history;
mod loader;
mod plan;
mod releases;
mod saved;
mod scores;
mod state;
mod trial;

pub use follower::{Follower, FollowerConfig};
pub use history::{ReleaseError, change, history, latest};
pub use loader::Deploy;
pub use plan::{Plan, Thresholds};
pub use releases::{Releases, Status};
pub use state::{Action, Candidate, Refused, Rejected, Release, Stage};
