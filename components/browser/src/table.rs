//! CSV files in, predictions and a CSV file out, piece by piece.

use std::cell::RefCell;
use std::time::UNIX_EPOCH;

use edgewit_core::RowSchema;
use edgewit_core::rows::Rows;
use edgewit_core::table::{Reader, Record, cells};
use serde_json::{Map, Value, json};

use crate::answer;
use crate::bindings::exports::edgewit::browser::scoring::{Failure, GuestTable, Piece};

/// The most rows of one prediction: enough to make a call cheap, and few enough for the memory of a large model.
const BATCH: usize = 256;

/// A file that is being read.
#[derive(Default)]
pub(crate) struct Table(RefCell<State>);

#[derive(Default)]
struct State {
    reader: Reader,
    /// The names of the columns with answers, once the header is written.
    columns: Option<Vec<String>>,
}

impl GuestTable for Table {
    fn new() -> Table {
        Table::default()
    }

    fn push(&self, bytes: Vec<u8>, cells: bool) -> Result<Piece, String> {
        let (state, schema) = (&mut *self.0.borrow_mut(), answer::schema().map_err(text)?);
        let records = state.reader.push(&bytes, schema).map_err(|error| error.to_string())?;
        state.predict(&records, schema, cells)
    }

    fn finish(&self, cells: bool) -> Result<Piece, String> {
        let (state, schema) = (&mut *self.0.borrow_mut(), answer::schema().map_err(text)?);
        let records = state.reader.finish(schema).map_err(|error| error.to_string())?;
        state.predict(&records, schema, cells)
    }

    fn header(&self) -> Vec<String> {
        self.0.borrow().reader.header().to_vec()
    }
}

impl State {
    fn predict(&mut self, records: &[Record], schema: &RowSchema, with_cells: bool) -> Result<Piece, String> {
        let mut out = csv::Writer::from_writer(vec![]);
        if self.columns.is_none() && !self.reader.header().is_empty() {
            let columns = columns(schema)?;
            let header = self.reader.header().iter().chain(&columns).map(String::as_str).chain(["error"]);
            out.write_record(header.map(harmless)).map_err(|error| error.to_string())?;
            self.columns = Some(columns);
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        let size = schema.fixed_rows().map_or(BATCH, |rows| rows as usize);
        let mut rows = vec![];
        for batch in records.chunks(size) {
            for (record, answer) in batch.iter().zip(self.answers(batch, schema)?) {
                let found = answer.as_ref().map(cells).unwrap_or_default();
                let cell = |name| {
                    found.iter().find(|(column, _)| column == name).map_or("", |(_, text)| text.as_str())
                };
                let error = answer.as_ref().err().map_or("", String::as_str);
                let line =
                    record.cells.iter().map(String::as_str).chain(columns.iter().map(cell)).chain([error]);
                out.write_record(line.map(harmless)).map_err(|error| error.to_string())?;
                let mut row = json!({ "row": record.row });
                if with_cells {
                    row["cells"] = json!(record.cells);
                }
                match answer {
                    Ok(answer) => row["answer"] = answer,
                    Err(error) => row["error"] = error.into(),
                }
                rows.push(row);
            }
        }
        let csv = out.into_inner().map_err(|error| error.to_string())?;
        Ok(Piece {
            rows: Value::from(rows).to_string(),
            csv: String::from_utf8(csv).map_err(|e| e.to_string())?,
        })
    }

    /// The answer to each record, or what is wrong with it.
    fn answers(&self, batch: &[Record], schema: &RowSchema) -> Result<Vec<Result<Value, String>>, String> {
        let row = |record: &Record| self.reader.row(record, schema);
        if let Ok(rows) = Rows::from_values(schema, batch.iter().map(row).collect()) {
            return Ok(predict(schema, rows)?.into_iter().map(Ok).collect());
        }
        // Some row is wrong. Each is tried, and those that are right are predicted together.
        let tried = batch.iter().map(|record| match Rows::from_values(schema, vec![row(record)]) {
            Ok(_) => Ok(row(record)),
            // The row's number is beside it already.
            Err(error) => Err(edgewit_core::rows::RowError { row: None, ..error }.to_string()),
        });
        let tried = tried.collect::<Vec<_>>();
        let right = tried.iter().flatten().cloned().collect::<Vec<Map<_, _>>>();
        let mut answers = if right.is_empty() {
            vec![]
        } else {
            let rows = Rows::from_values(schema, right).map_err(|error| error.to_string())?;
            predict(schema, rows)?
        }
        .into_iter();
        Ok(tried.into_iter().map(|row| row.map(|_| answers.next().unwrap_or_default())).collect())
    }
}

/// The answers to a batch, each as a value.
fn predict(schema: &RowSchema, rows: Rows) -> Result<Vec<Value>, String> {
    // A table's answers have no time.
    let answer = answer::answer(schema, rows, UNIX_EPOCH).map_err(text)?;
    // Through text: as a value, an f32 would turn into an f64 with digits that it never had.
    let mut answer = serde_json::from_str::<Value>(&answer).map_err(|error| error.to_string())?;
    match answer["predictions"].take() {
        Value::Array(answers) => Ok(answers),
        _ => Err("a batch is answered with a list".into()),
    }
}

/// The columns of an answer, from that to a sample row: the first rows of a file may all be wrong.
fn columns(schema: &RowSchema) -> Result<Vec<String>, String> {
    let rows = Rows::from_values(schema, vec![schema.sample_row()]).map_err(|error| error.to_string())?;
    let answers = predict(schema, rows)?;
    Ok(answers.iter().flat_map(cells).map(|(name, _)| name).collect())
}

/// A cell that a spreadsheet does not take for a formula. A number may begin with a sign.
/// Source: <https://owasp.org/www-community/attacks/CSV_Injection>
fn harmless(cell: &str) -> String {
    let risky = cell.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    if risky && cell.parse::<f64>().is_err() { format!("'{cell}") } else { cell.to_owned() }
}

fn text(failure: Failure) -> String {
    match failure {
        Failure::InvalidInput(body) => {
            // An error body; its text is the message.
            let body = serde_json::from_str::<Value>(&body).unwrap_or_default();
            body["error"].as_str().unwrap_or("the rows do not fit the model").to_owned()
        }
        Failure::Unsupported(text) | Failure::Execution(text) => text,
    }
}
