//! Reads an inference request, each input's data straight into its elements.
//!
//! That needs the datatype before the data, which is how clients write an input. Where the data
//! comes first, its text is kept and read at the end of the input.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::{InferRequest, OipError};
use crate::{
    Data, Datatype, Tensor,
    json::{excerpt, explain},
    tensor::{Lists, Scalar, ValueError, Values, element_count},
};

/// Reads the body of an inference request. The elements of each input fit its shape; whether the
/// model takes them is not looked at.
pub fn parse_infer(body: &[u8]) -> Result<InferRequest, OipError> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let outcome = json
        .deserialize_map(RequestVisitor { failure: &mut failure })
        .and_then(|request| json.end().map(|()| request));
    outcome.map_err(|error| failure.unwrap_or_else(|| OipError::Body(explain(body, &error))))
}

/// Leaves the reason beside the deserializer, whose own errors carry only text.
fn fail<E: Error>(slot: &mut Option<OipError>, error: OipError) -> E {
    *slot = Some(error);
    E::custom("")
}

struct RequestVisitor<'f> {
    failure: &'f mut Option<OipError>,
}

#[derive(Deserialize)]
struct RequestedOutput {
    name: String,
}

impl<'de> Visitor<'de> for RequestVisitor<'_> {
    type Value = InferRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an inference request, an object with inputs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InferRequest, A::Error> {
        let mut request = InferRequest::default();
        let mut inputs = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "id" => request.id = map.next_value()?,
                "parameters" => request.parameters = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "inputs" => inputs = Some(map.next_value_seed(InputsSeed { failure: self.failure })?),
                "outputs" => {
                    let outputs = map.next_value::<Option<Vec<RequestedOutput>>>()?.unwrap_or_default();
                    let names: Vec<_> = outputs.into_iter().map(|output| output.name).collect();
                    request.outputs = (!names.is_empty()).then_some(names);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        request.inputs = inputs.ok_or_else(|| fail(self.failure, OipError::NoInputs))?;
        Ok(request)
    }
}

struct InputsSeed<'f> {
    failure: &'f mut Option<OipError>,
}

impl<'de> DeserializeSeed<'de> for InputsSeed<'_> {
    type Value = Vec<Tensor>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Tensor>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for InputsSeed<'_> {
    type Value = Vec<Tensor>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of inputs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Tensor>, A::Error> {
        let mut inputs = Vec::new();
        while let Some(input) =
            list.next_element_seed(InputSeed { failure: self.failure, index: inputs.len() })?
        {
            inputs.push(input);
        }
        Ok(inputs)
    }
}

struct InputSeed<'f> {
    failure: &'f mut Option<OipError>,
    index: usize,
}

impl<'de> DeserializeSeed<'de> for InputSeed<'_> {
    type Value = Tensor;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tensor, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InputSeed<'_> {
    type Value = Tensor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an input, an object with name, shape, datatype and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensor, A::Error> {
        let mut input = Input { index: self.index, ..Input::default() };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let field =
                ["name", "datatype", "shape", "data", "parameters"].into_iter().find(|name| *name == key);
            let repeated = match field {
                Some("name") => input.name.replace(map.next_value()?).is_some(),
                Some("datatype") => {
                    let name = map.next_value::<Cow<'de, str>>()?;
                    let datatype = name.parse().map_err(|_| {
                        let datatype = excerpt(&name);
                        fail(self.failure, OipError::Datatype { input: input.called(), datatype })
                    })?;
                    input.datatype.replace(datatype).is_some()
                }
                Some("shape") => {
                    let raw = map.next_value::<&RawValue>()?;
                    let shape = input.read_shape(raw).map_err(|error| fail(self.failure, error))?;
                    input.shape.replace(shape).is_some()
                }
                Some("data") => match input.datatype {
                    _ if input.elements.is_some() || input.unread.is_some() => true,
                    // The name is awaited as well: an error is to say it.
                    Some(datatype) if input.name.is_some() => {
                        let mut elements = Elements::new(datatype);
                        let outcome = map.next_value_seed(&mut elements);
                        outcome.map_err(|error| match elements.failure.take() {
                            Some(source) => fail(self.failure, input.element_error(&elements, source)),
                            None => error,
                        })?;
                        input.elements.replace(elements).is_some()
                    }
                    _ => input.unread.replace(map.next_value()?).is_some(),
                },
                Some(_) => {
                    let parameters = map.next_value::<Option<Map<String, Value>>>()?.unwrap_or_default();
                    input.binary |= parameters.contains_key("binary_data_size");
                    false
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if let (true, Some(field)) = (repeated, field) {
                return Err(fail(self.failure, OipError::Repeated { input: input.called(), field }));
            }
        }
        input.finish().map_err(|error| fail(self.failure, error))
    }
}

/// The fields of an input so far.
#[derive(Default)]
struct Input<'de> {
    index: usize,
    name: Option<String>,
    datatype: Option<Datatype>,
    shape: Option<Vec<u64>>,
    elements: Option<Elements>,
    /// Data that came before name or datatype.
    unread: Option<&'de RawValue>,
    binary: bool,
}

impl Input<'_> {
    /// What an error calls the input.
    fn called(&self) -> String {
        self.name.as_deref().map_or_else(|| format!("#{}", self.index), excerpt)
    }

    fn element_error(&self, elements: &Elements, source: ValueError) -> OipError {
        OipError::Element { input: self.called(), position: elements.lists.count, source }
    }

    fn read_shape(&self, raw: &RawValue) -> Result<Vec<u64>, OipError> {
        let error = |problem: String| OipError::Shape { input: self.called(), problem };
        let mut numbers = Elements::new(Datatype::Uint64);
        let outcome = (&mut numbers).deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
        if let Some(failure) = numbers.failure.take() {
            return Err(error(failure.to_string()));
        }
        outcome.map_err(|failure| error(failure.to_string()))?;
        if numbers.lists.shape().len() != 1 {
            return Err(error(format!("came {}", excerpt(raw.get()))));
        }
        Ok(match &numbers.data {
            Data::Raw(bytes) => bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect(),
            Data::Strings(_) => Vec::new(),
        })
    }

    fn finish(mut self) -> Result<Tensor, OipError> {
        let called = self.called();
        let missing = |field| OipError::Field { input: called.clone(), field };
        let name = self.name.clone().ok_or_else(|| missing("name"))?;
        let datatype = self.datatype.ok_or_else(|| missing("datatype"))?;
        let shape = self.shape.take().ok_or_else(|| missing("shape"))?;
        let elements = match (self.elements.take(), self.unread) {
            (Some(elements), _) => elements,
            (None, Some(raw)) => self.read_data(raw, datatype)?,
            (None, None) if self.binary => return Err(OipError::Binary { input: called }),
            (None, None) => return Err(missing("data")),
        };
        let Some(expected) = element_count(&shape) else {
            return Err(OipError::TooLarge { input: called, shape });
        };
        let nested = elements.lists.shape();
        if elements.lists.count != expected {
            return Err(OipError::Count { input: called, shape, expected, came: elements.lists.count });
        }
        if nested.len() != 1 && nested != shape {
            return Err(OipError::Nesting { input: called, shape, came: nested });
        }
        Ok(Tensor { name, datatype, shape, data: elements.data })
    }

    fn read_data(&self, raw: &RawValue, datatype: Datatype) -> Result<Elements, OipError> {
        let mut elements = Elements::new(datatype);
        let outcome = (&mut elements).deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
        if let Some(source) = elements.failure.take() {
            return Err(self.element_error(&elements, source));
        }
        outcome.map_err(|error| OipError::Body(explain(raw.get().as_bytes(), &error)))?;
        Ok(elements)
    }
}

/// The elements of nested or flat lists.
struct Elements {
    datatype: Datatype,
    data: Data,
    lists: Lists,
    failure: Option<ValueError>,
}

impl Elements {
    fn new(datatype: Datatype) -> Self {
        Self { datatype, data: Data::empty(datatype), lists: Lists::default(), failure: None }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Elements {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Elements { datatype, data, lists, failure } = self;
        let datatype = *datatype;
        let mut accept = |scalar: Scalar<'_>| data.push(datatype, false, scalar);
        Values { datatype, lists: Some(lists), depth: 0, accept: &mut accept, failure }
            .deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests;
