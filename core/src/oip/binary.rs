//! Tensor data outside the JSON, as Triton's binary tensor data extension lays it out.
//!
//! Source: `extension_binary_data.md` of triton-inference-server/server. Elements are little-endian and
//! row-major, as they are kept here; a `BOOL` is one byte; a `BYTES` element is its length, a
//! little-endian `u32`, and then its bytes.

use super::OipError;
use crate::{Data, Datatype, Tensor, json::excerpt, tensor::element_count};

const LENGTH: usize = size_of::<u32>();

/// The tensor of an input's name, datatype, shape and binary data.
pub(super) fn read(
    name: String,
    datatype: Datatype,
    shape: Vec<u64>,
    bytes: &[u8],
) -> Result<Tensor, OipError> {
    let Some(count) = element_count(&shape) else {
        return Err(OipError::TooLarge { input: excerpt(&name), shape });
    };
    let data = match datatype {
        Datatype::Bytes => Data::Strings(strings(&name, count, bytes)?),
        _ => Data::Raw(bytes.to_vec()),
    };
    let called = excerpt(&name);
    Tensor::new(name, datatype, shape, data).map_err(|source| OipError::Invalid { input: called, source })
}

/// Elements up to the end of `bytes`, or one more than the `count` that there should be.
fn strings(name: &str, count: usize, mut bytes: &[u8]) -> Result<Vec<String>, OipError> {
    let mut strings = Vec::new();
    while !bytes.is_empty() && strings.len() <= count {
        let error =
            |problem: String| OipError::Text { input: excerpt(name), position: strings.len(), problem };
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return Err(error(format!("its length is cut off after {} bytes", bytes.len())));
        };
        let length = u32::from_le_bytes(*length) as usize;
        let Some((text, rest)) = rest.split_at_checked(length) else {
            return Err(error(format!("its length is {length}, {} bytes are left", rest.len())));
        };
        let text = str::from_utf8(text).map_err(|_| error("the bytes are not UTF-8".into()))?;
        strings.push(text.to_owned());
        bytes = rest;
    }
    Ok(strings)
}

/// The bytes that [`write`] appends.
pub(super) fn size(tensor: &Tensor) -> usize {
    match &tensor.data {
        Data::Raw(bytes) => bytes.len(),
        Data::Strings(strings) => strings.iter().map(|text| LENGTH + text.len()).sum(),
    }
}

/// Appends a tensor's elements.
pub(super) fn write(tensor: &Tensor, body: &mut Vec<u8>) {
    match &tensor.data {
        Data::Raw(bytes) => body.extend_from_slice(bytes),
        Data::Strings(strings) => {
            for text in strings {
                // A string of 4 GiB does not come out of a sandbox that has no more memory than that.
                body.extend_from_slice(&(text.len() as u32).to_le_bytes());
                body.extend_from_slice(text.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(datatype: Datatype, shape: &[u64], bytes: &[u8], expect: Result<&str, &str>) {
        let came = read("x".into(), datatype, shape.to_vec(), bytes).map_err(|error| error.to_string());
        if let Ok(tensor) = &came {
            let mut written = Vec::new();
            write(tensor, &mut written);
            assert_eq!((written.as_slice(), written.len()), (bytes, size(tensor)));
        }
        let json = came.map(|tensor| serde_json::to_string(&tensor.elements()).unwrap());
        assert_eq!(json, expect.map(Into::into).map_err(|text| format!("input \"x\"{text}")));
    }

    #[test]
    fn elements_are_little_endian_and_a_bool_is_a_byte() {
        check(Datatype::Int16, &[2], &[1, 0, 255, 255], Ok("[1,-1]"));
        check(Datatype::Fp16, &[1], &[0, 0x3e], Ok("[1.5]"));
        check(Datatype::Bool, &[2], &[1, 0], Ok("[true,false]"));
        check(Datatype::Fp32, &[0, 4], &[], Ok("[]"));
    }

    #[test]
    fn a_string_is_its_length_and_its_bytes() {
        check(Datatype::Bytes, &[2], b"\x02\0\0\0\xc3\xbc\0\0\0\0", Ok(r#"["ü",""]"#));
    }

    #[test]
    fn data_that_does_not_fill_the_shape_is_refused() {
        let error = ": FP32 elements of shape [2] take 8 bytes, the data has 7";
        check(Datatype::Fp32, &[2], &[0; 7], Err(error));
        check(Datatype::Bool, &[1], &[2], Err(": element 0 is no BOOL: the byte is 2"));
        let error = ": the shape [1] has 1 elements, the data has 2";
        check(Datatype::Bytes, &[1], &[0; 12], Err(error));
        check(Datatype::Bytes, &[4], &[0; 12], Err(": the shape [4] has 4 elements, the data has 3"));
        let error = ": the shape [4294967296, 4294967296] has too many elements";
        check(Datatype::Int8, &[1 << 32, 1 << 32], &[], Err(error));
    }

    #[test]
    fn a_string_that_is_cut_off_or_not_utf_8_is_named() {
        check(Datatype::Bytes, &[1], b"\x01\0", Err(", element 0: its length is cut off after 2 bytes"));
        let error = ", element 1: its length is 4294967295, 1 bytes are left";
        check(Datatype::Bytes, &[2], b"\0\0\0\0\xff\xff\xff\xffa", Err(error));
        check(Datatype::Bytes, &[1], b"\x01\0\0\0\xff", Err(", element 0: the bytes are not UTF-8"));
    }
}
