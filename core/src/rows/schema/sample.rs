//! Values where there is no request: sample rows and text from a CSV file.

use serde_json::{Map, Value};

use super::{Feature, RowSchema};
use crate::{Datatype, manifest::Category};

impl RowSchema {
    /// A row to show and to try: each feature's default, else its first category, else its
    /// minimum, else zero or no text.
    pub fn sample_row(&self) -> Map<String, Value> {
        self.features.iter().map(|feature| (feature.spec.name.clone(), feature.sample())).collect()
    }

    /// The value of a cell of a CSV file in the column of a field: as the feature reads it, or as
    /// it is for a field that is only passed through. `None` for a field that rows do not have.
    pub fn value_from_text(&self, field: &str, text: &str) -> Option<Value> {
        let feature = self.fields.get(field)?.feature.map(|feature| &self.features[feature]);
        Some(feature.map_or_else(|| Value::from(text), |feature| feature.value_from_text(text)))
    }
}

impl Feature {
    /// The value of a cell of text: nothing is null, the rest is read as the datatype wants it.
    /// Text that is no such value stays text, so that parsing the row says what is wrong.
    pub fn value_from_text(&self, text: &str) -> Value {
        let other = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        match self.datatype {
            _ if text.is_empty() => Value::Null,
            Datatype::Bytes if self.row_shape().is_none() => Value::from(text),
            Datatype::Bool => match text {
                "True" | "TRUE" => Value::Bool(true),
                "False" | "FALSE" => Value::Bool(false),
                _ => other(),
            },
            _ => other(),
        }
    }

    fn sample(&self) -> Value {
        if let Some(default) = &self.spec.default {
            return default.clone();
        }
        let single = match (self.spec.categories.first(), self.datatype) {
            (Some(Category::Integer(value)), _) => Value::from(*value),
            (Some(Category::Text(value)), _) => Value::from(value.as_str()),
            (None, Datatype::Bool) => Value::Bool(false),
            (None, Datatype::Bytes) => Value::from(""),
            (None, datatype) => match self.spec.min.unwrap_or(0.0) {
                min if datatype.is_float() => Value::from(min),
                min => Value::from(min.ceil() as i64),
            },
        };
        match self.row_shape() {
            None => single,
            // An axis that varies has one element.
            Some(shape) => shape.iter().rev().fold(single, |inner, length| {
                Value::Array(vec![inner; usize::try_from(*length).unwrap_or(1)])
            }),
        }
    }
}
