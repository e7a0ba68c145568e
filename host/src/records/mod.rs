//! Predictions and true labels, kept in SQLite or PostgreSQL.
//!
//! A [`Record`] is made of each row that was answered, as [`Recording`] says: which columns, of which requests, what is
//! left out or hashed. A [`Writer`] puts many into the [`Store`] at once. Labels go into the store directly, and are
//! acknowledged when they are there. [`export`] writes both to a Parquet file, [`copy`] a
//! store as a whole.

mod copy;
mod export;
mod labelled;
mod reading;
mod record;
mod store;
mod writer;

pub use copy::{CopyError, copy, put_back};
pub use export::{Export, export};
pub use labelled::{Labelled, Quality, Span};
pub use reading::{Reading, Row, kind, scores};
pub use record::{Column, Record, Recording};
pub use store::{Label, Selection, Store, StoreError, Versions, is_postgres};
pub use writer::{Entry, Writer};
