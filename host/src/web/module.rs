//! The ES module of a model: what is the same for every model from files, and the model's own rows described.

use std::collections::BTreeMap;

use edgewit_core::manifest::Category;
use edgewit_core::rows::Feature;
use edgewit_core::{Datatype, RowSchema};
use serde_json::{Map, Value, json};

use super::File;
use super::translate::Build;
use crate::pack::description::Description;

/// What is the same for every model, and of use to the page, too.
pub(super) const FILES: [(&str, &str); 3] = [
    ("link.js", include_str!("../../../components/browser/module/link.js")),
    ("loader.js", include_str!("../../../components/browser/module/loader.js")),
    ("scorer.js", include_str!("../../../components/browser/module/scorer.js")),
];
const PREDICTOR: &str = include_str!("../../../components/browser/module/predictor.js");
const TYPES: &str = include_str!("../../../components/browser/module/predictor.d.ts");
const README: &str = include_str!("../../../components/browser/module/README.md");

/// `predictor.js` with its types and what it imports, package.json, README.md.
pub(super) fn files(description: &Description, schema: Option<&RowSchema>, builds: &[Build]) -> Vec<File> {
    let name = package_name(&description.model.name);
    let sample = schema.map(RowSchema::sample_row).unwrap_or_default();
    let model = Value::Object(model(description, schema, &sample));
    let about = format!(
        "// What is known of the model, and its builds, the fastest first.\n\
         export const model = {model:#};\n\
         export const builds = {{\n{}}};\n",
        builds.iter().map(loader).collect::<String>()
    );
    let readme = README
        .replace("{package}", &name)
        .replace("{about}", description.model.manifest.description.as_deref().unwrap_or("A model."))
        .replace("{row}", &example(&sample))
        .replace("{digest}", &description.model.digest);
    let mut files = FILES.map(|(path, text)| File::new(path, text)).to_vec();
    files.extend([
        File::new("predictor.js", PREDICTOR),
        File::new("model.js", about),
        File::new(
            "predictor.d.ts",
            TYPES
                .replace("/*{Row}*/", &row_type(schema, &description.model.manifest.passthrough))
                .replace("/*{Label}*/", &label_type(schema)),
        ),
        File::new("package.json", format!("{:#}\n", package(description, &name, builds))),
        File::new("README.md", readme),
    ]);
    files
}

/// `model.json`: what `model.js` says, for a page that asks for it with a key, which no import can carry.
pub(super) fn described(description: &Description, schema: Option<&RowSchema>, builds: &[Build]) -> File {
    let sample = schema.map(RowSchema::sample_row).unwrap_or_default();
    let builds = builds.iter().map(|build| {
        let modules = build.modules.iter().cloned().collect::<BTreeMap<_, _>>();
        let files = json!({ "bindings": format!("{}/bindings.js", build.name), "modules": modules });
        (build.name.to_owned(), files)
    });
    let builds = builds.collect::<Map<_, _>>();
    let model = model(description, schema, &sample);
    File::new("model.json", json!({ "model": model, "builds": builds }).to_string())
}

/// A build as `loader.js` wants it; addresses as bundlers find them.
fn loader(build: &Build) -> String {
    let name = build.name;
    let address = |file: &str| format!("new URL({}, import.meta.url)", json!(format!("./{file}")));
    let modules =
        build.modules.iter().map(|(path, file)| format!("      {}: {},\n", json!(path), address(file)));
    format!(
        "  {name}: {{\n    bindings: {},\n    instantiate: async (...parts) => (await import(\"./{name}/bindings.js\")).instantiate(...parts),\n    \
         modules: {{\n{}    }},\n  }},\n",
        address(&format!("{name}/bindings.js")),
        modules.collect::<String>()
    )
}

/// What the page and its users want to know of the model.
fn model(
    description: &Description,
    schema: Option<&RowSchema>,
    sample: &Map<String, Value>,
) -> Map<String, Value> {
    let model = &description.model;
    let features = schema.map(|schema| schema.features().iter().map(feature).collect::<Vec<_>>());
    let operators = description.operators.iter().map(|operator| match &*operator.domain {
        "" => json!([operator.name, operator.nodes]),
        domain => json!([format!("{domain}.{}", operator.name), operator.nodes]),
    });
    let mut about = Map::new();
    about.insert("name".into(), json!(model.name));
    about.insert("version".into(), json!(model.version));
    about.insert("digest".into(), json!(model.digest));
    about.insert("manifest".into(), json!(model.manifest));
    about.insert("labels".into(), json!(schema.map(RowSchema::labels).unwrap_or_default()));
    about.insert("features".into(), json!(features.unwrap_or_default()));
    about.insert("sample".into(), json!(sample));
    about.insert("inputs".into(), json!(model.inputs));
    about.insert("outputs".into(), json!(model.outputs));
    about.insert("operators".into(), operators.collect());
    about.insert("edgewit".into(), json!(env!("CARGO_PKG_VERSION")));
    about
}

fn feature(feature: &Feature) -> Value {
    let mut about = json!(feature.spec);
    about["datatype"] = json!(feature.datatype);
    about["shape"] = json!(feature.row_shape());
    about
}

/// The TypeScript type of a row.
fn row_type(schema: Option<&RowSchema>, passthrough: &[String]) -> String {
    let Some(schema) = schema else { return "never".into() };
    let fields = schema.features().iter().map(|feature| {
        let spec = &feature.spec;
        let texts =
            spec.description.iter().cloned().chain(spec.unit.as_ref().map(|unit| format!("in {unit}")));
        let text = texts.collect::<Vec<_>>().join(", ").replace("*/", "* /");
        let doc = if text.is_empty() { text } else { format!("  /** {text} */\n") };
        let optional = feature.spec.nullable && feature.row_shape().is_none();
        let (mark, null) = if optional { ("?", " | null") } else { ("", "") };
        format!("{doc}  {}{mark}: {}{null};\n", json!(feature.name()), value_type(feature))
    });
    let passed = passthrough.iter().map(|name| format!("  {}?: unknown;\n", json!(name)));
    format!("{{\n{}}}", fields.chain(passed).collect::<String>())
}

fn value_type(feature: &Feature) -> String {
    if feature.row_shape().is_some() {
        return "NestedNumbers".into();
    }
    let categories = feature.spec.categories.iter().map(|category| match category {
        Category::Integer(value) => value.to_string(),
        Category::Text(text) => json!(text).to_string(),
    });
    match (feature.spec.categories.is_empty(), feature.datatype) {
        (false, _) => categories.collect::<Vec<_>>().join(" | "),
        (true, Datatype::Bytes) => "string".into(),
        (true, Datatype::Bool) => "boolean".into(),
        (true, _) => "number".into(),
    }
}

fn label_type(schema: Option<&RowSchema>) -> String {
    let labels = schema.map(RowSchema::labels).unwrap_or_default();
    let labels = labels.iter().map(|label| json!(label).to_string()).collect::<Vec<_>>();
    if labels.is_empty() { "string".into() } else { labels.join(" | ") }
}

/// Two features of a sample row, to be put over the rest of it.
fn example(sample: &Map<String, Value>) -> String {
    let short = sample.iter().filter(|(_, value)| !value.is_array()).take(2);
    let fields = short.map(|(name, value)| format!("{}: {value}", json!(name))).collect::<Vec<_>>();
    if fields.is_empty() {
        "...model.sample".into()
    } else {
        format!("...model.sample, {}", fields.join(", "))
    }
}

fn package(description: &Description, name: &str, builds: &[Build]) -> Value {
    let own = ["predictor.js", "predictor.d.ts", "link.js", "loader.js", "scorer.js", "model.js"];
    json!({
        "name": name,
        "version": package_version(&description.model.version),
        "description": description.model.manifest.description,
        "type": "module",
        "exports": { ".": { "types": "./predictor.d.ts", "default": "./predictor.js" } },
        "types": "./predictor.d.ts",
        "files": own.iter().copied().chain(builds.iter().map(|build| build.name)).collect::<Vec<_>>(),
        "sideEffects": false,
        "keywords": ["onnx", "webassembly", "inference"],
    })
}

/// The name in the form that npm takes: lower case, and nothing that a URL would escape.
fn package_name(name: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c.to_ascii_lowercase() } else { '-' }
    };
    let name = name.chars().map(safe).collect::<String>();
    let name = name.trim_start_matches(['.', '_', '-']);
    if name.is_empty() { "model".into() } else { name.into() }
}

/// The version in the form that npm takes: of three numbers.
fn package_version(version: &str) -> String {
    let numbers =
        version.split('.').map(str::parse::<u32>).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    let number = |ix: usize| numbers.get(ix).copied().unwrap_or(0);
    format!("{}.{}.{}", number(0), number(1), number(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_what_npm_takes() {
        for (name, expect) in
            [("churn", "churn"), ("Köln 7", "k-ln-7"), ("_.x", "x"), ("", "model"), ("é", "model")]
        {
            assert_eq!(package_name(name), expect, "{name}");
        }
        for (version, expect) in
            [("1", "1.0.0"), ("2.10", "2.10.0"), ("1.2.3.4", "1.2.3"), ("v1-rc", "0.0.0")]
        {
            assert_eq!(package_version(version), expect, "{version}");
        }
    }
}
