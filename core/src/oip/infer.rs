//! Reads an inference request, each input's data straight into its elements.
//!
//! That needs the datatype before the data, which is how clients write an input. Where the data
//! comes first, its text is kept and read at the end of the input. Binary data follows the JSON in the
//! order of the inputs, so each input takes its part off the front.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::{InferRequest, OipError, RequestedOutput, binary};
use crate::{
    Data, Datatype, Tensor,
    json::{excerpt, explain},
    tensor::{Lists, Scalar, ValueError, Values, element_count},
};

/// Reads the JSON of an inference request and the `binary` data behind it. The elements of each input
/// fit its shape; whether the model takes them is not looked at.
pub(super) fn parse(json: &[u8], mut binary: &[u8]) -> Result<InferRequest, OipError> {
    let mut failure = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let outcome = deserializer
        .deserialize_map(RequestVisitor { failure: &mut failure, binary: &mut binary })
        .and_then(|request| deserializer.end().map(|()| request));
    let request =
        outcome.map_err(|error| failure.unwrap_or_else(|| OipError::Body(explain(json, &error))))?;
    if binary.is_empty() { Ok(request) } else { Err(OipError::Rest { left: binary.len() }) }
}

/// Leaves the reason beside the deserializer, whose own errors carry only text.
fn fail<E: Error>(slot: &mut Option<OipError>, error: OipError) -> E {
    *slot = Some(error);
    E::custom("")
}

struct RequestVisitor<'f, 'b> {
    failure: &'f mut Option<OipError>,
    binary: &'f mut &'b [u8],
}

#[derive(Deserialize)]
struct Output {
    name: String,
    parameters: Option<OutputParameters>,
}

#[derive(Default, Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
    classification: Option<u32>,
    shared_memory_region: Option<IgnoredAny>,
}

impl Output {
    fn finish(self) -> Result<RequestedOutput, OipError> {
        let Self { name, parameters } = self;
        let parameters = parameters.unwrap_or_default();
        if parameters.shared_memory_region.is_some() {
            return Err(OipError::SharedMemory { name: excerpt(&name) });
        }
        Ok(RequestedOutput { name, binary: parameters.binary_data, classes: parameters.classification })
    }
}

impl<'de> Visitor<'de> for RequestVisitor<'_, '_> {
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
                "inputs" => {
                    let seed = InputsSeed { failure: self.failure, binary: self.binary };
                    inputs = Some(map.next_value_seed(seed)?);
                }
                "outputs" => {
                    let outputs = map.next_value::<Option<Vec<Output>>>()?.unwrap_or_default();
                    let outputs: Result<_, _> = outputs.into_iter().map(Output::finish).collect();
                    request.outputs = outputs.map_err(|error| fail(self.failure, error))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        request.inputs = inputs.ok_or_else(|| fail(self.failure, OipError::NoInputs))?;
        Ok(request)
    }
}

struct InputsSeed<'f, 'b> {
    failure: &'f mut Option<OipError>,
    binary: &'f mut &'b [u8],
}

impl<'de> DeserializeSeed<'de> for InputsSeed<'_, '_> {
    type Value = Vec<Tensor>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Tensor>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for InputsSeed<'_, '_> {
    type Value = Vec<Tensor>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of inputs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Tensor>, A::Error> {
        let mut inputs = Vec::new();
        loop {
            let (failure, binary) = (&mut *self.failure, &mut *self.binary);
            match list.next_element_seed(InputSeed { failure, binary, index: inputs.len() })? {
                Some(input) => inputs.push(input),
                None => return Ok(inputs),
            }
        }
    }
}

struct InputSeed<'f, 'b> {
    failure: &'f mut Option<OipError>,
    binary: &'f mut &'b [u8],
    index: usize,
}

impl<'de> DeserializeSeed<'de> for InputSeed<'_, '_> {
    type Value = Tensor;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tensor, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InputSeed<'_, '_> {
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
                    input.take_parameters(&parameters).map_err(|error| fail(self.failure, error))?;
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
        input.finish(self.binary).map_err(|error| fail(self.failure, error))
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
    binary_data_size: Option<u64>,
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

    fn take_parameters(&mut self, parameters: &Map<String, Value>) -> Result<(), OipError> {
        if parameters.contains_key("shared_memory_region") {
            return Err(OipError::SharedMemory { name: self.called() });
        }
        if let Some(size) = parameters.get("binary_data_size") {
            let expected = "a whole number";
            let came = || excerpt(&size.to_string());
            let error = || OipError::Parameter { name: "binary_data_size", expected, came: came() };
            self.binary_data_size = Some(size.as_u64().ok_or_else(error)?);
        }
        Ok(())
    }

    fn finish(mut self, binary: &mut &[u8]) -> Result<Tensor, OipError> {
        let called = self.called();
        let missing = |field| OipError::Field { input: called.clone(), field };
        let name = self.name.clone().ok_or_else(|| missing("name"))?;
        let datatype = self.datatype.ok_or_else(|| missing("datatype"))?;
        let shape = self.shape.take().ok_or_else(|| missing("shape"))?;
        let elements = match (self.elements.take(), self.unread, self.binary_data_size) {
            (None, None, None) => return Err(missing("data")),
            (None, None, Some(size)) => {
                let left = binary.len();
                let part = usize::try_from(size).ok().and_then(|size| binary.split_off(..size));
                let part = part.ok_or(OipError::BinarySize { input: called, expected: size, left })?;
                return binary::read(name, datatype, shape, part);
            }
            (_, _, Some(_)) => return Err(OipError::Both { input: called }),
            _ if datatype == Datatype::Fp16 => return Err(OipError::HalfInput { input: called }),
            (Some(elements), _, None) => elements,
            (None, Some(raw), None) => self.read_data(raw, datatype)?,
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
