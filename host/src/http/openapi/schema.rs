//! JSON Schemas of features, tensors and answers.

use edgewit_core::manifest::Category;
use edgewit_core::rows::{Feature, Rows};
use edgewit_core::{Data, Datatype, ModelMetadata, RowSchema, Tensor, TensorMetadata};
use serde_json::{Map, Value, json};

/// Schemas that do not depend on the models.
pub(super) fn common() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let tensor = json!({
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": text, "datatype": datatypes(), "shape": { "type": "array", "items": { "type": "integer" } },
        },
    });
    let answer = json!({ "model": text, "model_version": text, "timestamp": { "type": "string", "format": "date-time" } });
    let with = |field: Value| {
        let mut properties = answer.clone();
        if let (Value::Object(properties), Value::Object(field)) = (&mut properties, field) {
            properties.extend(field);
        }
        let required = properties.as_object().map(|all| all.keys().cloned().collect::<Vec<_>>());
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let output = json!({
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": text, "datatype": datatypes(),
            "shape": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            "parameters": { "type": "object" },
            "data": { "type": "array" },
        },
    });
    let feedback = json!({
        "type": "object",
        "required": ["label"],
        "properties": {
            "request_id": text,
            "row": { "type": "integer", "minimum": 0, "description": "The row of a batch, counted from 0." },
            "key": { "type": ["string", "number"], "description": "In place of request_id: the business key." },
            "label": { "type": ["string", "number", "boolean"], "description": "The true class or value." },
        },
        "additionalProperties": false,
    });
    let schemas = json!({
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": text,
                "row": { "type": "integer", "minimum": 0, "description": "The row of a batch, counted from 0." },
                "feature": text,
                "request_id": text,
            },
        },
        "Prediction": with(json!({ "prediction": {} })),
        "Predictions": with(json!({
            "predictions": { "type": "array", "items": { "type": "object", "required": ["prediction"] } },
            "count": { "type": "integer", "minimum": 1 },
        })),
        "Server": {
            "type": "object",
            "required": ["name", "version", "extensions"],
            "properties": { "name": text, "version": text, "extensions": { "type": "array", "items": text } },
        },
        "Model": {
            "type": "object",
            "required": ["name", "platform", "inputs", "outputs"],
            "properties": {
                "name": text, "versions": { "type": "array", "items": text }, "platform": text,
                "inputs": { "type": "array", "items": tensor }, "outputs": { "type": "array", "items": tensor },
            },
        },
        "InferResponse": {
            "type": "object",
            "required": ["model_name", "model_version", "outputs"],
            "properties": {
                "model_name": text, "model_version": text, "id": text,
                "outputs": { "type": "array", "items": output },
            },
        },
        "Feedback": { "oneOf": [feedback, { "type": "array", "items": feedback, "minItems": 1 }] },
        "FeedbackStored": {
            "type": "object",
            "required": ["stored"],
            "properties": {
                "stored": { "type": "integer", "minimum": 1 },
                "unknown": { "type": "array", "items": text, "description": "Keys that no prediction has." },
            },
        },
        "IndexRequest": { "type": "object", "properties": { "ready": { "type": "boolean" } } },
        "IndexEntry": {
            "type": "object",
            "required": ["name", "version", "state", "reason"],
            "properties": {
                "name": text, "version": text, "reason": text,
                "state": { "enum": ["READY", "LOADING", "UNAVAILABLE"] },
            },
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

fn datatypes() -> Value {
    json!({ "enum": Datatype::ALL.map(Datatype::name) })
}

/// A row of a model's features, and of what is passed through.
pub(super) fn row(rows: &RowSchema, passthrough: &[String], description: Option<&str>) -> Value {
    let echoed = passthrough.iter().map(|name| {
        (name.clone(), json!({ "description": "Repeated in the answer; the model does not see it." }))
    });
    let features = rows.features().iter().map(|feature| (feature.name().to_owned(), self::feature(feature)));
    let required =
        rows.features().iter().filter(|feature| !feature.spec.nullable || feature.row_shape().is_some());
    let mut schema = json!({
        "type": "object",
        "required": required.map(Feature::name).collect::<Vec<_>>(),
        "properties": echoed.chain(features).collect::<Map<_, _>>(),
        "additionalProperties": false,
    });
    if let Some(description) = description {
        schema["description"] = description.into();
    }
    schema
}

fn feature(feature: &Feature) -> Value {
    let mut schema = match feature.row_shape() {
        None => single(feature),
        Some(shape) => {
            let nested = shape.iter().rev().fold(single(feature), |items, length| list(items, *length));
            let count = shape.iter().try_fold(1, |count, length| (*length > 0).then(|| count * length));
            match count.filter(|_| shape.len() > 1) {
                Some(count) => json!({ "anyOf": [nested, list(single(feature), count)] }),
                None => nested,
            }
        }
    };
    let spec = &feature.spec;
    let unit = spec.unit.as_ref().map(|unit| format!("In {unit}."));
    let usual = match (spec.min, spec.max) {
        (Some(min), Some(max)) => Some(format!("Usually {min} to {max}.")),
        (Some(min), None) => Some(format!("Usually {min} or more.")),
        (None, Some(max)) => Some(format!("Usually {max} or less.")),
        (None, None) => None,
    };
    let texts = spec.description.clone().into_iter().chain(unit).chain(usual).collect::<Vec<_>>();
    if !texts.is_empty() {
        schema["description"] = texts.join(" ").into();
    }
    if let Some(default) = &spec.default {
        schema["default"] = default.clone();
    }
    schema
}

/// A value of a feature.
fn single(feature: &Feature) -> Value {
    let mut schema = element(feature.datatype);
    let categories = feature.spec.categories.iter().map(|category| match category {
        Category::Integer(value) => Value::from(*value),
        Category::Text(value) => Value::from(value.as_str()),
    });
    let mut categories = categories.collect::<Vec<_>>();
    if !categories.is_empty() {
        if feature.spec.nullable {
            categories.push(Value::Null);
        }
        return json!({ "enum": categories });
    }
    let null = feature.datatype.is_float() || feature.datatype == Datatype::Bytes;
    if feature.spec.nullable && null {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema
}

fn list(items: Value, length: i64) -> Value {
    match u64::try_from(length) {
        Ok(length) => json!({ "type": "array", "items": items, "minItems": length, "maxItems": length }),
        Err(_) => json!({ "type": "array", "items": items, "minItems": 1 }),
    }
}

/// What JSON an element may be.
fn element(datatype: Datatype) -> Value {
    let integer = |min: i64, max: u64| json!({ "type": "integer", "minimum": min, "maximum": max });
    // Half a step beyond the largest number is the first that would be rounded to infinity.
    let number = |end: f64| json!({ "type": "number", "exclusiveMinimum": -end, "exclusiveMaximum": end });
    match datatype {
        Datatype::Bool => json!({ "enum": [false, true, 0, 1] }),
        Datatype::Bytes => json!({ "type": "string" }),
        Datatype::Uint8 => integer(0, u8::MAX.into()),
        Datatype::Uint16 => integer(0, u16::MAX.into()),
        Datatype::Uint32 => integer(0, u32::MAX.into()),
        Datatype::Uint64 => integer(0, u64::MAX),
        Datatype::Int8 => integer(i8::MIN.into(), i8::MAX as u64),
        Datatype::Int16 => integer(i16::MIN.into(), i16::MAX as u64),
        Datatype::Int32 => integer(i32::MIN.into(), i32::MAX as u64),
        Datatype::Int64 => integer(i64::MIN, i64::MAX as u64),
        Datatype::Fp16 => number(65520.0),
        Datatype::Fp32 => number(f64::from(f32::MAX) + 2_f64.powi(103)),
        Datatype::Fp64 => json!({ "type": "number" }),
    }
}

/// The body of a batch.
pub(super) fn batch(row: &Value, fixed: Option<u64>, max_rows: usize) -> Value {
    let (least, most) = fixed.map_or((1, max_rows as u64), |rows| (rows, rows));
    let rows = json!({ "type": "array", "items": row, "minItems": least, "maxItems": most });
    json!({ "oneOf": [
        { "type": "object", "required": ["instances"], "properties": { "instances": rows }, "additionalProperties": false },
        rows,
    ]})
}

/// The body of an inference request. That shape and data fit each other is more than a schema can say.
pub(super) fn infer_request(model: &ModelMetadata) -> Value {
    let inputs = model.inputs.iter().map(input).collect::<Vec<_>>();
    let names = model.outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>();
    let output_parameters = json!({ "type": ["object", "null"], "properties": {
        "binary_data": { "type": ["boolean", "null"] }, "classification": { "type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX },
    }});
    json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": { "type": ["string", "null"] },
            "parameters": { "type": ["object", "null"], "properties": { "binary_data_output": { "type": "boolean" } } },
            "inputs": {
                "type": "array", "minItems": inputs.len(), "maxItems": inputs.len(), "items": { "anyOf": inputs },
            },
            "outputs": {
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": { "name": { "enum": names }, "parameters": output_parameters },
                },
            },
        },
    })
}

fn input(tensor: &TensorMetadata) -> Value {
    let axis = |length: &i64| match u64::try_from(*length) {
        Ok(length) => json!({ "const": length }),
        Err(_) => json!({ "type": "integer", "minimum": 1 }),
    };
    let rank = tensor.shape.len();
    let mut shape = json!({ "type": "array", "minItems": rank, "maxItems": rank });
    if rank > 0 {
        shape["prefixItems"] = tensor.shape.iter().map(axis).collect();
    }
    let data = if tensor.datatype == Datatype::Fp16 { "parameters" } else { "data" };
    json!({
        "type": "object",
        "required": ["name", "datatype", "shape", data],
        "properties": {
            "name": { "const": tensor.name },
            "datatype": { "const": tensor.datatype.name() },
            "shape": shape,
            "data": { "type": "array", "description": "Flat, or nested as the shape is." },
            "parameters": { "type": ["object", "null"], "properties": { "binary_data_size": { "type": "integer", "minimum": 0 } } },
        },
    })
}

/// A request that is answered: of the sample row where the model is asked by rows, else of zeros and of texts without
/// characters. FP16, which JSON does not have, is left without data.
pub(super) fn infer_example(model: &ModelMetadata, rows: Option<&RowSchema>) -> Value {
    let sample = rows.and_then(|rows| {
        let count = usize::try_from(rows.fixed_rows().unwrap_or(1)).ok()?;
        Some(Rows::from_values(rows, vec![rows.sample_row(); count]).ok()?.inputs)
    });
    let inputs = sample.unwrap_or_else(|| model.inputs.iter().map(zeros).collect());
    let inputs = inputs.iter().map(|tensor| {
        // Through text: as a value, an f32 would turn into an f64 with digits that it never had.
        let text = serde_json::to_string(tensor).unwrap_or_default();
        let mut input: Value = serde_json::from_str(&text).unwrap_or_default();
        if let (Datatype::Fp16, Some(input)) = (tensor.datatype, input.as_object_mut()) {
            input.remove("data");
        }
        input
    });
    json!({ "inputs": inputs.collect::<Vec<_>>() })
}

fn zeros(tensor: &TensorMetadata) -> Tensor {
    let shape = tensor.shape.iter().map(|length| u64::try_from(*length).unwrap_or(1)).collect::<Vec<_>>();
    let count = shape.iter().product::<u64>() as usize;
    let data = match tensor.datatype.size() {
        Some(size) => Data::Raw(vec![0; count * size]),
        None => Data::Strings(vec![String::new(); count]),
    };
    Tensor { name: tensor.name.clone(), datatype: tensor.datatype, shape, data }
}
