//! Compressed request bodies.
//!
//! Answers are compressed by a layer of tower-http's. Requests are not decompressed by one: that would be work
//! on an asynchronous thread, and a bomb would be inflated even where only the rest of a refused body is thrown away.

use std::io::Read;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::serving::Error;

/// How a request's body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    /// The zlib format, which is what HTTP calls deflate.
    Deflate,
}

impl Encoding {
    /// What the header `content-encoding` says; `None` when it names another, or several.
    pub(super) fn of(headers: &HeaderMap) -> Option<Encoding> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Some(Encoding::Identity) };
        match value.to_str().unwrap_or_default().to_ascii_lowercase().as_str() {
            _ if values.next().is_some() => None,
            "identity" => Some(Encoding::Identity),
            "gzip" | "x-gzip" => Some(Encoding::Gzip),
            "deflate" => Some(Encoding::Deflate),
            _ => None,
        }
    }

    /// The body as it was before it was compressed. Takes time in proportion to `limit`: for a worker.
    ///
    /// # Errors
    /// When it is longer than `limit`, of which no more than a byte is inflated, or is not compressed so.
    pub(super) fn decode(self, body: Bytes, limit: usize) -> Result<Bytes, Error> {
        match self {
            Encoding::Identity => Ok(body),
            Encoding::Gzip => inflate("gzip", MultiGzDecoder::new(&*body), limit),
            Encoding::Deflate => inflate("deflate", ZlibDecoder::new(&*body), limit),
        }
    }
}

fn inflate(name: &'static str, decoder: impl Read, limit: usize) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    let most = limit as u64 + 1;
    decoder.take(most).read_to_end(&mut bytes).map_err(|error| Error::Encoding(name, error.to_string()))?;
    if bytes.len() > limit { Err(Error::BodyTooLarge(limit)) } else { Ok(bytes.into()) }
}
