//! Writes the value of a feature to its place in the tensors.

use serde::de::{DeserializeSeed, Deserializer};

use super::Parser;
use crate::{
    rows::{
        RowReason,
        schema::{Feature, Place, RowSchema},
    },
    tensor::{Lists, Scalar, Values},
};

/// Writes the value of a feature.
pub(super) struct ValueSeed<'p, 's> {
    pub(super) parser: &'p mut Parser<'s>,
    pub(super) feature: usize,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let parser = self.parser;
        let feature = &parser.schema.features[self.feature];
        let (datatype, nullable) = (feature.datatype, feature.spec.nullable);
        let data = &mut parser.data[feature.input];
        let mut failure = None;
        match &feature.place {
            Place::Column(column) => {
                let position = position(parser.schema, parser.rows, feature, *column);
                let mut accept = |scalar: Scalar<'_>| {
                    data.put(position, datatype, nullable, scalar)?;
                    feature.check_category(scalar)
                };
                let values =
                    Values { datatype, lists: None, depth: 0, accept: &mut accept, failure: &mut failure };
                values.deserialize(deserializer).map_err(|error| match failure {
                    Some(failure) => parser.fail(Some(feature.name()), RowReason::Value(failure)),
                    None => error,
                })
            }
            Place::Whole(shape) => {
                let mut lists = Lists::default();
                let mut accept = |scalar: Scalar<'_>| {
                    data.push(datatype, nullable, scalar)?;
                    feature.check_category(scalar)
                };
                let lists_slot = Some(&mut lists);
                let values = Values {
                    datatype,
                    lists: lists_slot,
                    depth: 0,
                    accept: &mut accept,
                    failure: &mut failure,
                };
                values.deserialize(deserializer).map_err(|error| match failure {
                    Some(source) => {
                        let reason = RowReason::Element { position: lists.count, source };
                        parser.fail(Some(feature.name()), reason)
                    }
                    None => error,
                })?;
                let came = lists.shape();
                match row_shape(shape, parser.shapes[feature.input].as_deref(), &came) {
                    Ok(shape) => {
                        parser.shapes[feature.input] = Some(shape);
                        Ok(())
                    }
                    Err(expected) => {
                        Err(parser.fail(Some(feature.name()), RowReason::Shape { expected, came }))
                    }
                }
            }
        }
    }
}

/// The shape of a row's lists, given flat or nested; otherwise the shape that was expected. Where
/// an axis varies, every row is as the one before.
fn row_shape(shape: &[i64], before: Option<&[u64]>, came: &[u64]) -> Result<Vec<u64>, Vec<i64>> {
    let expected: Vec<i64> = match before {
        Some(before) => before.iter().map(|length| i64::try_from(*length).unwrap_or(i64::MAX)).collect(),
        None => shape.to_vec(),
    };
    let fixed = |length: &i64| u64::try_from(*length).ok();
    let fits = |(length, came): (&i64, &u64)| fixed(length).is_none_or(|length| length == *came);
    if expected.len() == came.len() && expected.iter().zip(came).all(fits) {
        return Ok(came.to_vec());
    }
    // A flat list fills the shape; one axis that varies takes what is left.
    let count = expected.iter().filter_map(fixed).try_fold(1_u64, u64::checked_mul);
    let (Some(count), &[came]) = (count, came) else { return Err(expected) };
    let rest = match expected.iter().filter(|length| fixed(length).is_none()).count() {
        0 if came == count => 1,
        1 if count > 0 && came % count == 0 => came / count,
        _ => return Err(expected),
    };
    Ok(expected.iter().map(|length| fixed(length).unwrap_or(rest)).collect())
}

/// Where a single value of a row is among its input's elements.
pub(super) fn position(schema: &RowSchema, row: usize, feature: &Feature, column: usize) -> usize {
    row * schema.inputs[feature.input].width.unwrap_or(0) + column
}
