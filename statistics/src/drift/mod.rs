//! Drift: a [`Baseline`] of each feature, made once; a [`Window`] of the last rows; the [`Drift`] between the two.
//!
//! A feature is a number or one of several categories. Of numbers the baseline keeps quantiles, so that whole
//! distributions are compared, and of categories how often each came.

mod baseline;
mod chi_square;
mod compare;
mod distance;
mod ks;
mod window;

pub use baseline::{Baseline, Distribution, Kind, Value, Values};
pub use chi_square::chi_square;
pub use compare::{Bin, Drift, Limits, Test};
pub use distance::{jensen_shannon, population_stability};
pub use ks::kolmogorov_smirnov;
pub use window::{Window, Windows};
