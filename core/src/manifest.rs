//! `model.toml`: what the ONNX file cannot say about a model.
//!
//! The host reads it from TOML and the packed component carries it as JSON; here are only the
//! fields, and in [`Manifest::check`] what must hold between them and the model. Shapes and datatypes are
//! not among the fields: they come from the model.

mod check;
mod translation;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use check::ManifestError;
pub use translation::{FeatureTranslation, Translation};

/// The manifest of a model. Every field may be absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// What the model is called; by default as its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which version this is; by default as its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the model's outputs are read as; by default told from the outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// What the model is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The classes, in the order of the probability columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Fields of a request that the answer repeats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passthrough: Vec<String>,
    /// Which output means what.
    #[serde(skip_serializing_if = "OutputRoles::is_empty")]
    pub outputs: OutputRoles,
    /// The fields of a row. Without any, each input is a feature of its own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureSpec>,
    /// How requests are put together into one prediction; without it each is predicted alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batching: Option<Batching>,
    /// Whether outputs may be kept to answer the next request with the same inputs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub response_cache: bool,
    /// How well the model did in evaluation, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// The words above in other languages, by their tags: "de".
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<String, Translation>,
    /// Where the model comes from: data, script, date.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "plain_table")]
    pub training: Map<String, Value>,
}

/// How requests are put together into one prediction. What is left out is for the host to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Batching {
    /// The most rows of one prediction; a request of as many or more is predicted alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// How long the first request waits for others, in microseconds. Zero waits for a free worker
    /// and no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay_us: Option<u64>,
}

/// What a model's outputs are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One of several classes, with a probability for each.
    Classification,
    /// A number, or several.
    Regression,
    /// Anything else: the outputs are answered as they are.
    Other,
}

/// The ONNX outputs by their meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputRoles {
    /// Classification: the chosen class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Classification: the probability of each class, or of the second one of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<String>,
    /// Regression: the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<String>,
}

impl OutputRoles {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One field of a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// The field's name in a request.
    pub name: String,
    /// What the feature is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is counted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The smallest usual value. For forms and for watching: a smaller one is still predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest usual value; a larger one is still predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// A sensible value for sample rows and forms. A request that leaves the feature out does not
    /// get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether null or no field at all means a missing value: NaN for floats, "" for strings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// The only values there are. Strings for an input of strings, whole numbers for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// The ONNX input that holds the feature; by default the one of the feature's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The column in that input, where features share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
}

impl FeatureSpec {
    /// The ONNX input that holds the feature.
    pub fn input_name(&self) -> &str {
        self.input.as_deref().unwrap_or(&self.name)
    }
}

/// A value of a categorical feature.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, expecting = "a category is a string or a whole number")]
pub enum Category {
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(String),
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
        }
    }
}

impl Manifest {
    /// Reads the manifest that a packed component carries.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Writes the manifest for a packed component; `{}` when it says nothing.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// The training table with TOML's dates as strings: a TOML reader hands a date to serde as a table
/// with one private key.
fn plain_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let mut table = Map::deserialize(deserializer)?;
    table.values_mut().for_each(plain);
    Ok(table)
}

fn plain(value: &mut Value) {
    match value {
        Value::Object(table) => match table.remove("$__toml_private_datetime") {
            Some(date) => *value = date,
            None => table.values_mut().for_each(plain),
        },
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_manifest_is_an_empty_object() {
        assert_eq!(Manifest::from_json("{}").unwrap(), Manifest::default());
        assert_eq!(Manifest::default().to_json().unwrap(), "{}");
    }

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        let json = concat!(
            r#"{"name":"churn","version":"1","task":"classification","description":"d","labels":["No","Yes"],"#,
            r#""passthrough":["customer_id"],"outputs":{"label":"label","probability":"p"},"#,
            r#""features":[{"name":"tenure","unit":"months","min":0.0,"max":72.0,"default":24,"nullable":true,"#,
            r#""input":"x","index":3},{"name":"contract","categories":["One year",2]}],"#,
            r#""batching":{"max_size":32,"max_delay_us":500},"response_cache":true,"#,
            r#""metrics":{"auc":0.84},"translations":{"de":{"description":"D","labels":{"No":"Nein"},"#,
            r#""features":{"contract":{"name":"Vertrag","unit":"u","categories":{"2":"zwei"}}}}},"training":{"rows":7043,"date":"2024-01-01"}}"#
        );
        assert_eq!(Manifest::from_json(json).unwrap().to_json().unwrap(), json);
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let error = Manifest::from_json(r#"{"lables": []}"#).unwrap_err().to_string();
        assert!(error.starts_with("unknown field `lables`"), "{error}");
        let error = Manifest::from_json(r#"{"features": [{"name": "a", "categories": [1.5]}]}"#).unwrap_err();
        assert!(error.to_string().starts_with("a category is a string or a whole number"), "{error}");
    }

    #[test]
    fn a_toml_date_is_kept_as_a_string() {
        let json = r#"{"training": {"date": {"$__toml_private_datetime": "2024-01-01"}}}"#;
        assert_eq!(Manifest::from_json(json).unwrap().training["date"], "2024-01-01");
    }
}
