//! The Open Inference Protocol over HTTP.

use edgewit_tests::server::shared;
use serde_json::{Value, json};

use crate::customer;

/// An inference request for one customer, in tensors.
fn tensors(rows: usize) -> Vec<Value> {
    let customer = customer();
    let tensor = |(name, value): (&String, &Value)| {
        let datatype = match value {
            Value::String(_) => "BYTES",
            _ if name == "SeniorCitizen" => "INT64",
            _ => "FP32",
        };
        json!({ "name": name, "shape": [rows, 1], "datatype": datatype, "data": vec![value.clone(); rows] })
    };
    customer.as_object().expect("an object").iter().map(tensor).collect()
}

/// A request for one customer with its numbers as binary data, which asks for binary outputs: the JSON, and what
/// follows it.
pub(crate) fn binary_request() -> (String, Vec<u8>) {
    let (mut inputs, mut binary) = (tensors(1), Vec::new());
    for input in &mut inputs {
        if input["datatype"] == "FP32" {
            let value = input["data"][0].as_f64().expect("a number") as f32;
            binary.extend_from_slice(&value.to_le_bytes());
            input["parameters"] = json!({ "binary_data_size": 4 });
            input.as_object_mut().expect("an object").remove("data");
        }
    }
    let json = json!({ "parameters": { "binary_data_output": true }, "inputs": inputs });
    (json.to_string(), binary)
}

#[test]
fn the_server_and_its_health_are_described() {
    let server = shared();
    let about = server.client.get("/v2").json();
    assert_eq!(about["name"], "edgewit");
    assert!(about["extensions"].is_array());
    for path in
        ["/v2/health/live", "/v2/health/ready", "/v2/models/churn/ready", "/v2/models/churn/versions/1/ready"]
    {
        assert_eq!(server.client.get(path).status, 200, "{path}");
    }
    assert_eq!(server.client.get("/v2/models/nothing/ready").status, 404);
}

#[test]
fn a_model_is_described_with_its_tensors() {
    let server = shared();
    for path in ["/v2/models/digits", "/v2/models/digits/versions/1"] {
        let digits = server.client.get(path).json();
        assert_eq!(digits["name"], "digits");
        assert_eq!(digits["versions"], json!(["1"]));
        assert_eq!(digits["platform"], "onnx_onnxv1");
        assert_eq!(
            digits["inputs"],
            json!([{ "name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8] }])
        );
        let outputs = digits["outputs"].as_array().expect("a list");
        assert!(
            outputs.contains(&json!({ "name": "label", "datatype": "INT64", "shape": [-1] })),
            "{outputs:?}"
        );
        assert!(
            outputs.contains(&json!({ "name": "probabilities", "datatype": "FP32", "shape": [-1, 10] })),
            "{outputs:?}"
        );
    }
}

#[test]
fn tensors_give_the_same_numbers_as_a_row() {
    let server = shared();
    let row = server.client.post_json("/predict", &customer()).json();
    for (rows, path) in [(1, "/v2/models/churn/infer"), (3, "/v2/models/churn/versions/1/infer")] {
        let body = json!({ "id": "42", "parameters": { "priority": 1 }, "inputs": tensors(rows) });
        let answer = server.client.post_json(path, &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let json = answer.json();
        assert_eq!(
            (&json["id"], &json["model_name"], &json["model_version"]),
            (&json!("42"), &json!("churn"), &json!("1"))
        );
        let output = |name: &str| {
            let outputs = json["outputs"].as_array().expect("a list").clone();
            outputs.into_iter().find(|output| output["name"] == name).expect(name)
        };
        let (label, probabilities) = (output("label"), output("probabilities"));
        assert_eq!((&label["datatype"], &label["shape"]), (&json!("BYTES"), &json!([rows])));
        assert_eq!(
            (&probabilities["datatype"], &probabilities["shape"]),
            (&json!("FP32"), &json!([rows, 2]))
        );
        for ix in 0..rows {
            assert_eq!(label["data"][ix], row["label"]);
            assert_eq!(probabilities["data"][2 * ix], row["probability"][0]);
            assert_eq!(probabilities["data"][2 * ix + 1], row["probability"][1]);
        }
    }
}

#[test]
fn outputs_are_selected_and_nested_data_is_flattened() {
    let server = shared();
    let mut inputs = tensors(1);
    for input in &mut inputs {
        input["data"] = json!([input["data"]]);
    }
    let body = json!({ "inputs": inputs, "outputs": [{ "name": "probabilities" }] });
    let answer = server.client.post_json("/v2/models/churn/infer", &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let outputs = answer.json()["outputs"].clone();
    assert_eq!(outputs.as_array().map(Vec::len), Some(1));
    assert_eq!(outputs[0]["name"], "probabilities");
}

#[test]
fn binary_tensors_give_the_same_numbers_as_json() {
    let server = shared();
    let expected = server.client.post_json("/v2/models/churn/infer", &json!({ "inputs": tensors(1) })).json();
    let (json, binary) = binary_request();
    let headers = [("inference-header-content-length", &*json.len().to_string())];
    let body = [json.as_bytes(), &binary].concat();
    let answer = server.client.post_with("/v2/models/churn/infer", &headers, &body);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/octet-stream")));
    let length = answer.header("inference-header-content-length").and_then(|text| text.parse().ok());
    let (head, mut rest) = answer.bytes.split_at(length.expect("a length"));
    let head: Value = serde_json::from_slice(head).expect("JSON");
    for (output, expected) in head["outputs"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(expected["outputs"].as_array().expect("a list"))
    {
        for field in ["name", "shape", "datatype"] {
            assert_eq!(output[field], expected[field]);
        }
        let size = output["parameters"]["binary_data_size"].as_u64().expect("a size") as usize;
        let data = rest.split_off(..size).expect("as much as it says");
        if output["datatype"] == "BYTES" {
            let text = str::from_utf8(&data[4..]).expect("text");
            assert_eq!(
                (data[..4].to_vec(), json!([text])),
                ((text.len() as u32).to_le_bytes().into(), expected["data"].clone())
            );
        } else {
            let floats = data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let expected = expected["data"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|value| value.as_f64().expect("a number") as f32);
            assert!(floats.eq(expected));
        }
    }
    assert!(rest.is_empty());
}

#[test]
fn classes_are_answered_with_their_labels() {
    let server = shared();
    let row = server.client.post_json("/predict", &customer()).json();
    let output = json!({ "name": "probabilities", "parameters": { "classification": 1 } });
    let body = json!({ "inputs": tensors(1), "outputs": [output] });
    let answer = server.client.post_json("/v2/models/churn/infer", &body).json();
    let (value, class) = (&row["confidence"], &row["prediction"]);
    let text = format!("{value}:{class}:{}", row["label"].as_str().expect("a label"));
    assert_eq!(
        answer["outputs"],
        json!([{ "name": "probabilities", "datatype": "BYTES", "shape": [1, 1], "data": [text] }])
    );
}
