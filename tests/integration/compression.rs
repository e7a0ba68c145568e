//! Compressed requests and answers.

use std::io::{Read, Write};

use edgewit_tests::server::shared;
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::customer;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

/// Posts rows to churn; expects a status.
fn check(encoding: &str, body: &[u8], status: u16, words: &str) {
    let headers = [("content-encoding", encoding)];
    let answer = shared().client.post_with("/predict", &headers, body);
    assert_eq!(answer.status, status, "{}", answer.text);
    if status != 200 {
        assert!(answer.error().contains(words), "`{words}` is not in: {}", answer.error());
    }
}

#[test]
fn a_compressed_request_is_read_and_a_broken_one_refused() {
    let body = customer().to_string().into_bytes();
    check("gzip", &gzip(&body), 200, "");
    check("deflate", &deflate(&body), 200, "");
    check("identity", &body, 200, "");
    check("gzip", &body, 400, "the body is not gzip");
    check("deflate", &body, 400, "the body is not deflate");
    check("gzip", &gzip(&body)[..40], 400, "the body is not gzip");
    check("br", &body, 415, "content-encoding must be gzip, deflate or identity");
    check("gzip, gzip", &gzip(&gzip(&body)), 415, "content-encoding must be");
}

#[test]
fn a_bomb_is_refused_by_what_it_would_become() {
    let bomb = vec![b' '; 100 << 20];
    for (encoding, body) in [("gzip", gzip(&bomb)), ("deflate", deflate(&bomb))] {
        assert!(body.len() < 1 << 20);
        check(encoding, &body, 413, "the body is larger than the limit of 16777216 bytes");
    }
}

#[test]
fn an_answer_is_compressed_as_the_client_accepts_it() {
    let server = shared();
    let rows = json!(vec![customer(); 100]).to_string();
    let ask = |accept: &str, body: &str, path: &str| {
        server.client.post_with(path, &[("accept-encoding", accept)], body)
    };
    let plain = ask("identity", &rows, "/predict/batch");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    for (accept, expect) in [("gzip", "gzip"), ("deflate", "deflate"), ("deflate;q=0.5, gzip", "gzip")] {
        let answer = ask(accept, &rows, "/predict/batch");
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some(expect)), "{accept}");
        let mut text = String::new();
        let read = match expect {
            "gzip" => GzDecoder::new(&*answer.bytes).read_to_string(&mut text),
            _ => ZlibDecoder::new(&*answer.bytes).read_to_string(&mut text),
        };
        read.expect("it decompresses");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["count"], 100);
    }
    let small = ask("gzip", &customer().to_string(), "/predict");
    assert_eq!((small.status, small.header("content-encoding")), (200, None));
}
