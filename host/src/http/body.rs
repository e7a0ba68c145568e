//! Reading a request's body within its limit.

use axum::body::HttpBody;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::RequestLimits;
use super::error::HttpError;
use crate::serving::Error;

/// The whole body.
///
/// # Errors
/// When it is longer than its limit, which is noticed without keeping what is too much, comes too slowly, or breaks off.
pub(super) async fn read(request: Request, limits: &RequestLimits) -> Result<Bytes, HttpError> {
    let (limit, start) = (limits.body, Instant::now());
    let mut body = request.into_body();
    if body.size_hint().lower() > limit as u64 {
        return Err(Error::BodyTooLarge(limit).into());
    }
    // A small body is one frame, which is passed on as it is.
    let mut first = Bytes::new();
    let mut bytes = BytesMut::new();
    loop {
        let latest = start + limits.time_for_body(first.len() + bytes.len());
        let frame = timeout_at(latest, body.frame()).await.map_err(|_| HttpError::slow_body())?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| HttpError::broken_body(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + bytes.len() + data.len() > limit {
            return Err(Error::BodyTooLarge(limit).into());
        }
        if first.is_empty() && bytes.is_empty() {
            first = data;
            continue;
        }
        if bytes.is_empty() {
            bytes.reserve(first.len() + data.len() + body.size_hint().lower() as usize);
            bytes.extend_from_slice(&std::mem::take(&mut first));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(if bytes.is_empty() { first } else { bytes.freeze() })
}
