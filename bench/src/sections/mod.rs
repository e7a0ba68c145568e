//! The parts of the report, each of which can be run alone.

pub(crate) mod browser;
pub(crate) mod guards;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod many_models;
pub(crate) mod memory;
pub(crate) mod packing;
pub(crate) mod predictions;
pub(crate) mod records;
pub(crate) mod servers;
pub(crate) mod size;
pub(crate) mod start;
