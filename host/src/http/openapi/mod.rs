//! What this host serves, as an OpenAPI 3.1 document, made of the models that are in service.
//!
//! Each model has paths of its own, so that a request's schema is that of its features and tensors. `schema` turns
//! those into JSON Schemas; here are the paths.

mod schema;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use edgewit_core::{ModelMetadata, RowSchema};
use serde_json::{Map, Value, json};

use super::{App, Gate};
use crate::auth::API_KEY;
use crate::serving::Deployment;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi.json", get(|State(app): State<Arc<App>>| async move { Json(document(&app)) }))
}

fn document(app: &App) -> Value {
    let mut document = Document { schemas: schema::common(), ..Document::default() };
    if let Ok(default) = app.registry.find(None, None) {
        document.rows("", "default", "default model", &default, app.limits.rows);
    }
    let deployments = app.registry.deployments();
    for (ix, deployment) in deployments.iter().enumerate() {
        let name = &deployment.metadata.name;
        // Of several versions the last is the highest, which answers.
        if deployments.get(ix + 1).is_none_or(|next| next.metadata.name != *name) {
            document.rows(&format!("/models/{name}"), name, name, deployment, app.limits.rows);
            document.protocol(&deployment.metadata, deployment.row_schema().ok());
            document.watched(app, deployment);
        }
    }
    if app.watch.records.is_some() && app.registry.find(None, None).is_ok() {
        document.feedback("/feedback", "default", "default model");
    }
    document.any_model();
    document.host();
    document.gate(&app.gate);
    let Document { paths, schemas, security } = document;
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Edgewit",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Predictions of ONNX models, each computed in a WebAssembly sandbox of its own.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security },
    })
}

#[derive(Default)]
struct Document {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    security: Map<String, Value>,
}

/// What a path's operation is, before it is written.
struct Operation<'a> {
    id: String,
    tag: &'a str,
    summary: &'a str,
    /// The schema of the body and a body that is answered; an empty one may be left out.
    body: Option<(Value, Value)>,
    /// The schema of the answer; none where it is empty.
    answer: Option<Value>,
    errors: &'a [u16],
}

const PREDICTION_ERRORS: &[u16] = &[400, 404, 408, 413, 415, 500, 501, 503, 504];
const MODEL_ERRORS: &[u16] = &[404, 503];

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
            responses.insert(status.to_string(), error(*status));
        }
        let mut written = json!({
            "operationId": id, "tags": [tag], "summary": summary, "responses": responses,
        });
        if let Some((schema, example)) = body {
            let required = example != json!({});
            let content = json!({ "application/json": { "schema": schema, "example": example } });
            written["requestBody"] = json!({ "required": required, "content": content });
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
        let id = id.to_owned();
        self.add("get", path, Operation { id, tag, summary, body: None, answer, errors });
    }

    /// A path whose answer is of the same form whether all is ready or not.
    fn ready(&mut self, path: &str, id: &str, tag: &str, summary: &str) {
        self.get(path, id, tag, summary, object(), &[503]);
        let responses = &mut self.paths[path]["get"]["responses"];
        responses["503"]["content"] = responses["200"]["content"].clone();
    }

    /// The paths of rows of a model below `path`.
    fn rows(&mut self, path: &str, id: &str, tag: &str, deployment: &Deployment, max_rows: usize) {
        let Ok(rows) = deployment.row_schema() else { return };
        let manifest = &deployment.metadata.manifest;
        let row = format!("{}.Row", deployment.metadata.name);
        let schema = schema::row(rows, &manifest.passthrough, manifest.description.as_deref());
        self.schemas.insert(row.clone(), schema);
        let row = reference(&row);
        let sample = Value::Object(rows.sample_row());
        let count = usize::try_from(rows.fixed_rows().unwrap_or(1)).unwrap_or(1);
        let batch = Operation {
            id: format!("{id}.batch"),
            tag,
            summary: "Several rows of features",
            body: Some((
                schema::batch(&row, rows.fixed_rows(), max_rows),
                json!({ "instances": vec![sample.clone(); count] }),
            )),
            answer: Some(reference("Predictions")),
            errors: PREDICTION_ERRORS,
        };
        let one = Operation {
            id: format!("{id}.predict"),
            summary: "One row of features",
            body: Some((row, sample)),
            answer: Some(reference("Prediction")),
            ..batch
        };
        if count == 1 {
            self.add("post", &format!("{path}/predict"), one);
        }
        self.add("post", &format!("{path}/predict/batch"), batch);
    }

    /// The paths that have the model as a parameter.
    fn any_model(&mut self) {
        let (protocol, repository) = ("protocol", "repository");
        self.get("/v2", "server", protocol, "Name, version, extensions", Some(reference("Server")), &[]);
        self.get("/v2/health/live", "v2.live", protocol, "The process answers", object(), &[]);
        self.ready("/v2/health/ready", "v2.ready", protocol, "Every model is ready");
        self.get("/v2/models/stats", "stats", protocol, "What was counted of every model", object(), &[]);
        let version = "/v2/models/{model}/versions/{version}";
        for (path, id, summary, answer) in [
            ("", "version.metadata", "Inputs and outputs of a version", Some(reference("Model"))),
            ("/ready", "version.ready", "Whether a version answers", None),
            ("/config", "version.config", "A version's configuration", object()),
            ("/stats", "version.stats", "What was counted of a version", object()),
        ] {
            self.get(&format!("{version}{path}"), id, protocol, summary, answer, MODEL_ERRORS);
        }
        let index = Operation {
            id: "index".into(),
            tag: repository,
            summary: "Every model version and its state",
            body: Some((reference("IndexRequest"), json!({}))),
            answer: Some(json!({ "type": "array", "items": reference("IndexEntry") })),
            errors: &[400, 413],
        };
        self.add("post", "/v2/repository/index", index);
        for (action, summary) in [
            ("load", "Take a model as it lies on disk into service"),
            ("unload", "Take a model out of service"),
        ] {
            let body = Some((json!({ "type": "object" }), json!({})));
            let (id, errors) = (action.into(), &[400, 404, 413, 501]);
            let operation = Operation { id, tag: repository, summary, body, answer: None, errors };
            self.add("post", &format!("/v2/repository/models/{{model}}/{action}"), operation);
        }
    }

    /// What the gate asks, on every path that is here.
    fn gate(&mut self, gate: &Gate) {
        for (path, methods) in &mut self.paths {
            let asks = gate.asks(path);
            let statuses = asks.key.then_some([401, 403]).into_iter().flatten();
            let statuses = statuses.chain(asks.patience.then_some(429)).collect::<Vec<u16>>();
            for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
                for status in &statuses {
                    operation["responses"][status.to_string()] = error(*status);
                }
                if asks.key {
                    operation["security"] = json!([{ "bearer": [] }, { "key": [] }]);
                }
            }
            if asks.key && self.security.is_empty() {
                let bearer = "An API key, or a JSON Web Token where the host takes those.";
                let bearer = json!({ "type": "http", "scheme": "bearer", "description": bearer });
                let key = json!({ "type": "apiKey", "in": "header", "name": API_KEY.as_str() });
                self.security = Map::from_iter([("bearer".into(), bearer), ("key".into(), key)]);
            }
        }
    }

    /// The paths of what is known of a model in use, as far as this host knows it.
    fn watched(&mut self, app: &App, deployment: &Deployment) {
        let name = &deployment.metadata.name;
        let path = format!("/models/{name}");
        if app.watch.records.is_some() {
            self.feedback(&format!("{path}/feedback"), name, name);
            let (path, id) = (format!("{path}/performance"), format!("{name}.performance"));
            let summary = "How often its versions were right, of predictions whose truth is known";
            self.get(&path, &id, name, summary, object(), MODEL_ERRORS);
            self.paths[&path]["get"]["parameters"] = json!([{
                "name": "segment", "in": "query", "schema": { "type": "string" },
                "description": "A feature whose values are told apart.",
            }]);
        }
        if deployment.baseline.is_some() {
            let summary = "How far the data of its versions are from their baselines";
            self.get(
                &format!("{path}/drift"),
                &format!("{name}.drift"),
                name,
                summary,
                object(),
                MODEL_ERRORS,
            );
        }
    }

    fn feedback(&mut self, path: &str, id: &str, tag: &str) {
        let feedback = Operation {
            id: format!("{id}.feedback"),
            tag,
            summary: "The truth about predictions, stored when this is answered",
            body: Some((reference("Feedback"), json!({ "request_id": "a request's id", "label": "Yes" }))),
            answer: Some(reference("FeedbackStored")),
            errors: &[400, 404, 413, 503],
        };
        self.add("post", path, feedback);
    }

    /// Health and metrics.
    fn host(&mut self) {
        let tag = "host";
        self.ready("/health", "health", tag, "Every model version and how far it is");
        self.get("/health/live", "live", tag, "The process answers", object(), &[]);
        self.ready("/health/ready", "ready", tag, "Every model is ready");
        self.get("/metrics", "metrics", tag, "Metrics for Prometheus", None, &[]);
        let text = json!({ "schema": { "type": "string" } });
        let content = json!({ "text/plain": text, "application/openmetrics-text": text });
        self.paths["/metrics"]["get"]["responses"]["200"]["content"] = content;
    }

    /// The protocol's paths of a model.
    fn protocol(&mut self, model: &ModelMetadata, rows: Option<&RowSchema>) {
        let name = &model.name;
        let path = format!("/v2/models/{name}");
        let id = |what: &str| format!("{name}.{what}");
        for (part, what, summary, answer) in [
            ("", "metadata", "Inputs and outputs", Some(reference("Model"))),
            ("/ready", "ready", "Whether the model answers", None),
            ("/config", "config", "The configuration", object()),
            ("/stats", "stats", "What was counted of the model", object()),
        ] {
            self.get(&format!("{path}{part}"), &id(what), name, summary, answer, MODEL_ERRORS);
        }
        let request = format!("{name}.InferRequest");
        self.schemas.insert(request.clone(), schema::infer_request(model));
        let infer = Operation {
            id: id("infer"),
            tag: name,
            summary: "Tensors in, tensors out",
            body: Some((reference(&request), schema::infer_example(model, rows))),
            answer: Some(reference("InferResponse")),
            errors: PREDICTION_ERRORS,
        };
        let infer_path = format!("{path}/infer");
        self.add("post", &infer_path, infer);
        let text = "Tensors may follow the JSON as bytes, as in Triton's binary tensor data extension, with the header \
                    Inference-Header-Content-Length saying how much is JSON.";
        self.paths[&infer_path]["post"]["description"] = text.into();
        let binary = json!({ "schema": { "description": "JSON, and binary tensors behind it." } });
        let content = &mut self.paths[&infer_path]["post"]["responses"]["200"]["content"];
        content["application/octet-stream"] = binary;
    }
}

fn object() -> Option<Value> {
    Some(json!({ "type": "object" }))
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn error(status: u16) -> Value {
    let content = json!({ "application/json": { "schema": reference("Error") } });
    json!({ "description": meaning(status), "content": content })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is wrong; the text says where.",
        401 => "This takes a key or token that is good.",
        403 => "The key or token is not good for this.",
        404 => "There is no such model or version.",
        408 => "The body came too slowly.",
        413 => "The body or the batch is too large.",
        415 => "The body is compressed in an unknown way.",
        429 => "Too many requests; the answer says when to come again.",
        501 => "The model cannot do this.",
        503 => "The model is not ready, or the host is busy; try again.",
        504 => "The prediction took too long.",
        _ => "The model failed on this request.",
    }
}
