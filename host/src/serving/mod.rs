//! Which model answers, on which thread, in which sandbox. Knows neither HTTP nor wasmtime.
//!
//! A request finds its [`Deployment`] in the [`Registry`], by the [`Route`] of its model where there is one, and is [asked](ask) of it: it waits in
//! the bounded queue of the [`Workers`], and is answered there from the [`ResponseCache`], in a
//! sandbox of its own, or in a batch with others. An [`Observer`] hands answers on to whoever records and watches them.

mod answer;
mod batch;
mod batching;
mod deployment;
mod error;
mod observer;
mod pages;
mod registry;
mod repository;
mod request;
mod response_cache;
mod route;
mod watch;
mod workers;

pub use answer::answer;
pub use batching::{BatchingConfig, BatchingMode};
pub use deployment::{Deployment, DeploymentConfig, Isolation};
pub use error::Error;
pub use observer::{Observation, Observed, Observer, Observing};
pub use pages::{File, MakeSite, Pages, Site};
pub use registry::{ModelState, Registry, State};
pub use repository::{Load, Repository};
pub use request::{Answer, Question, ask};
pub use response_cache::ResponseCache;
pub use route::{Canary, Route};
pub use watch::{Made, Sample, Watch};
pub use workers::Workers;
