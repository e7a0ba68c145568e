//! An observation, read row by row: what each feature was, and what the model said.

use std::borrow::Cow;
use std::time::SystemTime;

use edgewit_core::rows::{self, Answer, Feature, Prediction, Response, Rows};
use edgewit_core::tensor::Element;
use edgewit_core::{Datatype, RowSchema, Tensor};
use edgewit_statistics::drift::{Kind, Value};
use serde_json::Map;

/// The rows of a request and what they were answered.
pub struct Reading<'a> {
    schema: &'a RowSchema,
    rows: &'a Rows,
    response: Response<'a>,
}

/// One of them.
pub struct Row<'a> {
    schema: &'a RowSchema,
    inputs: &'a [Tensor],
    index: usize,
    answer: Answer<'a>,
}

/// What a feature holds, as drift sees it.
pub fn kind(feature: &Feature) -> Kind {
    match feature.datatype {
        _ if !feature.spec.categories.is_empty() => Kind::Category,
        Datatype::Bytes | Datatype::Bool => Kind::Category,
        _ => Kind::Number,
    }
}

/// Of each row of an answer, what its drift is seen by; of an answer that cannot be read, nothing.
pub fn scores(schema: &RowSchema, outputs: &[Tensor], rows: usize) -> Vec<Value<'static>> {
    let asked = Rows { inputs: vec![], passthrough: vec![Map::new(); rows], batched: true };
    match Reading::new(schema, &asked, outputs) {
        Ok(reading) => reading.rows().map(|row| row.said().into_owned()).collect(),
        Err(_) => vec![Value::Missing; rows],
    }
}

impl<'a> Reading<'a> {
    /// Reads outputs as the answer to rows.
    ///
    /// # Errors
    /// When they are not: a client of the Open Inference Protocol may have asked for other outputs.
    pub fn new(
        schema: &'a RowSchema,
        rows: &'a Rows,
        outputs: &'a [Tensor],
    ) -> Result<Reading<'a>, rows::RespondError> {
        let response = rows::respond(schema, rows, outputs, SystemTime::UNIX_EPOCH)?;
        Ok(Reading { schema, rows, response })
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + '_ {
        let (schema, inputs) = (self.schema, self.rows.inputs.as_slice());
        self.response.answers().enumerate().map(move |(index, answer)| Row { schema, inputs, index, answer })
    }
}

impl<'a> Row<'a> {
    /// A feature's element; `None` for a feature that is a list.
    pub fn element(&self, feature: usize) -> Option<Element<'a>> {
        self.schema.value(self.inputs, feature, self.index)
    }

    /// A feature, by its position in the schema, as drift sees it.
    pub fn feature(&self, feature: usize) -> Value<'a> {
        let category =
            self.schema.features().get(feature).is_some_and(|feature| kind(feature) == Kind::Category);
        match self.element(feature) {
            None | Some(Element::Text("")) => Value::Missing,
            Some(Element::Text(text)) => Value::Category(text.into()),
            Some(Element::Bool(value)) => Value::Category(if value { "true" } else { "false" }.into()),
            Some(element) => match element.as_f64() {
                Some(number) if number.is_nan() => Value::Missing,
                Some(number) if category => Value::Category(number.to_string().into()),
                Some(number) => Value::Number(number),
                None => Value::Missing,
            },
        }
    }

    /// What the answer is: `classification`, `regression`, or `other`.
    pub fn task(&self) -> &'static str {
        match &self.answer {
            Answer { label: Some(_), .. } | Answer { probability: Some(_), .. } => "classification",
            Answer { prediction: Prediction::Class(_), .. } => "classification",
            Answer { prediction: Prediction::Value(_), .. } => "regression",
            _ => "other",
        }
    }

    /// The class or the value, as text.
    pub fn prediction(&self) -> Option<Cow<'a, str>> {
        if let Some(label) = &self.answer.label {
            return Some(label.clone());
        }
        match self.answer.prediction {
            Prediction::Class(class) => Some(class.to_string().into()),
            Prediction::Value(Element::Text(text)) => Some(text.into()),
            Prediction::Value(element) => element.as_f64().map(|number| number.to_string().into()),
            _ => None,
        }
    }

    /// The value of a regression.
    pub fn value(&self) -> Option<f64> {
        match self.answer.prediction {
            Prediction::Value(element) if self.task() == "regression" => element.as_f64(),
            _ => None,
        }
    }

    /// The probability of each class, by its name.
    pub fn probabilities(&self) -> Vec<(Cow<'a, str>, f64)> {
        let labels = self.schema.labels();
        let name = |class: usize| {
            labels.get(class).map_or_else(|| class.to_string().into(), |label| label.as_str().into())
        };
        let elements = self.answer.probability.iter().flatten().enumerate();
        elements.map(|(class, element)| (name(class), element.as_f64().unwrap_or(f64::NAN))).collect()
    }

    /// The score; of a classifier without probabilities the class.
    fn said(&self) -> Value<'a> {
        match (self.score(), self.task()) {
            (Some(score), _) => Value::Number(score),
            (None, "classification") => self.prediction().map_or(Value::Missing, Value::Category),
            _ => Value::Missing,
        }
    }

    /// Of two classes the second's probability, of more the largest; of a regression the value.
    pub fn score(&self) -> Option<f64> {
        match self.answer.probability.as_deref() {
            Some([_, second]) => second.as_f64(),
            Some(_) => self.answer.confidence.and_then(Element::as_f64),
            None => self.value(),
        }
    }
}

/// A JSON object of what can be written as JSON.
pub(super) fn object<'k, V: serde::Serialize>(entries: impl Iterator<Item = (&'k str, V)>) -> String {
    let mut bytes = vec![];
    let mut json = serde_json::Serializer::new(&mut bytes);
    // Elements and values have no map with other keys than text, and memory takes what is written.
    let _ = serde::Serializer::collect_map(&mut json, entries);
    String::from_utf8(bytes).unwrap_or_default()
}
