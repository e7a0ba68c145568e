//! Walks a body: a batch, its rows, their fields. What it finds goes to the [`Parser`].

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Parser, value::ValueSeed};
use crate::{
    json::excerpt,
    rows::{RowReason, schema::Field},
};

/// Reads the list of rows, or with `bare` also the object around it.
pub(super) struct BatchSeed<'p, 's> {
    pub(super) parser: &'p mut Parser<'s>,
    pub(super) bare: bool,
}

impl<'de> DeserializeSeed<'de> for BatchSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BatchSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a list of rows, or {"instances": [...]} with one"#)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        let reason = RowReason::Body(format!("expected {}, came a string", Expected(&self)));
        Err(self.parser.fail_body(reason))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(RowSeed(self.parser))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut instances = false;
        while let Some(key) = map.next_key::<String>()? {
            if !self.bare || key != "instances" || instances {
                let reason = format!("unexpected field {:?}; expected {}", excerpt(&key), Expected(&self));
                return Err(self.parser.fail_body(RowReason::Body(reason)));
            }
            instances = true;
            map.next_value_seed(BatchSeed { parser: self.parser, bare: false })?;
        }
        if instances {
            return Ok(());
        }
        let reason = format!("\"instances\" is missing; expected {}", Expected(&self));
        Err(self.parser.fail_body(RowReason::Body(reason)))
    }
}

/// What a visitor expects, to be printed.
struct Expected<'a, V>(&'a V);

impl<'de, V: Visitor<'de>> fmt::Display for Expected<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// Reads one row.
pub(super) struct RowSeed<'p, 's>(pub(super) &'p mut Parser<'s>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.rows == self.0.limit {
            let limit = self.0.limit;
            return Err(self.0.fail_body(RowReason::TooManyRows { limit }));
        }
        deserializer.deserialize_any(self)
    }
}

impl RowSeed<'_, '_> {
    fn misfit<E: Error>(self, came: &str) -> E {
        let reason = format!("expected {}, came {came}", Expected(&self));
        self.0.fail(None, RowReason::Body(reason))
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row, an object of named features")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(self.misfit("null"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Err(self.misfit("a boolean"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Err(self.misfit("a number"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Err(self.misfit("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Err(self.misfit("a number"))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(self.misfit("a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // Read to its end first, so that a body that is not JSON is called that.
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Err(self.misfit("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let parser = self.0;
        parser.begin_row();
        while let Some(field) = map.next_key_seed(FieldSeed(parser))? {
            match field {
                Field { feature: Some(feature), echo: false } => {
                    map.next_value_seed(ValueSeed { parser, feature })?;
                }
                Field { feature, .. } => {
                    let value = map.next_value::<Value>()?;
                    if let Some(feature) = feature {
                        ValueSeed { parser, feature }.deserialize(&value).map_err(A::Error::custom)?;
                    }
                    // The key is the last that was looked up, kept by `FieldSeed` with a null.
                    if let Some(entry) = parser.passthrough.last_mut().and_then(|row| row.values_mut().last())
                    {
                        *entry = value;
                    }
                }
            }
        }
        parser.end_row().map_err(|error| {
            parser.failure = Some(error);
            A::Error::custom("")
        })
    }
}

/// Looks up the name of a field.
struct FieldSeed<'p, 's>(&'p mut Parser<'s>);

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, '_> {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_, '_> {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a feature")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
        let parser = self.0;
        let Some(field) = parser.schema.fields.get(name).copied() else {
            let nearest = parser.schema.nearest(name);
            return Err(parser.fail(Some(name), RowReason::Unknown { nearest }));
        };
        let mut repeated =
            field.feature.is_some_and(|feature| std::mem::replace(&mut parser.seen[feature], true));
        if field.echo
            && let Some(row) = parser.passthrough.last_mut()
        {
            repeated |= row.insert(name.to_owned(), Value::Null).is_some();
        }
        if repeated {
            return Err(parser.fail(Some(name), RowReason::Repeated));
        }
        Ok(field)
    }
}
