//! A loaded model and the call that predicts: checks, converts, computes, converts back.
//!
//! It knows neither WIT nor how a model is loaded, and is a crate of its own because it runs for every prediction: it is
//! built for speed, what loads a model for size.
//!
//! Steps of a call: [`Session::bind`] reads the inputs ([`Given`]), [`Session::run`] computes; both in one for a message of
//! tensors, [`Session::predict`].

mod axis;
mod engine;
mod message;
mod session;
mod tensor;
#[cfg(test)]
mod tests;

pub use axis::{Axis, Lengths};
pub use engine::Engine;
pub use session::{Fault, Input, Output, Session};
pub use tensor::{Given, from_datum, numbers, other_case, strings, to_datum, zeros};
