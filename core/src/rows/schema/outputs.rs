//! What a model's outputs mean: as the manifest says, else told from names, types and shapes.

use crate::{
    Datatype, Manifest, TensorMetadata,
    manifest::{ManifestError, Task},
};

/// Names that converters give to the chosen class.
const LABEL_NAMES: [&str; 4] = ["label", "output_label", "predicted_label", "labels"];
/// Names that converters give to the probabilities.
const PROBABILITY_NAMES: [&str; 4] = ["probabilities", "probability", "output_probability", "probs"];

/// Which outputs make an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rows) enum Reading {
    /// At least one of the two is there.
    Classification {
        label: Option<String>,
        probability: Option<String>,
    },
    Regression {
        prediction: String,
    },
    Other,
}

impl Reading {
    pub(super) fn resolve(manifest: &Manifest, outputs: &[TensorMetadata]) -> Result<Self, ManifestError> {
        let candidates = Candidates { manifest, outputs };
        match manifest.task.or_else(|| candidates.task()) {
            Some(Task::Classification) => candidates.classification(),
            Some(Task::Regression) => candidates.regression(),
            Some(Task::Other) | None => Ok(Self::Other),
        }
    }

    /// The outputs to ask the model for; `None` is all.
    pub(super) fn requested(&self) -> Option<Vec<String>> {
        match self {
            Self::Classification { label, probability } => {
                Some(label.iter().chain(probability).cloned().collect())
            }
            Self::Regression { prediction } => Some(vec![prediction.clone()]),
            Self::Other => None,
        }
    }

    /// The names of the classes. Whole numbers that the model calls its classes are none: as
    /// labels they would be taken for positions.
    pub(super) fn labels(&self, manifest: &Manifest, outputs: &[TensorMetadata]) -> Vec<String> {
        let Self::Classification { label: Some(label), probability: Some(probability) } = self else {
            return manifest.labels.clone();
        };
        let find = |name: &String| outputs.iter().find(|output| output.name == *name);
        match (find(label), find(probability)) {
            (Some(label), Some(probability))
                if manifest.labels.is_empty() && label.datatype == Datatype::Bytes =>
            {
                probability.labels.clone()
            }
            _ => manifest.labels.clone(),
        }
    }
}

struct Candidates<'a> {
    manifest: &'a Manifest,
    outputs: &'a [TensorMetadata],
}

impl<'a> Candidates<'a> {
    /// The task where the manifest does not say it.
    fn task(&self) -> Option<Task> {
        let roles = &self.manifest.outputs;
        if roles.label.is_some() || roles.probability.is_some() || !self.manifest.labels.is_empty() {
            return Some(Task::Classification);
        }
        if roles.prediction.is_some() {
            return Some(Task::Regression);
        }
        let is_table = |output: &TensorMetadata| output.shape.len() == 2;
        let label = self.named(&LABEL_NAMES, is_label);
        if label.and(self.only(is_float)).is_some_and(is_table)
            || self.named(&PROBABILITY_NAMES, is_float).is_some_and(is_table)
        {
            return Some(Task::Classification);
        }
        match self.outputs {
            [output] if is_float(output) && matches!(output.shape.as_slice(), [_] | [_, 1]) => {
                Some(Task::Regression)
            }
            _ => None,
        }
    }

    fn classification(&self) -> Result<Reading, ManifestError> {
        let roles = &self.manifest.outputs;
        let label = match &roles.label {
            Some(name) => Some(self.of_kind("label", name, is_label, "whole numbers or strings")?),
            None => self.named(&LABEL_NAMES, is_label).or_else(|| self.only(is_label)),
        };
        let probability = match &roles.probability {
            Some(name) => Some(self.of_kind("probability", name, is_float, "floats")?),
            None => self.named(&PROBABILITY_NAMES, is_float).or_else(|| self.only(is_float)),
        };
        if label.is_none() && probability.is_none() {
            return Err(ManifestError::Outputs {
                problem: "no output is told to be the classes; name outputs.label or outputs.probability"
                    .into(),
            });
        }
        if let Some(output) = probability {
            self.check_labels(output)?;
        }
        let name = |output: &TensorMetadata| output.name.clone();
        Ok(Reading::Classification { label: label.map(name), probability: probability.map(name) })
    }

    fn regression(&self) -> Result<Reading, ManifestError> {
        let is_number = |output: &TensorMetadata| output.datatype != Datatype::Bytes;
        let output = match &self.manifest.outputs.prediction {
            Some(name) => Some(self.of_kind("prediction", name, is_number, "numbers")?),
            None => self.only(is_float),
        };
        match output {
            Some(output) => Ok(Reading::Regression { prediction: output.name.clone() }),
            None => Err(ManifestError::Outputs {
                problem: "no output is told to be the value; name outputs.prediction".into(),
            }),
        }
    }

    /// A single column is the probability of the second of two classes.
    fn check_labels(&self, output: &TensorMetadata) -> Result<(), ManifestError> {
        let classes = match output.shape.as_slice() {
            [_] | [_, 1] => 2,
            [_, classes] => *classes,
            _ => return Ok(()),
        };
        let labels = self.manifest.labels.len();
        if labels > 0 && classes >= 0 && i64::try_from(labels) != Ok(classes) {
            return Err(ManifestError::Labels { labels, output: output.name.clone(), classes });
        }
        Ok(())
    }

    fn of_kind(
        &self,
        role: &str,
        name: &str,
        kind: impl Fn(&TensorMetadata) -> bool,
        words: &str,
    ) -> Result<&'a TensorMetadata, ManifestError> {
        match self.outputs.iter().find(|output| output.name == name) {
            Some(output) if kind(output) => Ok(output),
            Some(output) => Err(ManifestError::Outputs {
                problem: format!("outputs.{role}: output {name:?} is {}, and not {words}", output.datatype),
            }),
            None => Err(ManifestError::Outputs { problem: format!("outputs.{role}: there is no {name:?}") }),
        }
    }

    fn named(&self, names: &[&str], kind: impl Fn(&TensorMetadata) -> bool) -> Option<&'a TensorMetadata> {
        self.outputs.iter().find(|output| kind(output) && names.contains(&output.name.as_str()))
    }

    fn only(&self, kind: impl Fn(&TensorMetadata) -> bool) -> Option<&'a TensorMetadata> {
        let mut fits = self.outputs.iter().filter(|output| kind(output));
        fits.next().filter(|_| fits.next().is_none())
    }
}

fn is_float(output: &TensorMetadata) -> bool {
    output.datatype.is_float()
}

fn is_label(output: &TensorMetadata) -> bool {
    !output.datatype.is_float()
}
