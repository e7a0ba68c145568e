//! Records and labels as a Parquet file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::store::Selection;
use super::{Record, Store};

/// Rows of a group; they are in memory at once.
const GROUP: usize = 50_000;

const SCHEMA: &str = "message records {
    required binary request_id (STRING);
    required int64 row_index;
    required int64 made_at (TIMESTAMP(MICROS, true));
    required binary model (STRING);
    required binary version (STRING);
    required binary task (STRING);
    optional binary business_key (STRING);
    optional binary features (JSON);
    optional binary passthrough (JSON);
    optional binary prediction (STRING);
    optional binary probability (JSON);
    optional int64 latency_us;
    optional binary label (STRING);
}";

type Row = (Record, Option<String>);

/// Writes the selected records to a file, the latest first, and gives their number.
///
/// # Errors
/// When the store is not there, or the file cannot be written.
pub async fn export(store: &Store, select: &Selection<'_>, path: &Path) -> Result<usize> {
    let mut export = Export::create(path)?;
    store.each(select, |record, label| export.push(record, label)).await?;
    export.finish()
}

/// A file that is being written.
pub struct Export {
    writer: SerializedFileWriter<File>,
    rows: Vec<Row>,
    written: usize,
}

impl Export {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Export> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer =
            SerializedFileWriter::new(file, Arc::new(parse_message_type(SCHEMA)?), Arc::new(properties))?;
        Ok(Export { writer, rows: vec![], written: 0 })
    }

    /// Takes a record with its label.
    ///
    /// # Errors
    /// When a group of rows cannot be written.
    pub fn push(&mut self, record: Record, label: Option<String>) -> Result<()> {
        self.rows.push((record, label));
        if self.rows.len() == GROUP { self.write() } else { Ok(()) }
    }

    /// Ends the file and gives the number of its rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<usize> {
        self.write()?;
        self.writer.close()?;
        Ok(self.written)
    }

    fn write(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        texts(&mut group, &rows, |(record, _)| Some(&record.request_id))?;
        numbers(&mut group, &rows, |(record, _)| Some(record.row))?;
        numbers(&mut group, &rows, |(record, _)| Some(record.made_at))?;
        texts(&mut group, &rows, |(record, _)| Some(&record.model))?;
        texts(&mut group, &rows, |(record, _)| Some(&record.version))?;
        texts(&mut group, &rows, |(record, _)| Some(&record.task))?;
        texts(&mut group, &rows, |(record, _)| record.business_key.as_deref())?;
        texts(&mut group, &rows, |(record, _)| record.features.as_deref())?;
        texts(&mut group, &rows, |(record, _)| record.passthrough.as_deref())?;
        texts(&mut group, &rows, |(record, _)| record.prediction.as_deref())?;
        texts(&mut group, &rows, |(record, _)| record.probability.as_deref())?;
        numbers(&mut group, &rows, |(record, _)| record.latency_us)?;
        texts(&mut group, &rows, |(_, label)| label.as_deref())?;
        group.close()?;
        self.written += rows.len();
        Ok(())
    }
}

fn texts(
    group: &mut SerializedRowGroupWriter<'_, File>,
    rows: &[Row],
    value: impl Fn(&Row) -> Option<&str>,
) -> Result<()> {
    column::<ByteArrayType>(group, rows.iter().map(|row| value(row).map(ByteArray::from)))
}

fn numbers(
    group: &mut SerializedRowGroupWriter<'_, File>,
    rows: &[Row],
    value: impl Fn(&Row) -> Option<i64>,
) -> Result<()> {
    column::<Int64Type>(group, rows.iter().map(&value))
}

/// The next column. The levels that say where there is a value are for optional columns; others leave them be.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: impl Iterator<Item = Option<T::T>> + Clone,
) -> Result<()> {
    let mut column = group.next_column()?.context("the schema has fewer columns")?;
    let levels = values.clone().map(|value| i16::from(value.is_some())).collect::<Vec<_>>();
    let values = values.flatten().collect::<Vec<_>>();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(column.close()?)
}
