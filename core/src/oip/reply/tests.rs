//! Requests to a model of several outputs, and the answers in each form.

use super::super::{JSON_LENGTH, read};
use crate::{Data, Datatype, ModelMetadata, Tensor};

fn model() -> ModelMetadata {
    serde_json::from_str(
        r#"{
            "name": "m", "version": "1", "digest": "",
            "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, 2]}],
            "outputs": [
                {"name": "y", "datatype": "UINT8", "shape": [-1, 2]},
                {"name": "s", "datatype": "BYTES", "shape": [-1]}
            ]
        }"#,
    )
    .unwrap()
}

fn outputs() -> [Tensor; 2] {
    let y = Tensor::new("y", Datatype::Uint8, vec![1, 2], Data::Raw(vec![1, 2])).unwrap();
    [y, Tensor::new("s", Datatype::Bytes, vec![1], Data::Strings(vec!["ü".into()])).unwrap()]
}

/// Asks with these fields beside the inputs; expects the JSON of the answer's outputs and what follows it.
fn check(fields: &str, expect: Result<(&str, &[u8]), &str>) {
    let body = format!(
        r#"{{"id": "a", {fields} "inputs": [{{"name": "x", "shape": [1, 2], "datatype": "UINT8", "data": [1, 2]}}]}}"#
    );
    let came = read(&model(), body.as_bytes(), None).map(|(_, reply)| {
        let all = outputs();
        let asked = reply.outputs().map_or(all.to_vec(), |names| {
            let find = |name: &String| all.iter().find(|output| output.name == *name).unwrap().clone();
            names.iter().map(find).collect()
        });
        let body = reply.write(&model(), &asked).unwrap();
        let (json, binary) = body.bytes.split_at(body.json_length.unwrap_or(body.bytes.len()));
        (String::from_utf8(json.to_vec()).unwrap(), binary.to_vec())
    });
    let expect = expect.map(|(outputs, binary)| {
        let json = format!(r#"{{"model_name":"m","model_version":"1","id":"a","outputs":[{outputs}]}}"#);
        (json, binary.to_vec())
    });
    assert_eq!(came.map_err(|error| error.to_string()), expect.map_err(Into::into), "{fields}");
}

#[test]
fn outputs_are_json_unless_they_are_asked_for_as_binary() {
    let y = r#"{"name":"y","datatype":"UINT8","shape":[1,2],"data":[1,2]}"#;
    let s = r#"{"name":"s","datatype":"BYTES","shape":[1],"data":["ü"]}"#;
    check("", Ok((&format!("{y},{s}"), b"")));
    check(r#""outputs": [],"#, Ok((&format!("{y},{s}"), b"")));
    check(r#""outputs": [{"name": "s"}],"#, Ok((s, b"")));
    let binary_y = r#"{"name":"y","datatype":"UINT8","shape":[1,2],"parameters":{"binary_data_size":2}}"#;
    let binary_s = r#"{"name":"s","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}"#;
    let both = format!("{binary_y},{binary_s}");
    check(r#""parameters": {"binary_data_output": true},"#, Ok((&both, b"\x01\x02\x02\0\0\0\xc3\xbc")));
    let fields = r#""parameters": {"binary_data_output": true},
        "outputs": [{"name": "s"}, {"name": "y", "parameters": {"binary_data": false}}],"#;
    check(fields, Ok((&format!("{binary_s},{y}"), b"\x02\0\0\0\xc3\xbc")));
}

#[test]
fn a_classification_takes_the_place_of_an_output() {
    let fields = r#""outputs": [{"name": "y", "parameters": {"classification": 1}}],"#;
    check(fields, Ok((r#"{"name":"y","datatype":"BYTES","shape":[1,1],"data":["2:1"]}"#, b"")));
    let fields = r#""outputs": [{"name": "s", "parameters": {"classification": 1}}],"#;
    check(fields, Err(r#"output "s" is BYTES, which has no classification"#));
}

#[test]
fn what_cannot_be_answered_is_refused_before_it_is_computed() {
    let error = r#"the parameter "binary_data_output" must be true or false, came 1"#;
    check(r#""parameters": {"binary_data_output": 1},"#, Err(error));
    let fields = r#""outputs": [{"name": "z"}],"#;
    check(fields, Err(r#"the model has no output "z"; its outputs are ["y", "s"]"#));
    let fields = r#""outputs": [{"name": "y", "parameters": {"shared_memory_region": "a"}}],"#;
    let error = "\"y\" is in shared memory, which is not supported; send and ask for the data in the body";
    check(fields, Err(error));
    let mut half = model();
    half.outputs[0].datatype = Datatype::Fp16;
    let body = br#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "UINT8", "data": [1, 2]}]}"#;
    let error = read(&half, body, None).unwrap_err().to_string();
    let text = r#"output "y": FP16 cannot be answered as JSON; ask for it with "binary_data": true"#;
    assert_eq!(error, text);
}

#[test]
fn the_header_says_where_the_json_ends() {
    assert_eq!(JSON_LENGTH, JSON_LENGTH.to_lowercase());
    let refuse = |header: &str, came: &str| {
        let error = read(&model(), b"{}", Some(header.as_bytes())).unwrap_err().to_string();
        let text = "the header Inference-Header-Content-Length must be a length of at most 2 bytes, came";
        assert_eq!(error, format!("{text} {came:?}"));
    };
    refuse("3", "3");
    refuse("-1", "-1");
    refuse("", "");
}

#[test]
fn a_body_without_json_is_the_only_input() {
    let (inputs, reply) = read(&model(), &[1, 2, 3, 4], Some(b"0")).unwrap();
    assert_eq!(
        (inputs[0].shape.as_slice(), &inputs[0].data),
        ([2, 2].as_slice(), &Data::Raw(vec![1, 2, 3, 4]))
    );
    assert!(reply.write(&model(), &outputs()).unwrap().json_length.is_some());
    let error = read(&model(), &[1], Some(b"0")).unwrap_err().to_string();
    assert_eq!(error, r#"input "x": UINT8 elements of shape [0, 2] take 0 bytes, the data has 1"#);
    let mut other = model();
    other.inputs[0].shape = vec![-1, -1];
    let error = read(&other, &[1], Some(b"0")).unwrap_err().to_string();
    assert!(error.ends_with(r#"input "x" has the shape [-1, -1]"#), "{error}");
    other.inputs = vec![];
    let error = read(&other, &[1], Some(b"0")).unwrap_err().to_string();
    assert!(error.ends_with(r#""m" has 0 inputs"#), "{error}");
}
