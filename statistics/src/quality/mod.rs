//! Quality: what predictions were worth once the truth is known.

mod calibration;
mod classification;
mod ranking;
mod regression;

pub use calibration::{Calibration, CalibrationBin};
pub use classification::{Class, Classification, Outcome};
pub use regression::Regression;
