//! What this host serves, as an OpenAPI 3.1 document, made of the models that are in service.
//!
//! Each model has paths of its own, so that a request's schema is that of its features and tensors. `schema` turns
//! those into JSON Schemas; here are the paths.

mod schema;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use edgewit_core::{ModelMetadata, RowSchema};
use serde_json::{Map, Value, json};

use super::App;
use crate::serving::Deployment;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/openapi.json", get(|State(app): State<App>| async move { Json(document(&app)) }))
}

fn document(app: &App) -> Value {
    let mut document = Document::default();
    document.host(app.registry.find(None, None).is_ok_and(|default| default.row_schema().is_ok()));
    let deployments = app.registry.deployments();
    for (ix, deployment) in deployments.iter().enumerate() {
        let name = &deployment.metadata.name;
        // Of several versions the last is the highest, which answers.
        if deployments.get(ix + 1).is_none_or(|next| next.metadata.name != *name) {
            document.model(deployment, app.limits.rows);
        }
    }
    if let Ok(default) = app.registry.find(None, None) {
        document.default_model(&default);
    }
    let Document { paths, schemas } = document;
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Edgewit",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Predictions of ONNX models, each computed in a WebAssembly sandbox of its own.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

#[derive(Default)]
struct Document {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

/// What a path's operation is, before it is written.
struct Operation<'a> {
    id: String,
    tag: &'a str,
    summary: String,
    /// The schema of the body and a body that is answered.
    body: Option<(Value, Value)>,
    /// The schema of the answer; none where it is empty.
    answer: Option<Value>,
    errors: &'a [u16],
}

const PREDICTION_ERRORS: &[u16] = &[400, 404, 413, 415, 500, 501, 503, 504];

impl Document {
    fn add(&mut self, method: &str, path: &str, operation: Operation<'_>) {
        let Operation { id, tag, summary, body, answer, errors } = operation;
        let mut responses = Map::new();
        let content = answer.map(|schema| json!({ "application/json": { "schema": schema } }));
        let mut ok = json!({ "description": "The answer." });
        if let Some(content) = content {
            ok["content"] = content;
        }
        responses.insert("200".into(), ok);
        for status in errors {
            let content = json!({ "application/json": { "schema": reference("Error") } });
            let response = json!({ "description": meaning(*status), "content": content });
            responses.insert(status.to_string(), response);
        }
        let mut written = json!({
            "operationId": id, "tags": [tag], "summary": summary, "responses": responses,
        });
        if let Some((schema, example)) = body {
            let content = json!({ "application/json": { "schema": schema, "example": example } });
            written["requestBody"] = json!({ "required": true, "content": content });
        }
        let parameters = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = parameters.map(
            |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }),
        );
        let parameters = parameters.collect::<Vec<_>>();
        if !parameters.is_empty() {
            written["parameters"] = parameters.into();
        }
        let place = self.paths.entry(path).or_insert_with(|| json!({}));
        place[method] = written;
    }

    fn get(&mut self, path: &str, id: &str, tag: &str, summary: &str, answer: Option<Value>, errors: &[u16]) {
        let (id, summary) = (id.to_owned(), summary.to_owned());
        self.add("get", path, Operation { id, tag, summary, body: None, answer, errors });
    }

    /// What does not depend on the models.
    fn host(&mut self, rows: bool) {
        self.schemas.extend(schema::common());
        let object = || Some(json!({ "type": "object" }));
        let health = "health";
        self.get("/health", "health", health, "Every model version and how far it is", object(), &[]);
        self.get("/health/live", "live", health, "The process answers", object(), &[]);
        self.get("/health/ready", "ready", health, "Every model is ready", object(), &[]);
        for path in ["/health", "/health/ready", "/v2/health/ready"] {
            if path.starts_with("/v2") {
                self.get(path, "v2_ready", "protocol", "Every model is ready", object(), &[]);
            }
            let not_ready = json!({
                "description": meaning(503),
                "content": { "application/json": { "schema": { "type": "object" } } },
            });
            self.paths[path]["get"]["responses"]["503"] = not_ready;
        }
        self.get("/v2/health/live", "v2_live", "protocol", "The process answers", object(), &[]);
        self.get("/v2", "server", "protocol", "Name, version, extensions", Some(reference("Server")), &[]);
        let metrics = json!({ "description": "The metrics.", "content": { "text/plain": {} } });
        self.get("/metrics", "metrics", health, "Metrics for Prometheus", None, &[]);
        self.paths["/metrics"]["get"]["responses"]["200"] = metrics;
        let index = Operation {
            id: "index".into(),
            tag: "repository",
            summary: "Every model version and its state".into(),
            body: Some((reference("IndexRequest"), json!({ "ready": false }))),
            answer: Some(json!({ "type": "array", "items": reference("IndexEntry") })),
            errors: &[400, 413],
        };
        self.add("post", "/v2/repository/index", index);
        let version = "/v2/models/{model}/versions/{version}";
        let errors = &[404, 503];
        self.get(version, "version", "protocol", "A version's tensors", Some(reference("Model")), errors);
        self.get("/v2/models/stats", "stats", "protocol", "What was counted of every model", object(), &[]);
        let stats = format!("{version}/stats");
        self.get(&stats, "version_stats", "protocol", "What was counted of a version", object(), errors);
        let ready = format!("{version}/ready");
        self.get(&ready, "version_ready", "protocol", "Whether a version answers", None, errors);
        let config = format!("{version}/config");
        self.get(&config, "version_config", "protocol", "A version's configuration", object(), errors);
        if rows {
            self.paths.insert("/predict".into(), json!({}));
            self.paths.insert("/predict/batch".into(), json!({}));
        }
    }

    /// The paths of a model.
    fn model(&mut self, deployment: &Deployment, max_rows: usize) {
        let model = &deployment.metadata;
        let name = &model.name;
        if let Ok(rows) = deployment.row_schema() {
            let row = format!("{name}.Row");
            let about = model.manifest.description.as_deref();
            self.schemas.insert(row.clone(), schema::row(rows, &model.manifest.passthrough, about));
            let sample = Value::Object(rows.sample_row());
            let count = usize::try_from(rows.fixed_rows().unwrap_or(1)).unwrap_or(1);
            if count == 1 {
                let one = Operation {
                    id: format!("{name}.predict"),
                    tag: name,
                    summary: "One row of features".into(),
                    body: Some((reference(&row), sample.clone())),
                    answer: Some(reference("Prediction")),
                    errors: PREDICTION_ERRORS,
                };
                self.add("post", &format!("/models/{name}/predict"), one);
            }
            let batch = Operation {
                id: format!("{name}.batch"),
                tag: name,
                summary: "Several rows of features".into(),
                body: Some((
                    schema::batch(&reference(&row), rows.fixed_rows(), max_rows),
                    json!({ "instances": vec![sample; count] }),
                )),
                answer: Some(reference("Predictions")),
                errors: PREDICTION_ERRORS,
            };
            self.add("post", &format!("/models/{name}/predict/batch"), batch);
        }
        self.protocol(model, deployment.row_schema().ok());
    }

    /// The protocol's paths of a model.
    fn protocol(&mut self, model: &ModelMetadata, rows: Option<&RowSchema>) {
        let name = &model.name;
        let path = format!("/v2/models/{name}");
        let errors = &[404, 503];
        let id = |what: &str| format!("{name}.{what}");
        self.get(&path, &id("metadata"), name, "Inputs and outputs", Some(reference("Model")), errors);
        let ready = format!("{path}/ready");
        self.get(&ready, &id("ready"), name, "Whether the model answers", None, errors);
        let config = format!("{path}/config");
        let object = json!({ "type": "object" });
        self.get(&config, &id("config"), name, "The configuration", Some(object), errors);
        let stats = format!("{path}/stats");
        self.get(
            &stats,
            &id("stats"),
            name,
            "What was counted of the model",
            Some(json!({ "type": "object" })),
            errors,
        );
        let request = format!("{name}.InferRequest");
        self.schemas.insert(request.clone(), schema::infer_request(model));
        let infer = Operation {
            id: id("infer"),
            tag: name,
            summary: "Tensors in, tensors out".into(),
            body: Some((reference(&request), schema::infer_example(model, rows))),
            answer: Some(reference("InferResponse")),
            errors: PREDICTION_ERRORS,
        };
        let infer_path = format!("{path}/infer");
        self.add("post", &infer_path, infer);
        let header = json!({
            "name": "Inference-Header-Content-Length",
            "in": "header",
            "description": "How many bytes of the body are JSON, where binary tensors follow it.",
            "schema": { "type": "integer", "minimum": 0 },
        });
        self.paths[&infer_path]["post"]["parameters"] = json!([header]);
        let binary = json!({ "description": "JSON, and binary tensors behind it." });
        let content = &mut self.paths[&infer_path]["post"]["responses"]["200"]["content"];
        content["application/octet-stream"] = binary;
    }

    /// The paths that name no model are those of the default one.
    fn default_model(&mut self, default: &Deployment) {
        for kind in ["predict", "predict/batch"] {
            let named = format!("/models/{}/{kind}", default.metadata.name);
            let Some(mut operation) = self.paths.get(&named).cloned() else {
                self.paths.remove(&format!("/{kind}"));
                continue;
            };
            operation["post"]["operationId"] = format!("default.{}", kind.replace('/', ".")).into();
            operation["post"]["tags"] = json!(["default model"]);
            self.paths.insert(format!("/{kind}"), operation);
        }
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is wrong; the text says where.",
        404 => "There is no such model or version.",
        413 => "The body or the batch is too large.",
        415 => "The body is compressed in an unknown way.",
        501 => "The model cannot do this.",
        503 => "The model is not ready, or the host is busy; try again.",
        504 => "The prediction took too long.",
        _ => "The model failed on this request.",
    }
}
