//! Answers as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Answer, Prediction, Response};
use crate::{Tensor, rows::Rows};

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.rows.batched {
            map.serialize_entry("predictions", &Predictions(self))?;
            map.serialize_entry("count", &self.rows.len())?;
        } else {
            row(&mut map, self.rows, 0, &self.read(0))?;
        }
        map.serialize_entry("model", &self.schema.model)?;
        map.serialize_entry("model_version", &self.schema.version)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.end()
    }
}

struct Predictions<'r>(&'r Response<'r>);

impl Serialize for Predictions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.rows;
        serializer.collect_seq(self.0.answers().enumerate().map(|(index, answer)| Row {
            rows,
            index,
            answer,
        }))
    }
}

struct Row<'a> {
    rows: &'a Rows,
    index: usize,
    answer: Answer<'a>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        row(&mut map, self.rows, self.index, &self.answer)?;
        map.end()
    }
}

fn row<M: SerializeMap>(map: &mut M, rows: &Rows, index: usize, answer: &Answer<'_>) -> Result<(), M::Error> {
    for (name, value) in rows.passthrough.get(index).into_iter().flatten() {
        map.serialize_entry(name, value)?;
    }
    answer.entries(map)
}

impl Answer<'_> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("prediction", &self.prediction)?;
        if let Some(label) = &self.label {
            map.serialize_entry("label", label)?;
        }
        if let Some(probability) = &self.probability {
            map.serialize_entry("probability", probability)?;
        }
        if let Some(confidence) = &self.confidence {
            map.serialize_entry("confidence", confidence)?;
        }
        Ok(())
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl Serialize for Prediction<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Unknown => serializer.serialize_unit(),
            Self::Class(class) => serializer.serialize_u64(class as u64),
            Self::Value(element) => element.serialize(serializer),
            Self::Values(elements) => elements.serialize(serializer),
            Self::Outputs { outputs, row, rows } => {
                let entries = outputs.iter().map(|output| (&output.name, OutputRow { output, row, rows }));
                serializer.collect_map(entries)
            }
        }
    }
}

/// One row of an output, nested as the output is.
struct OutputRow<'a> {
    output: &'a Tensor,
    row: usize,
    rows: usize,
}

impl Serialize for OutputRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { output, row, rows } = *self;
        match output.shape.split_first() {
            Some((first, shape)) if *first == rows as u64 => {
                output.nested(shape, row * (output.len() / rows)).serialize(serializer)
            }
            _ => output.nested(&output.shape, 0).serialize(serializer),
        }
    }
}
