//! The words of a manifest in other languages, for the pages that show the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Category, FeatureSpec, Manifest, ManifestError};

/// The manifest's words in one language. What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Translation {
    /// What the model is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Classes by their labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Features by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, FeatureTranslation>,
}

/// A feature's words in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureTranslation {
    /// What a form calls it; a request has the feature's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the feature is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is counted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Categories by their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, String>,
}

impl Manifest {
    /// Checks that what is translated is there.
    pub(super) fn check_translations(&self) -> Result<(), ManifestError> {
        for (language, translation) in &self.translations {
            let error = |problem: String| ManifestError::Translation { language: language.clone(), problem };
            let unknown = |label: &&String| !self.labels.is_empty() && !self.labels.contains(label);
            if let Some(label) = translation.labels.keys().find(unknown) {
                return Err(error(format!("there is no label {label:?}")));
            }
            for (name, words) in &translation.features {
                let Some(feature) = self.features.iter().find(|feature| feature.name == *name) else {
                    return Err(error(format!("there is no feature {name:?}")));
                };
                if let Some(category) = words.categories.keys().find(|category| !feature.has(category)) {
                    return Err(error(format!("feature {name:?} has no category {category:?}")));
                }
            }
        }
        Ok(())
    }
}

impl FeatureSpec {
    fn has(&self, text: &str) -> bool {
        self.categories.iter().any(|category| match category {
            Category::Integer(value) => value.to_string() == text,
            Category::Text(value) => value == text,
        })
    }
}
