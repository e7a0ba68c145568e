//! What is different between two versions: what goes in and out, which operators, how good.

use std::collections::BTreeMap;

use edgewit_core::TensorMetadata;
use serde::Serialize;

use crate::pack::description::Description;

/// One difference; what is not there on a side is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `schema`, `operators`, `metrics` or `model`.
    pub part: &'static str,
    /// What differs.
    pub what: String,
    /// In the first version.
    pub from: Option<String>,
    /// In the second.
    pub to: Option<String>,
}

/// What differs from one version to another, part by part.
pub fn differences(from: &Description, to: &Description) -> Vec<Difference> {
    type Facts = BTreeMap<String, String>;
    type Part = (&'static str, fn(&Description) -> Facts);
    let parts: [Part; 4] =
        [("schema", schema), ("operators", operators), ("metrics", metrics), ("model", model)];
    let mut found = vec![];
    for (part, facts) in parts {
        let (before, after) = (facts(from), facts(to));
        let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
        found.extend(names.filter(|name| before.get(*name) != after.get(*name)).map(|name| Difference {
            part,
            what: name.clone(),
            from: before.get(name).cloned(),
            to: after.get(name).cloned(),
        }));
    }
    found
}

fn schema(description: &Description) -> BTreeMap<String, String> {
    let tensor = |kind: &str, tensor: &TensorMetadata| {
        let shape = tensor.shape.iter().map(|axis| if *axis < 0 { "N".into() } else { axis.to_string() });
        let shape = shape.collect::<Vec<_>>().join(", ");
        let labels =
            if tensor.labels.is_empty() { String::new() } else { format!(": {}", tensor.labels.join(", ")) };
        (format!("{kind} {}", tensor.name), format!("{} [{shape}]{labels}", tensor.datatype))
    };
    let model = &description.model;
    let inputs = model.inputs.iter().map(|input| tensor("input", input));
    let outputs = model.outputs.iter().map(|output| tensor("output", output));
    let features = model.manifest.features.iter().map(|feature| {
        let text = serde_json::to_string(feature).unwrap_or_default();
        (format!("feature {}", feature.name), text)
    });
    let labels =
        (!model.manifest.labels.is_empty()).then(|| ("labels".into(), model.manifest.labels.join(", ")));
    inputs.chain(outputs).chain(features).chain(labels).collect()
}

fn operators(description: &Description) -> BTreeMap<String, String> {
    let name =
        |domain: &str, name: &str| if domain.is_empty() { name.into() } else { format!("{domain}.{name}") };
    let nodes = |nodes: u32| if nodes == 1 { "1 node".into() } else { format!("{nodes} nodes") };
    let operators = &description.operators;
    operators.iter().map(|operator| (name(&operator.domain, &operator.name), nodes(operator.nodes))).collect()
}

fn metrics(description: &Description) -> BTreeMap<String, String> {
    let metrics = &description.model.manifest.metrics;
    metrics.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

fn model(description: &Description) -> BTreeMap<String, String> {
    let execution = description.interpreted.as_ref().map_or("planned", |_| "node by node");
    let training = description.model.manifest.training.iter();
    let training = training.map(|(key, value)| (format!("training {key}"), value.to_string()));
    let digest = ("sha256".to_owned(), description.model.digest.clone());
    [digest, ("execution".into(), execution.into())].into_iter().chain(training).collect()
}
