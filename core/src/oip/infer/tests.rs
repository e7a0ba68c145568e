//! Protocol bodies into tensors, and each way in which one can be wrong.

use super::*;

/// Reads a body and expects each input as `name datatype shape data`, or an error.
fn check(body: &str, expect: Result<&[&str], &str>) {
    let describe = |tensor: &Tensor| {
        tensor.validate().unwrap();
        let data = serde_json::to_string(&tensor.elements()).unwrap();
        format!("{} {} {:?} {data}", tensor.name, tensor.datatype, tensor.shape)
    };
    let came = parse(body.as_bytes(), &[])
        .map(|request| request.inputs.iter().map(describe).collect::<Vec<_>>())
        .map_err(|error| error.to_string());
    let expect = expect.map(|inputs| inputs.iter().map(ToString::to_string).collect());
    assert_eq!(came, expect.map_err(Into::into), "{body}");
}

/// The same for a body of one input of these fields.
fn check_input(fields: &str, expect: Result<&str, &str>) {
    let expect = expect.map(|input| [input]);
    let body = format!(r#"{{"inputs": [{{{fields}}}]}}"#);
    check(&body, expect.as_ref().map(|inputs| inputs.as_slice()).map_err(|error| *error));
}

/// The same for an input `x` of a shape and data, with the data last, which is read at once, and
/// with the data first, which is read at the end.
fn check_data(datatype: &str, shape: &str, data: &str, expect: Result<&str, &str>) {
    let rest = format!(r#""name": "x", "datatype": "{datatype}", "shape": {shape}"#);
    let expect = expect.map(|data| format!("x {datatype} {shape} {data}"));
    let expect = expect.as_deref().map_err(|error| *error);
    check_input(&format!(r#"{rest}, "data": {data}"#), expect);
    check_input(&format!(r#""data": {data}, {rest}"#), expect);
}

#[test]
fn data_is_nested_or_flat() {
    check_data("FP32", "[2, 2]", "[1, 2.5, 0.1, -4]", Ok("[1.0,2.5,0.1,-4.0]"));
    check_data("FP32", "[2, 2]", "[[1, 2], [3, 4]]", Ok("[1.0,2.0,3.0,4.0]"));
    check_data("INT64", "[]", "[7]", Ok("[7]"));
    check_data("INT64", "[]", "7", Ok("[7]"));
    check_data("INT64", "[0, 3]", "[]", Ok("[]"));
}

#[test]
fn every_kind_of_datatype_is_read() {
    check_data("BOOL", "[4]", "[true, 0, 1, 1.0]", Ok("[true,false,true,true]"));
    check_data("BYTES", "[2]", r#"["a", "ü\n"]"#, Ok(r#"["a","ü\n"]"#));
    check_data(
        "FP16",
        "[1]",
        "[0.5]",
        Err(r#"input "x": FP16 cannot be given as JSON, only as binary data"#),
    );
    check_data("FP64", "[1]", "[0.1]", Ok("[0.1]"));
    check_data("UINT64", "[1]", "[18446744073709551615]", Ok("[18446744073709551615]"));
}

#[test]
fn an_element_that_does_not_fit_is_named_with_its_place() {
    let error = |text: &str| format!("input \"x\", element 1: {text}");
    for (datatype, element, text) in [
        ("FP32", r#""1""#, "expected a number, came a string"),
        ("FP32", "null", "expected a number, came null"),
        ("FP32", "1e39", "1e39 is out of range for FP32"),
        ("UINT8", "300", "300 is out of range for UINT8"),
        ("INT64", "3.5", "expected a whole number, came 3.5"),
        ("BYTES", "1", "expected a string, came a number"),
        ("BOOL", "2", "expected true or false, came a number"),
        ("INT8", "{}", "expected a whole number, came an object"),
        ("INT8", "[1]", "the lists are not of equal length and depth"),
    ] {
        let first = if datatype == "BYTES" { "\"a\"" } else { "1" };
        check_data(datatype, "[2]", &format!("[{first}, {element}]"), Err(&error(text)));
    }
}

#[test]
fn data_is_as_much_as_the_shape_says() {
    check_data("FP32", "[2, 2]", "[1]", Err(r#"input "x": the shape [2, 2] has 4 elements, the data has 1"#));
    check_data(
        "INT8",
        "[1, 4]",
        "[[1, 2], [3, 4]]",
        Err(r#"input "x" has the shape [1, 4], the lists of its data have [2, 2]"#),
    );
    let error = r#"input "x": the shape [4294967296, 4294967296] has too many elements"#;
    check_data("INT8", "[4294967296, 4294967296]", "[]", Err(error));
    let error = r#"input "x": the shape [1000000000000] has 1000000000000 elements, the data has 1"#;
    check_data("INT8", "[1000000000000]", "[1]", Err(error));
}

#[test]
fn a_shape_is_a_list_of_lengths() {
    let error = |text: &str| {
        format!("input \"x\": the shape must be a list of whole numbers that are not negative: {text}")
    };
    for (shape, text) in [
        ("[-1]", "-1 is out of range for UINT64"),
        ("[1.5]", "expected a whole number, came 1.5"),
        (r#"["1"]"#, "expected a whole number, came a string"),
        ("[[1]]", "came [[1]]"),
        ("1", "came 1"),
        ("null", "expected a whole number, came null"),
    ] {
        let fields = format!(r#""name": "x", "datatype": "INT8", "shape": {shape}, "data": [1]"#);
        check_input(&fields, Err(&error(text)));
    }
}

#[test]
fn an_input_has_each_field_once() {
    check_input(
        r#""shape": [1], "datatype": "INT8", "data": [1]"#,
        Err(r##"input "#0": "name" is missing"##),
    );
    check_input(r#""name": "x", "datatype": "INT8", "data": [1]"#, Err(r#"input "x": "shape" is missing"#));
    check_input(r#""name": "x", "shape": [1], "data": [1]"#, Err(r#"input "x": "datatype" is missing"#));
    check_input(r#""name": "x", "shape": [1], "datatype": "INT8""#, Err(r#"input "x": "data" is missing"#));
    check_input(
        r#""name": "x", "shape": [1], "datatype": "INT8", "data": [1], "data": [1]"#,
        Err(r#"input "x": "data" is given twice"#),
    );
    check_input(
        r#""name": "x", "datatype": "FP8", "shape": [1], "data": [1]"#,
        Err(r#"input "x": there is no datatype "FP8""#),
    );
}

/// Reads a request of inputs `[2]`, each with these parameters, and the binary part behind it.
fn check_binary(parameters: &[&str], binary: &[u8], expect: Result<&str, &str>) {
    let input = |(ix, parameters): (usize, &&str)| {
        format!(r#"{{"name": "x{ix}", "shape": [2], "datatype": "UINT8", "parameters": {{{parameters}}}}}"#)
    };
    let inputs = parameters.iter().enumerate().map(input).collect::<Vec<_>>().join(",");
    let came = parse(format!(r#"{{"inputs": [{inputs}]}}"#).as_bytes(), binary);
    let data = came.map(|request| {
        let elements: Vec<_> = request.inputs.iter().map(Tensor::elements).collect();
        serde_json::to_string(&elements).unwrap()
    });
    assert_eq!(data.map_err(|error| error.to_string()), expect.map(Into::into).map_err(Into::into));
}

#[test]
fn binary_data_is_taken_in_the_order_of_the_inputs() {
    let two = r#""binary_data_size": 2"#;
    check_binary(&[two, two], &[1, 2, 3, 4], Ok("[[1,2],[3,4]]"));
    check_binary(&[two], &[1, 2, 3], Err("the body has 1 bytes more than its inputs say"));
    check_binary(
        &[two, two],
        &[1, 2, 3],
        Err(
            "input \"x1\": binary_data_size is 2, the body has 1 bytes left after its JSON, whose length the header \
             Inference-Header-Content-Length says",
        ),
    );
    let error = r#"the parameter "binary_data_size" must be a whole number, came -1"#;
    check_binary(&[r#""binary_data_size": -1"#], &[], Err(error));
    let error = "\"x0\" is in shared memory, which is not supported; send and ask for the data in the body";
    check_binary(&[r#""shared_memory_region": "a""#], &[], Err(error));
    check_input(
        r#""name": "x", "shape": [1], "datatype": "INT8", "data": [1], "parameters": {"binary_data_size": 1}"#,
        Err(r#"input "x": "data" and "binary_data_size" are both given"#),
    );
}

#[test]
fn what_the_request_says_besides_its_inputs_is_kept() {
    let body = br#"{
        "id": "a", "parameters": {"priority": 1}, "anything": [{}],
        "outputs": [{"name": "y", "parameters": {"classification": 2}}, {"name": "z"}], "inputs": []
    }"#;
    let request = parse(body, &[]).unwrap();
    assert_eq!(request.id.as_deref(), Some("a"));
    assert_eq!(request.parameters["priority"], 1);
    let output = |name: &str, classes| RequestedOutput { name: name.into(), binary: None, classes };
    assert_eq!(request.outputs, [output("y", Some(2)), output("z", None)]);
    assert_eq!(parse(br#"{"inputs": [], "id": null, "outputs": null}"#, &[]), Ok(InferRequest::default()));
}

#[test]
fn a_body_that_is_no_request_is_called_that() {
    check("{}", Err("the request has no inputs"));
    check("", Err("the body is empty"));
    check(
        "[]",
        Err(
            "invalid type: sequence, expected an inference request, an object with inputs at line 1 column 0",
        ),
    );
    check(r#"{"inputs": {}}"#, Err("invalid type: map, expected a list of inputs at line 1 column 11"));
    check(
        r#"{"inputs": [{"name": "x", "datatype": "FP32", "data": [NaN]}]}"#,
        Err("NaN and Infinity are not JSON; leave a missing value null (line 1, column 56)"),
    );
    check(
        r#"{"inputs": [{"data": [-Infinity]}]}"#,
        Err("NaN and Infinity are not JSON; leave a missing value null (line 1, column 24)"),
    );
    check(r#"{"inputs": []} x"#, Err("the body is not valid JSON: trailing characters at line 1 column 16"));
}

#[test]
fn a_message_does_not_repeat_a_long_text() {
    let long = "x".repeat(100_000);
    for body in [
        format!(r#""{long}""#),
        format!(r#"{{"inputs": "{long}"}}"#),
        format!(r#"{{"inputs": [{{"name": "{long}"}}]}}"#),
        format!(r#"{{"inputs": [{{"name": "x", "shape": ["{long}"], "datatype": "{long}"}}]}}"#),
        format!(r#"{{"inputs": [{{"name": "x", "shape": "{long}"}}]}}"#),
    ] {
        let error = parse(body.as_bytes(), &[]).unwrap_err().to_string();
        assert!(error.len() < 500, "{} characters", error.len());
    }
}
