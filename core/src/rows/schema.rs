//! Where each field of a row goes: everything that can be worked out before the first request.

mod outputs;
mod sample;

use std::collections::{HashMap, HashSet};

use crate::{
    Datatype, Manifest, ModelMetadata, Tensor, TensorMetadata,
    json::nearest,
    manifest::{Category, FeatureSpec, ManifestError},
    tensor::{Element, Scalar, ValueError},
};

pub(super) use outputs::Reading;

/// A category error lists this many of the allowed values.
const LISTED_CATEGORIES: usize = 20;

/// How rows become a model's inputs, and how its outputs become answers.
#[derive(Debug, Clone)]
pub struct RowSchema {
    pub(super) model: String,
    pub(super) version: String,
    pub(super) features: Vec<Feature>,
    pub(super) inputs: Vec<Input>,
    pub(super) fields: HashMap<String, Field>,
    /// The number of rows where the model fixes it.
    pub(super) batch: Option<u64>,
    pub(super) labels: Vec<String>,
    pub(super) reading: Reading,
    requested: Option<Vec<String>>,
}

/// A feature and its place in the model's inputs.
#[derive(Debug, Clone)]
pub struct Feature {
    /// What the manifest says of it; only the name for a feature without a manifest.
    pub spec: FeatureSpec,
    /// What its values become.
    pub datatype: Datatype,
    pub(super) input: usize,
    pub(super) place: Place,
    categories: HashSet<Category>,
}

/// Which part of a row of its input a feature fills.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// One element.
    Column(usize),
    /// All of it, of this shape.
    Whole(Vec<i64>),
}

/// One of the model's inputs.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    /// Whether the shape is only the axis of rows: [N] and not [N, 1].
    pub(super) flat: bool,
    /// The number of single values in a row; `None` where one feature fills it with a list.
    pub(super) width: Option<usize>,
}

/// What a field of a request is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Field {
    pub(super) feature: Option<usize>,
    pub(super) echo: bool,
}

impl RowSchema {
    /// Works out the schema of a model, checking its manifest on the way.
    pub fn new(model: &ModelMetadata) -> Result<Self, ManifestError> {
        Self::resolve(&model.name, &model.version, &model.manifest, &model.inputs, &model.outputs)
    }

    pub(crate) fn resolve(
        model: &str,
        version: &str,
        manifest: &Manifest,
        inputs: &[TensorMetadata],
        outputs: &[TensorMetadata],
    ) -> Result<Self, ManifestError> {
        manifest.check_names(inputs, outputs)?;
        let reading = Reading::resolve(manifest, outputs)?;
        let batch = batch(inputs)?;
        let derived: Vec<_>;
        let specs = if manifest.features.is_empty() {
            let spec =
                |input: &TensorMetadata| FeatureSpec { name: input.name.clone(), ..Default::default() };
            derived = inputs.iter().map(spec).collect();
            &derived
        } else {
            &manifest.features
        };

        let mut layout: Vec<_> = inputs
            .iter()
            .map(|input| Input {
                name: input.name.clone(),
                datatype: input.datatype,
                flat: input.shape.len() == 1,
                width: None,
            })
            .collect();
        let mut features = Vec::with_capacity(specs.len());
        let mut fields: HashMap<String, Field> = HashMap::new();
        for spec in specs {
            let Some(input) = inputs.iter().position(|input| input.name == spec.input_name()) else {
                continue; // check_names has refused it.
            };
            let place = match (spec.index, &inputs[input].shape[1..]) {
                (Some(index), _) => Place::Column(index),
                (None, [] | [1]) => Place::Column(0),
                (None, row) => Place::Whole(row.to_vec()),
            };
            if let Place::Column(_) = place {
                *layout[input].width.get_or_insert(0) += 1;
            }
            fields.entry(spec.name.clone()).or_default().feature = Some(features.len());
            features.push(Feature {
                spec: spec.clone(),
                datatype: inputs[input].datatype,
                input,
                place,
                categories: spec.categories.iter().cloned().collect(),
            });
        }
        for name in &manifest.passthrough {
            fields.entry(name.clone()).or_default().echo = true;
        }
        let schema = Self {
            model: model.to_owned(),
            version: version.to_owned(),
            features,
            inputs: layout,
            fields,
            batch,
            labels: reading.labels(manifest, outputs),
            requested: reading.requested(),
            reading,
        };
        schema.check_defaults()?;
        Ok(schema)
    }

    /// The features, in the manifest's order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The classes, in the order of the probability columns: the manifest's, else the model's own
    /// where they are strings; empty if neither has any.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The outputs that an answer needs; `None` is all.
    pub fn requested_outputs(&self) -> Option<&[String]> {
        self.requested.as_deref()
    }

    /// The number of rows that a request must have, where the model fixes it.
    pub fn fixed_rows(&self) -> Option<u64> {
        self.batch
    }

    /// The value of a feature in a row of `inputs`, which are the tensors of [`super::Rows`];
    /// `None` for a feature that is a list and for what is not there.
    pub fn value<'a>(&self, inputs: &'a [Tensor], feature: usize, row: usize) -> Option<Element<'a>> {
        let feature = self.features.get(feature)?;
        let (Place::Column(column), Some(width)) = (&feature.place, self.inputs[feature.input].width) else {
            return None;
        };
        inputs.get(feature.input)?.element(row.checked_mul(width)?.checked_add(*column)?)
    }

    /// The field that a misspelt one most likely meant.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let features = self.features.iter().map(|feature| feature.spec.name.as_str());
        nearest(name, features).map(str::to_owned)
    }

    fn check_defaults(&self) -> Result<(), ManifestError> {
        for (index, feature) in self.features.iter().enumerate() {
            if let Some(default) = &feature.spec.default {
                super::parse::check_value(self, index, default).map_err(|error| ManifestError::Feature {
                    feature: feature.spec.name.clone(),
                    problem: format!("default: {}", error.reason),
                })?;
            }
        }
        Ok(())
    }
}

/// The number of rows that the inputs fix together.
fn batch(inputs: &[TensorMetadata]) -> Result<Option<u64>, ManifestError> {
    let mut batch = None;
    for input in inputs {
        let Some(rows) = input.shape.first() else {
            let problem = format!("input {:?} is a single value", input.name);
            return Err(ManifestError::NotByRows { problem });
        };
        let Ok(rows) = u64::try_from(*rows) else { continue };
        if rows == 0 || batch.is_some_and(|before| before != rows) {
            let problem = format!("input {:?} has the shape {:?}", input.name, input.shape);
            return Err(ManifestError::NotByRows { problem });
        }
        batch = Some(rows);
    }
    if inputs.is_empty() {
        return Err(ManifestError::NotByRows { problem: "it has no inputs".into() });
    }
    Ok(batch)
}

impl Feature {
    /// The feature's name in a request.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The shape of a row's value, -1 where it varies; `None` for a single value.
    pub fn row_shape(&self) -> Option<&[i64]> {
        match &self.place {
            Place::Column(_) => None,
            Place::Whole(shape) => Some(shape),
        }
    }

    /// Checks a value, whose type fits, against the categories.
    pub(super) fn check_category(&self, scalar: Scalar<'_>) -> Result<(), ValueError> {
        if self.categories.is_empty() {
            return Ok(());
        }
        let listed = match scalar {
            Scalar::Null => true,
            // Looked up by reference in short lists: a clone for each request would cost more.
            Scalar::Text(text) if self.categories.len() <= LISTED_CATEGORIES => {
                self.spec.categories.iter().any(|category| matches!(category, Category::Text(t) if t == text))
            }
            Scalar::Text(text) => self.categories.contains(&Category::Text(text.to_owned())),
            Scalar::Bool(value) => self.has_integer(i64::from(value)),
            Scalar::Unsigned(value) => i64::try_from(value).is_ok_and(|value| self.has_integer(value)),
            Scalar::Signed(value) => self.has_integer(value),
            Scalar::Float(value) => value.fract() == 0.0 && self.has_integer(value as i64),
        };
        if listed {
            return Ok(());
        }
        Err(ValueError::Category { allowed: self.allowed(), came: scalar.to_string() })
    }

    fn has_integer(&self, value: i64) -> bool {
        self.categories.contains(&Category::Integer(value))
    }

    fn allowed(&self) -> String {
        let categories = &self.spec.categories;
        let listed: Vec<_> = categories.iter().take(LISTED_CATEGORIES).map(ToString::to_string).collect();
        let more = match categories.len().saturating_sub(LISTED_CATEGORIES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        listed.join(", ") + &more
    }
}
