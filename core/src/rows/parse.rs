//! Bodies of rows into tensors, in one pass over the bytes.
//!
//! Each value is written to its place in the tensors as it is read; no tree of the body is built
//! and no more rows are read than the limit allows. serde's errors carry only text, so the reason
//! of a failure is left in [`Parser::failure`].

mod value;
mod visit;

use serde::de::{DeserializeSeed, Error};
use serde_json::{Map, Value};

use self::{
    value::{ValueSeed, position},
    visit::{BatchSeed, RowSeed},
};
use super::{
    RowError, RowReason, Rows,
    schema::{Place, RowSchema},
};
use crate::{
    Data, Tensor,
    json::{excerpt, explain},
    tensor::Scalar,
};

/// Reads a body that is one row: `{"tenure": 24, ...}`.
pub fn parse_row(body: &[u8], schema: &RowSchema) -> Result<Rows, RowError> {
    let mut parser = Parser::new(schema, 1, false);
    let mut json = serde_json::Deserializer::from_slice(body);
    let outcome = RowSeed(&mut parser).deserialize(&mut json).and_then(|()| json.end());
    parser.finish(body, outcome)
}

/// Reads a body that is several rows: `{"instances": [{...}, ...]}` or the list alone.
pub fn parse_batch(body: &[u8], schema: &RowSchema, max_rows: usize) -> Result<Rows, RowError> {
    let mut parser = Parser::new(schema, max_rows, true);
    let mut json = serde_json::Deserializer::from_slice(body);
    let outcome =
        BatchSeed { parser: &mut parser, bare: true }.deserialize(&mut json).and_then(|()| json.end());
    parser.finish(body, outcome)
}

pub(super) fn from_values(schema: &RowSchema, rows: Vec<Map<String, Value>>) -> Result<Rows, RowError> {
    let mut parser = Parser::new(schema, usize::MAX, true);
    let outcome = rows.into_iter().try_for_each(|row| RowSeed(&mut parser).deserialize(Value::Object(row)));
    parser.finish(&[], outcome)
}

/// Whether a single value fits a feature.
pub(super) fn check_value(schema: &RowSchema, feature: usize, value: &Value) -> Result<(), RowError> {
    let mut parser = Parser::new(schema, 1, false);
    parser.begin_row();
    let outcome = ValueSeed { parser: &mut parser, feature }.deserialize(value);
    parser.outcome(&[], outcome)
}

/// The tensors so far.
struct Parser<'s> {
    schema: &'s RowSchema,
    /// The elements of each input.
    data: Vec<Data>,
    /// For each input that one feature fills, the shape of its rows once there is one.
    shapes: Vec<Option<Vec<u64>>>,
    /// Which features the current row has.
    seen: Vec<bool>,
    passthrough: Vec<Map<String, Value>>,
    /// The rows that are complete, hence also the number of the current one.
    rows: usize,
    limit: usize,
    batched: bool,
    failure: Option<RowError>,
}

impl<'s> Parser<'s> {
    fn new(schema: &'s RowSchema, limit: usize, batched: bool) -> Self {
        Self {
            schema,
            data: schema.inputs.iter().map(|input| Data::empty(input.datatype)).collect(),
            shapes: vec![None; schema.inputs.len()],
            seen: vec![false; schema.features.len()],
            passthrough: Vec::new(),
            rows: 0,
            limit,
            batched,
            failure: None,
        }
    }

    /// Makes room for the single values of a row; they come in any order.
    fn begin_row(&mut self) {
        self.seen.fill(false);
        self.passthrough.push(Map::new());
        for (data, input) in self.data.iter_mut().zip(&self.schema.inputs) {
            let Some(width) = input.width else { continue };
            match data {
                Data::Raw(bytes) => {
                    bytes.resize(bytes.len() + width * input.datatype.size().unwrap_or(0), 0);
                }
                Data::Strings(strings) => strings.resize(strings.len() + width, String::new()),
            }
        }
    }

    fn end_row(&mut self) -> Result<(), RowError> {
        for (feature, seen) in self.schema.features.iter().zip(&self.seen) {
            if *seen {
                continue;
            }
            let written = match feature.place {
                Place::Column(column) if feature.spec.nullable => {
                    let position = position(self.schema, self.rows, feature, column);
                    self.data[feature.input].put(position, feature.datatype, true, Scalar::Null)
                }
                _ => return Err(self.error(Some(feature.name()), RowReason::Missing)),
            };
            written.map_err(|error| self.error(Some(feature.name()), RowReason::Value(error)))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// An error in the current row.
    fn error(&self, feature: Option<&str>, reason: RowReason) -> RowError {
        let row = self.batched.then_some(self.rows);
        RowError { row, feature: feature.map(excerpt), reason }
    }

    fn fail<E: Error>(&mut self, feature: Option<&str>, reason: RowReason) -> E {
        self.failure = Some(self.error(feature, reason));
        E::custom("")
    }

    fn fail_body<E: Error>(&mut self, reason: RowReason) -> E {
        self.failure = Some(RowError::body(reason));
        E::custom("")
    }

    fn outcome(&mut self, body: &[u8], outcome: Result<(), serde_json::Error>) -> Result<(), RowError> {
        outcome.map_err(|error| {
            let reason = || RowError::body(RowReason::Body(explain(body, &error)));
            self.failure.take().unwrap_or_else(reason)
        })
    }

    fn finish(mut self, body: &[u8], outcome: Result<(), serde_json::Error>) -> Result<Rows, RowError> {
        self.outcome(body, outcome)?;
        if self.rows == 0 {
            return Err(RowError::body(RowReason::Empty));
        }
        if let Some(expected) = self.schema.batch
            && expected != self.rows as u64
        {
            return Err(RowError::body(RowReason::BatchSize { expected, came: self.rows }));
        }
        let rows = self.rows as u64;
        let inputs = self
            .schema
            .inputs
            .iter()
            .zip(self.data.into_iter().zip(self.shapes))
            .map(|(input, (data, shape))| {
                let mut axes = vec![rows];
                match (shape, input.width) {
                    (Some(shape), _) => axes.extend(shape),
                    (None, Some(width)) if !input.flat => axes.push(width as u64),
                    _ => {}
                }
                Tensor { name: input.name.clone(), datatype: input.datatype, shape: axes, data }
            })
            .collect();
        Ok(Rows { inputs, passthrough: self.passthrough, batched: self.batched })
    }
}

#[cfg(test)]
mod tests;
