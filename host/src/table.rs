//! Files of rows: JSON in the shapes people have, CSV and Parquet by the schema of a model.

use anyhow::{Result, bail};
use edgewit_core::RowSchema;
pub use edgewit_core::table::cells;
use edgewit_core::table::{Reader, TableError};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

/// A row of named features.
pub type Row = Map<String, Value>;

/// A CSV file, read by a model's schema.
#[derive(Debug)]
pub struct Table {
    /// The rows, with features alone.
    pub rows: Vec<Row>,
    /// Columns that the model does not know.
    pub unused: Vec<String>,
}

/// Reads an object, a list of objects, `{"instances": [..]}`, or an object a line.
///
/// # Errors
/// When the text is none of these.
pub fn json(bytes: &[u8]) -> Result<Vec<Row>> {
    let mut rows = vec![];
    for value in serde_json::Deserializer::from_slice(bytes).into_iter() {
        collect(value?, &mut rows)?;
    }
    Ok(rows)
}

fn collect(value: Value, rows: &mut Vec<Row>) -> Result<()> {
    match value {
        Value::Object(mut object)
            if object.len() == 1 && object.get("instances").is_some_and(Value::is_array) =>
        {
            object.remove("instances").map_or(Ok(()), |instances| collect(instances, rows))
        }
        Value::Object(object) => {
            rows.push(object);
            Ok(())
        }
        Value::Array(values) => values.into_iter().try_for_each(|value| collect(value, rows)),
        other => bail!("row {}: expected an object of features, got {other}", rows.len()),
    }
}

/// Reads a CSV file with a header. A cell is a number where the feature is one, an empty cell is
/// a missing value, and columns that are neither features nor passed through are left out.
///
/// # Errors
/// When the file is not UTF-8, a row has too many or too few cells, or no column is a feature.
pub fn csv(bytes: &[u8], schema: &RowSchema) -> Result<Table, TableError> {
    let mut reader = Reader::default();
    let mut records = reader.push(bytes, schema)?;
    records.extend(reader.finish(schema)?);
    let rows = records.iter().map(|record| reader.row(record, schema)).collect();
    let known = |name: &&String| schema.value_from_text(name, "").is_some();
    let unused = reader.header().iter().filter(|name| !known(name)).cloned().collect();
    Ok(Table { rows, unused })
}

/// Reads a Parquet file of plain columns, as [`csv`] reads its cells; dates and lists are read as text.
///
/// # Errors
/// When the file is not Parquet, or no column is a feature.
pub fn parquet(bytes: Vec<u8>, schema: &RowSchema) -> Result<Table> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    let columns = reader.metadata().file_metadata().schema_descr().root_schema().get_fields();
    let names = columns.iter().map(|column| column.name().to_owned()).collect::<Vec<_>>();
    let known = |name: &str| schema.value_from_text(name, "").is_some();
    if !names.iter().any(|name| known(name)) {
        bail!("no column is a feature of the model");
    }
    let mut rows = vec![];
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let cells = row.get_column_iter();
        rows.push(
            cells.filter_map(|(name, cell)| Some((name.clone(), value(schema, name, cell)?))).collect(),
        );
    }
    Ok(Table { rows, unused: names.into_iter().filter(|name| !known(name)).collect() })
}

/// A cell as its feature reads it.
fn value(schema: &RowSchema, name: &str, cell: &Field) -> Option<Value> {
    match cell {
        Field::Null => schema.value_from_text(name, ""),
        Field::Str(text) => schema.value_from_text(name, text),
        Field::Float(number) => {
            schema.value_from_text(name, &nothing_for_nan(f64::from(*number), number.to_string()))
        }
        Field::Double(number) => schema.value_from_text(name, &nothing_for_nan(*number, number.to_string())),
        other => schema.value_from_text(name, &other.to_string()),
    }
}

fn nothing_for_nan(number: f64, text: String) -> String {
    if number.is_nan() { String::new() } else { text }
}
