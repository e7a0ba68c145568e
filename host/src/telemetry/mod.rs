//! What the host says about itself: metrics, logs and traces. A leaf: nothing here knows who counts.
//!
//! [`Telemetry`] holds every metric by name and [`ModelMetrics`] those of one model version; Triton's names and the
//! process's own are made of them and of the system at each scrape. [`Log`] is where lines go. What is learned of
//! a request is kept in its [`Trail`] and told once, when it has come to its end: as a line, and by a [`Tracer`].

mod access;
mod connections;
mod exposition;
mod log;
mod metrics;
mod model;
#[cfg(target_os = "linux")]
mod process;
mod records;
mod trace;
mod trail;
mod triton;

pub use access::AccessMetrics;
pub use connections::{ConnectionMetrics, Open};
pub use exposition::Exposition;
pub use log::{Log, LogConfig, LogFormat};
pub use metrics::{ModelLabels, Telemetry};
pub use model::{BatchMetrics, CacheMetrics, Failures, ModelMetrics, Queued, Totals};
pub use records::{Loss, RecordMetrics, WatchMetrics};
pub use trace::{RequestSpan, TraceConfig, Tracer};
pub use trail::{Notes, Stations, Stay, Trail};
