//! Around every request: its id, one line in the log, and its trace.
//!
//! All of it is written when the answer is made, or when the client is gone before that. A line holds nothing of what the
//! client sent but method and path, and an id of letters that cannot be mistaken for anything else.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::uri::Uri;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::Context;
use opentelemetry_http::HeaderExtractor;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::error::{self, Failure};
use crate::telemetry::{RequestSpan, Tracer, Trail};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Letters of a client's own id that is kept.
const LONGEST_ID: usize = 128;
/// As nginx has it: the client closed the connection before the answer.
const CLIENT_GONE: u16 = 499;

/// The request's id, among its extensions.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) HeaderValue);

/// Lays the request's [`Trail`] and its [`RequestId`] among its extensions, where handlers and other layers write to it.
pub(super) async fn observe(
    State(tracer): State<Option<Arc<Tracer>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers());
    let mut record = Record {
        parent: tracer.as_ref().map(|tracer| tracer.parent(&HeaderExtractor(request.headers()))),
        tracer,
        id: id.clone(),
        method: request.method().clone(),
        uri: request.uri().clone(),
        trail: Trail::default(),
        status: CLIENT_GONE,
        failure: Some(Failure { reason: "client_gone", internal: None }),
    };
    request.extensions_mut().insert(record.trail.clone());
    request.extensions_mut().insert(RequestId(id.clone()));
    let response = next.run(request).await;
    let (mut response, failure) = error::write(response, &id);
    (record.status, record.failure) = (response.status().as_u16(), failure);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// A client's own id is kept if it is one; ours sort by time, which helps whoever searches logs.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |letter: &u8| letter.is_ascii_alphanumeric() || b"-_.:/+=@".contains(letter);
    let is_id = |id: &&HeaderValue| (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(plain);
    headers.get(REQUEST_ID).filter(is_id).cloned().unwrap_or_else(|| {
        let mut text = uuid::Uuid::encode_buffer();
        let text = uuid::Uuid::now_v7().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// A request until its end; dropping it writes.
struct Record {
    tracer: Option<Arc<Tracer>>,
    parent: Option<Context>,
    id: HeaderValue,
    method: Method,
    uri: Uri,
    trail: Trail,
    status: u16,
    failure: Option<Failure>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.trail.began.elapsed();
        let notes = self.trail.notes();
        let (id, path) = (self.id.to_str().unwrap_or_default(), path(&self.uri));
        let reason = self.failure.as_ref().map(|failure| failure.reason);
        let trace = self.tracer.as_ref().zip(self.parent.as_ref()).and_then(|(tracer, parent)| {
            let (method, status) = (self.method.as_str(), self.status);
            let (path, began, notes) = (&*path, self.trail.began, &notes);
            tracer.record(&RequestSpan { parent, id, method, path, status, reason, began, notes })
        });
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = id,
                    method = self.method.as_str(),
                    path = &*path,
                    status = self.status,
                    duration_ms = millis(took),
                    model = notes.model.as_ref().map(|labels| &*labels.model),
                    version = notes.model.as_ref().map(|labels| &*labels.version),
                    principal = notes.principal.as_deref(),
                    queue_ms = notes.queue.map(|stay| millis(stay.took())),
                    compute_ms = notes.stations.took().map(millis),
                    trace_id = trace.map(tracing::field::display),
                    reason,
                    error = self.failure.as_ref().and_then(|failure| failure.internal.as_deref()),
                    "request"
                )
            };
        }
        match &self.failure {
            Some(Failure { internal: Some(_), .. }) => line!(error),
            _ => line!(info),
        }
    }
}

/// What a path may hold beside letters that are ASCII and can be seen, it holds escaped.
fn path(uri: &Uri) -> Cow<'_, str> {
    const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"');
    utf8_percent_encode(uri.path(), ESCAPED).into()
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_that_is_one_is_kept() {
        let check = |id: &[u8], kept: bool| {
            let id = HeaderValue::from_bytes(id).unwrap();
            let headers = HeaderMap::from_iter([(REQUEST_ID, id.clone())]);
            assert_eq!(request_id(&headers) == id, kept, "{id:?}");
        };
        check(b"7f3a-92_c.d:e/f+g=@", true);
        check(&[b'a'; 128], true);
        for other in [b"".as_slice(), &[b'a'; 129], b"a b", b"a\"b", b"a\tb", b"{}", "\u{e9}".as_bytes()] {
            check(other, false);
        }
        assert_eq!(request_id(&HeaderMap::new()).len(), 36);
    }
}
