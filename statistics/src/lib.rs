//! What can be measured of a model in use: whether its data have drifted from what it was trained on ([`drift`]), and how
//! often it is right ([`quality`]).
//!
//! Pure arithmetic: no I/O, no clock, no threads. Where a number comes from is not known here; every formula names its
//! source, and the integration tests hold the values against SciPy's and scikit-learn's.

pub mod drift;
pub mod quality;
