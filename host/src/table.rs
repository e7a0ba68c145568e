//! Files of rows: JSON in the shapes people have, and CSV by the schema of a model.

use anyhow::{Context, Result, bail};
use edgewit_core::RowSchema;
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
/// When the file is not UTF-8, a line has too many or too few cells, or no column is a feature.
pub fn csv(bytes: &[u8], schema: &RowSchema) -> Result<Table> {
    // Spreadsheets begin their files with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().context("the header cannot be read")?.clone();
    let known = |name: &str| schema.value_from_text(name, "").is_some();
    if !header.iter().any(known) {
        bail!("no column of the header is a feature of the model");
    }
    let unused = header.iter().filter(|name| !known(name)).map(str::to_owned).collect();
    let mut rows = vec![];
    for record in reader.records() {
        let record = record?;
        let cells = header.iter().zip(&record);
        rows.push(
            cells
                .filter_map(|(name, text)| Some((name.to_owned(), schema.value_from_text(name, text)?)))
                .collect(),
        );
    }
    Ok(Table { rows, unused })
}

/// An answer as the cells of a CSV line: a list becomes one column for each element.
pub fn cells(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut cells = vec![];
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::Array(values) => {
                cells.extend(
                    values.iter().enumerate().map(|(ix, value)| (format!("{name}_{ix}"), text(value))),
                );
            }
            value => cells.push((name.clone(), text(value))),
        }
    }
    cells
}
