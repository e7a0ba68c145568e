//! Rows in CSV files, read piece by piece as they come from a disk or a stream.
//!
//! A [`Reader`] cuts bytes into records and holds each against the header; [`Reader::row`] makes a row of a record as a
//! model's schema wants it. [`cells`] is the way back, from an answer to the cells of a line.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::{RowSchema, json::excerpt};

/// The most bytes of a record. A quote that is never closed would else take the whole file for one cell.
const RECORD: usize = 1 << 20;

/// What spreadsheets put before text in UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why a file cannot be read as rows. Rows are numbered as in a spreadsheet: the header is row 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// Bytes that are no text.
    #[error("row {row} is not UTF-8 text; save the file as CSV in UTF-8")]
    Encoding {
        /// The first such row.
        row: u64,
    },
    /// A record with more or fewer cells than the header.
    #[error("row {row}: expected {expected} cells, as many as the header has, came {came}")]
    Ragged {
        /// The first such row.
        row: u64,
        /// The cells of the header.
        expected: usize,
        /// The cells of the row.
        came: usize,
    },
    /// A record that does not end.
    #[error("row {row} has more than {RECORD} bytes; is a quote not closed?")]
    Endless {
        /// The row.
        row: u64,
    },
    /// Two columns of one name.
    #[error("the header has the column {name:?} twice")]
    Twice {
        /// The column.
        name: String,
    },
    /// A header without a feature.
    #[error(
        "no column of the header is a feature of the model; is it separated by commas? It begins {header:?}"
    )]
    Foreign {
        /// Its beginning.
        header: String,
    },
    /// A file without a line.
    #[error("the file is empty")]
    Empty,
}

/// A line of the file, its cells without space around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number; the header is row 1.
    pub row: u64,
    /// As many as the header has.
    pub cells: Vec<String>,
}

/// Reads records from bytes that come in pieces of any size. After an error it is of no further use.
#[derive(Debug)]
pub struct Reader {
    reader: csv_core::Reader,
    /// The first bytes, until there are enough of them: csv-core knows a byte order mark only if it comes whole.
    start: Option<Vec<u8>>,
    header: Vec<String>,
    /// The records so far, the header among them.
    rows: u64,
    /// The current record: its cells one after the other, and where each ends.
    text: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    count: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            reader: csv_core::Reader::new(),
            start: Some(vec![]),
            header: vec![],
            rows: 0,
            text: vec![0; 1024],
            filled: 0,
            ends: vec![0; 64],
            count: 0,
        }
    }
}

impl Reader {
    /// The records that `bytes` complete, less the header.
    ///
    /// # Errors
    /// At the first record that does not fit, whatever came before it in `bytes`.
    pub fn push(&mut self, bytes: &[u8], schema: &RowSchema) -> Result<Vec<Record>, TableError> {
        let Some(mut start) = self.start.take() else { return self.read_some(bytes, schema) };
        start.extend(bytes);
        if start.len() < BYTE_ORDER_MARK.len() {
            self.start = Some(start);
            return Ok(vec![]);
        }
        self.read_some(&start, schema)
    }

    /// The last record, of a file whose last line does not end.
    ///
    /// # Errors
    /// As [`Reader::push`], and for a file without a header.
    pub fn finish(&mut self, schema: &RowSchema) -> Result<Vec<Record>, TableError> {
        let start = self.start.take().unwrap_or_default();
        let mut records = self.read_some(&start, schema)?;
        records.extend(self.read(&[], schema)?);
        if self.rows == 0 { Err(TableError::Empty) } else { Ok(records) }
    }

    /// The names of the columns; none before the header has come.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// A record as a row of features; columns that rows do not have are left out.
    pub fn row(&self, record: &Record, schema: &RowSchema) -> Map<String, Value> {
        let cells = self.header.iter().zip(&record.cells);
        cells.filter_map(|(name, text)| Some((name.clone(), schema.value_from_text(name, text)?))).collect()
    }

    /// As `read`, to which no bytes are the end of the file.
    fn read_some(&mut self, bytes: &[u8], schema: &RowSchema) -> Result<Vec<Record>, TableError> {
        if bytes.is_empty() { Ok(vec![]) } else { self.read(bytes, schema) }
    }

    fn read(&mut self, mut bytes: &[u8], schema: &RowSchema) -> Result<Vec<Record>, TableError> {
        use csv_core::ReadRecordResult as Read;
        let mut records = vec![];
        loop {
            let (result, taken, filled, count) =
                self.reader.read_record(bytes, &mut self.text[self.filled..], &mut self.ends[self.count..]);
            bytes = &bytes[taken..];
            self.filled += filled;
            self.count += count;
            match result {
                Read::InputEmpty | Read::End => return Ok(records),
                Read::OutputFull if self.text.len() >= RECORD => {
                    return Err(TableError::Endless { row: self.rows + 1 });
                }
                Read::OutputFull => self.text.resize(self.text.len() * 2, 0),
                Read::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                Read::Record => {
                    let record = self.record()?;
                    if record.row == 1 {
                        self.header = record.cells;
                        self.check_header(schema)?;
                    } else if record.cells.len() == self.header.len() {
                        records.push(record);
                    } else {
                        let (expected, came) = (self.header.len(), record.cells.len());
                        return Err(TableError::Ragged { row: record.row, expected, came });
                    }
                }
            }
        }
    }

    fn record(&mut self) -> Result<Record, TableError> {
        self.rows += 1;
        let encoding = |_| TableError::Encoding { row: self.rows };
        let text = std::str::from_utf8(&self.text[..self.filled]).map_err(encoding)?;
        let mut start = 0;
        let cell = |end: &usize| text.get(std::mem::replace(&mut start, *end)..*end);
        let cells = self.ends[..self.count].iter().map(cell);
        // A cell that ends within a character is no text either.
        let cells = cells.map(|cell| cell.map(|cell| cell.trim().to_owned())).collect::<Option<_>>();
        let cells = cells.ok_or(TableError::Encoding { row: self.rows })?;
        (self.filled, self.count) = (0, 0);
        Ok(Record { row: self.rows, cells })
    }

    fn check_header(&self, schema: &RowSchema) -> Result<(), TableError> {
        let known = |name: &String| schema.value_from_text(name, "").is_some();
        if !self.header.iter().any(known) {
            return Err(TableError::Foreign { header: excerpt(&self.header.join(",")) });
        }
        let twice = |(ix, name): &(usize, &String)| known(name) && self.header[..*ix].contains(name);
        match self.header.iter().enumerate().find(twice) {
            Some((_, name)) => Err(TableError::Twice { name: excerpt(name) }),
            None => Ok(()),
        }
    }
}

/// An answer as the cells of a line, each with the name of its column: a list becomes one for each element.
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
                let each = values.iter().enumerate();
                cells.extend(each.map(|(ix, value)| (format!("{name}_{ix}"), text(value))));
            }
            value => cells.push((name.clone(), text(value))),
        }
    }
    cells
}

#[cfg(test)]
mod tests;
