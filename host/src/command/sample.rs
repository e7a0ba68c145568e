//! A file of rows and what a model says of them, for the commands that describe and compare data.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use edgewit_core::RowSchema;
use edgewit_core::rows::Rows;

use super::Workshop;
use crate::config::CacheArgs;
use crate::pack::source::Source;
use crate::pack::{self, PREDICTOR};
use crate::records::{self, Reading};
use crate::runtime::{Instance, Limits, Loader};
use crate::table::{self, Row};

/// Rows in one call.
const CHUNK: usize = 1000;

/// The rows, and the model, loaded.
pub(super) struct Sample {
    instance: Instance,
    /// The model's features.
    pub(super) schema: RowSchema,
    rows: Vec<Row>,
    path: String,
}

impl Sample {
    /// Reads a .csv or .parquet file; says which columns are no features.
    ///
    /// # Errors
    /// When the model cannot be loaded, or the file has no row of its features.
    pub(super) fn open(file: &Path, source: &Source, cache: &CacheArgs) -> Result<Sample> {
        let workshop = Workshop::open(cache)?;
        let loader = Loader::new(&workshop.engine, &workshop.compiled, PREDICTOR)?;
        let mut instance = pack::load(&loader, source, &Limits::packing())?.instance;
        let schema = RowSchema::new(&instance.metadata()?)?;
        let path = file.display().to_string();
        let bytes = std::fs::read(file).with_context(|| path.clone())?;
        let parquet = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        let table = match parquet {
            true => table::parquet(bytes, &schema),
            false => table::csv(&bytes, &schema).map_err(anyhow::Error::from),
        };
        let table = table.with_context(|| path.clone())?;
        ensure!(!table.rows.is_empty(), "{path}: there is no row");
        if !table.unused.is_empty() {
            eprintln!("not features of the model, left out: {}", table.unused.join(", "));
        }
        Ok(Sample { instance, schema, rows: table.rows, path })
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Hands each row to `each`, with what the model says of it.
    ///
    /// # Errors
    /// When the model cannot predict it.
    pub(super) fn each(&mut self, mut each: impl FnMut(&records::Row<'_>)) -> Result<()> {
        let Sample { instance, schema, rows, path } = self;
        for (ix, chunk) in rows.chunks(CHUNK).enumerate() {
            let mut predict = || -> Result<()> {
                let rows = Rows::from_values(schema, chunk.to_vec())?;
                let outputs = instance.predict(&rows.inputs, schema.requested_outputs())?;
                Reading::new(schema, &rows, &outputs)?.rows().for_each(|row| each(&row));
                Ok(())
            };
            predict().with_context(|| {
                format!("{path}: in the {CHUNK} rows from row {} on, counted from 0", ix * CHUNK)
            })?;
        }
        Ok(())
    }
}
