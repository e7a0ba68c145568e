//! A page about a model in use: what has drifted, how good it was, how long it took. One file, no network.
//!
//! Steps: [`Facts`] are gathered from the store of records and the models' baselines; the page is written of them. Charts
//! are SVG in the page.

mod charts;
mod facts;
mod page;

pub use facts::{Facts, VersionFacts};
pub use page::html;
