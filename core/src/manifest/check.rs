//! Holds a manifest against the model that it describes.
//!
//! Packing fails on the first error, so a packed model's manifest can be relied on.

use std::collections::HashSet;

use thiserror::Error;

use super::{Category, FeatureSpec, Manifest};
use crate::{Datatype, TensorMetadata, rows::RowSchema, schema::names};

/// The fields of an answer, which a request's field cannot be repeated over.
const ANSWER_FIELDS: [&str; 7] =
    ["prediction", "label", "probability", "confidence", "model", "model_version", "timestamp"];

/// A manifest that does not fit its model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ManifestError {
    /// A name that is listed twice.
    #[error("{list} has {name:?} twice")]
    Duplicate {
        /// The key of the manifest.
        list: &'static str,
        /// The name.
        name: String,
    },
    /// A pass-through field that the answer has a meaning of its own for.
    #[error("passthrough {name:?} is a field of the answer itself")]
    Reserved {
        /// The field.
        name: String,
    },
    /// A metric that the packed manifest, which is JSON, could not hold.
    #[error("metric {name:?} is not a finite number")]
    Metric {
        /// The metric.
        name: String,
    },
    /// A batch that could hold no second row.
    #[error("batching.max_size is {max_size}; it must be at least 2")]
    BatchSize {
        /// What the manifest says.
        max_size: u32,
    },
    /// Words for something that is not there.
    #[error("translations.{language}: {problem}")]
    Translation {
        /// The language's tag.
        language: String,
        /// What is not there.
        problem: String,
    },
    /// A feature of an input that does not exist.
    #[error("feature {feature:?}: the model has no input {input:?}; its inputs are {inputs:?}")]
    UnknownInput {
        /// The feature.
        feature: String,
        /// The input that it names, or its own name.
        input: String,
        /// The model's inputs.
        inputs: Vec<String>,
    },
    /// A feature that does not say its column, or says one that there is not.
    #[error("feature {feature:?}: {problem} of input {input:?}")]
    Column {
        /// The feature.
        feature: String,
        /// The input that it is in.
        input: String,
        /// What is wrong with the column.
        problem: String,
    },
    /// A part of an input that no feature fills.
    #[error("no feature fills {part}")]
    Uncovered {
        /// The input, or a column of it.
        part: String,
    },
    /// A feature whose own fields contradict each other or the input's datatype.
    #[error("feature {feature:?}: {problem}")]
    Feature {
        /// The feature.
        feature: String,
        /// What is wrong.
        problem: String,
    },
    /// An output that does not exist.
    #[error("outputs.{role}: the model has no output {output:?}; its outputs are {outputs:?}")]
    UnknownOutput {
        /// The key under `outputs`.
        role: &'static str,
        /// The output that it names.
        output: String,
        /// The model's outputs.
        outputs: Vec<String>,
    },
    /// An output that cannot have the meaning it is given, or none that can.
    #[error("{problem}")]
    Outputs {
        /// What is wrong.
        problem: String,
    },
    /// Another number of labels than classes.
    #[error("there are {labels} labels, and output {output:?} has {classes} probabilities")]
    Labels {
        /// The number of labels.
        labels: usize,
        /// The probability output.
        output: String,
        /// The columns of it.
        classes: i64,
    },
    /// A model whose inputs have no axis of rows.
    #[error("this model cannot be asked by rows, use the v2 route: {problem}")]
    NotByRows {
        /// Why not.
        problem: String,
    },
}

impl Manifest {
    /// Checks the manifest against the inputs and outputs of its model.
    ///
    /// A model that cannot be asked by rows is fine as long as the manifest has no features.
    pub fn check(&self, inputs: &[TensorMetadata], outputs: &[TensorMetadata]) -> Result<(), ManifestError> {
        match RowSchema::resolve("", "", self, inputs, outputs) {
            Err(ManifestError::NotByRows { .. }) if self.features.is_empty() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Checks all that the resolution into a schema relies on.
    pub(crate) fn check_names(
        &self,
        inputs: &[TensorMetadata],
        outputs: &[TensorMetadata],
    ) -> Result<(), ManifestError> {
        unique("labels", self.labels.iter())?;
        unique("passthrough", self.passthrough.iter())?;
        unique("features", self.features.iter().map(|feature| &feature.name))?;
        if let Some(name) = self.passthrough.iter().find(|name| ANSWER_FIELDS.contains(&name.as_str())) {
            return Err(ManifestError::Reserved { name: name.clone() });
        }
        if let Some((name, _)) = self.metrics.iter().find(|(_, value)| !value.is_finite()) {
            return Err(ManifestError::Metric { name: name.clone() });
        }
        if let Some(max_size) = self.batching.and_then(|batching| batching.max_size)
            && max_size < 2
        {
            return Err(ManifestError::BatchSize { max_size });
        }
        self.check_translations()?;
        for feature in &self.features {
            let input = feature.input_name();
            let Some(input) = inputs.iter().find(|candidate| candidate.name == input) else {
                let (feature, input) = (feature.name.clone(), input.to_owned());
                return Err(ManifestError::UnknownInput { feature, input, inputs: names(inputs) });
            };
            if let Some(problem) = contradiction(feature, input.datatype) {
                return Err(ManifestError::Feature { feature: feature.name.clone(), problem });
            }
        }
        if !self.features.is_empty() {
            inputs.iter().try_for_each(|input| self.check_columns(input))?;
        }
        let roles = [
            ("label", &self.outputs.label),
            ("probability", &self.outputs.probability),
            ("prediction", &self.outputs.prediction),
        ];
        for (role, output) in roles {
            if let Some(output) = output
                && !outputs.iter().any(|candidate| candidate.name == *output)
            {
                let output = output.clone();
                return Err(ManifestError::UnknownOutput { role, output, outputs: names(outputs) });
            }
        }
        Ok(())
    }

    /// Checks that the features of an input fill it, each column once.
    fn check_columns(&self, input: &TensorMetadata) -> Result<(), ManifestError> {
        let features: Vec<_> =
            self.features.iter().filter(|feature| feature.input_name() == input.name).collect();
        let problem = |feature: &FeatureSpec, problem: String| ManifestError::Column {
            feature: feature.name.clone(),
            input: input.name.clone(),
            problem,
        };
        match features.as_slice() {
            [] => return Err(ManifestError::Uncovered { part: format!("input {:?}", input.name) }),
            // One feature without a column is the whole input, whatever its shape.
            [FeatureSpec { index: None, .. }] => return Ok(()),
            _ => {}
        }
        // The columns of [N, K]; a variable K is as wide as there are features, and [N] is one wide.
        let width = match input.shape.as_slice() {
            [_] => 1,
            [_, width] => usize::try_from(*width).unwrap_or(features.len()),
            shape => {
                let text = format!("only one feature, without an index, can fill the shape {shape:?}");
                return Err(problem(features[0], text));
            }
        };
        let mut filled = HashSet::new();
        for feature in features {
            let Some(index) = feature.index else {
                return Err(problem(feature, "an index is needed for the shared columns".into()));
            };
            if index >= width {
                return Err(problem(feature, format!("index {index} is beyond the {width} columns")));
            }
            if !filled.insert(index) {
                return Err(problem(feature, format!("another feature fills column {index}")));
            }
        }
        match (0..width).find(|index| !filled.contains(index)) {
            Some(index) => {
                let part = format!("column {index} of input {:?}", input.name);
                Err(ManifestError::Uncovered { part })
            }
            None => Ok(()),
        }
    }
}

fn unique<'a>(list: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), ManifestError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ManifestError::Duplicate { list, name: name.clone() });
        }
    }
    Ok(())
}

fn contradiction(feature: &FeatureSpec, datatype: Datatype) -> Option<String> {
    if feature.nullable && !datatype.is_float() && datatype != Datatype::Bytes {
        return Some(format!("{datatype} has no missing value, so it cannot be nullable"));
    }
    if let (Some(min), Some(max)) = (feature.min, feature.max)
        && (min > max || min.is_nan() || max.is_nan())
    {
        return Some(format!("min {min} is above max {max}"));
    }
    let strings = datatype == Datatype::Bytes;
    let misfit = |category: &&Category| matches!(category, Category::Text(_)) != strings;
    if let Some(category) = feature.categories.iter().find(misfit) {
        return Some(format!("category {category} does not fit {datatype}"));
    }
    let mut seen = HashSet::new();
    let twice = feature.categories.iter().find(|category| !seen.insert(*category))?;
    Some(format!("category {twice} is listed twice"))
}

#[cfg(test)]
mod tests;
