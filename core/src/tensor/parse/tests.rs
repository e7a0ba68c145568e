//! JSON values that fit and that do not.

use super::*;

/// Reads a JSON text as `datatype`: the shape and the elements as JSON, or the reason.
fn check(datatype: Datatype, json: &str, expect: Result<(&[u64], &str), &str>) {
    let mut data = Data::empty(datatype);
    let mut lists = Lists::default();
    let mut failure = None;
    let mut accept = |scalar: Scalar<'_>| data.push(datatype, false, scalar);
    let values =
        Values { datatype, lists: Some(&mut lists), depth: 0, accept: &mut accept, failure: &mut failure };
    let outcome = values.deserialize(&mut serde_json::Deserializer::from_str(json));
    let came = match (outcome, failure) {
        (Ok(()), None) => {
            let tensor = super::super::Tensor::new("x", datatype, lists.shape(), data).unwrap();
            Ok((tensor.shape.clone(), serde_json::to_string(&tensor.elements()).unwrap()))
        }
        (Err(_), Some(reason)) => Err(reason.to_string()),
        other => panic!("{json}: {other:?}"),
    };
    let expect = expect.map(|(shape, data)| (shape.to_vec(), data.to_owned()));
    assert_eq!(came, expect.map_err(Into::into), "{json}");
}

#[test]
fn lists_give_the_shape() {
    check(Datatype::Int32, "7", Ok((&[], "[7]")));
    check(Datatype::Int32, "[[1,2],[3,4],[5,6]]", Ok((&[3, 2], "[1,2,3,4,5,6]")));
    check(Datatype::Int32, "[[],[]]", Ok((&[2, 0], "[]")));
    check(Datatype::Bytes, r#"["a","b"]"#, Ok((&[2], r#"["a","b"]"#)));
}

#[test]
fn ragged_lists_are_refused() {
    for json in
        ["[[1,2],[3]]", "[1,[2]]", "[[1],2]", "[[[1]],[2]]", "[[],1]", "[[1],[[2]]]", "[[],[[]]]", "[[1],[]]"]
    {
        check(Datatype::Int32, json, Err("the lists are not of equal length and depth"));
    }
}

#[test]
fn a_number_must_fit_its_datatype() {
    let fits = [
        (Datatype::Uint8, "255"),
        (Datatype::Int8, "-128"),
        (Datatype::Uint16, "65535"),
        (Datatype::Int16, "-32768"),
        (Datatype::Uint32, "4294967295"),
        (Datatype::Int32, "-2147483648"),
        (Datatype::Uint64, "18446744073709551615"),
        (Datatype::Int64, "-9223372036854775808"),
        (Datatype::Fp16, "65504.0"),
        (Datatype::Fp32, "3.4e38"),
        (Datatype::Fp64, "1.7e308"),
    ];
    for (datatype, json) in fits {
        let expect = format!("[{json}]").replace("e38", "e+38").replace("e308", "e+308");
        check(datatype, json, Ok((&[], &expect)));
    }
    let over = [
        (Datatype::Uint8, "300"),
        (Datatype::Uint8, "-1"),
        (Datatype::Int8, "128"),
        (Datatype::Uint16, "65536"),
        (Datatype::Int16, "-32769"),
        (Datatype::Uint32, "4294967296"),
        (Datatype::Int32, "2147483648"),
        (Datatype::Uint64, "1.8446744073709552e19"),
        (Datatype::Int64, "9223372036854775808"),
        (Datatype::Fp16, "70000"),
        (Datatype::Fp32, "1e39"),
    ];
    for (datatype, json) in over {
        check(datatype, json, Err(&format!("{json} is out of range for {datatype}")));
    }
}

#[test]
fn a_whole_number_may_be_written_with_a_point() {
    check(Datatype::Int64, "24.0", Ok((&[], "[24]")));
    check(Datatype::Uint8, "2.55e2", Ok((&[], "[255]")));
    check(Datatype::Int64, "3.5", Err("expected a whole number, came 3.5"));
}

#[test]
fn a_bool_is_true_false_0_or_1() {
    check(Datatype::Bool, "[true,false,0,1]", Ok((&[4], "[true,false,false,true]")));
    check(Datatype::Bool, "2", Err("expected true or false, came a number"));
    check(Datatype::Fp32, "true", Err("expected a number, came a boolean"));
}

#[test]
fn a_value_of_another_type_is_named() {
    check(Datatype::Fp32, r#""24""#, Err("expected a number, came a string"));
    check(Datatype::Int8, "null", Err("expected a whole number, came null"));
    check(Datatype::Bytes, "1", Err("expected a string, came a number"));
    check(Datatype::Bytes, r#"{"a":[1]}"#, Err("expected a string, came an object"));
}

#[test]
fn null_is_nan_where_a_value_may_be_missing() {
    let bytes = encode(Datatype::Fp32, true, Scalar::Null).unwrap();
    assert!(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).is_nan());
    assert!(encode(Datatype::Int32, true, Scalar::Null).is_err());
    assert_eq!(text(true, Scalar::Null), Ok(String::new()));
}
