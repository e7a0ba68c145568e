//! Errors as responses; the only file with HTTP status codes of failures.
//!
//! A client sees what it did wrong and the request id. What went wrong inside goes to the log.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edgewit_core::ErrorBody;

use crate::records;
use crate::release::{Refused, ReleaseError};
use crate::runtime;
use crate::serving::Error;
use crate::store::StoreError;

/// A failed request: its status, its body, its reason for the metrics, and what only the log says.
#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    body: Box<ErrorBody>,
    reason: &'static str,
    internal: Option<String>,
}

impl HttpError {
    fn new(status: StatusCode, reason: &'static str, text: impl Into<String>) -> HttpError {
        HttpError { status, body: Box::new(ErrorBody::new(text)), reason, internal: None }
    }

    pub(super) fn broken_body(error: &axum::Error) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, "broken_body", format!("the body broke off: {error}"))
    }

    pub(super) fn malformed(text: impl Into<String>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, "invalid_input", text)
    }

    pub(super) fn encoding() -> HttpError {
        let text = "content-encoding must be gzip, deflate or identity";
        HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding", text)
    }

    pub(super) fn slow_body() -> HttpError {
        HttpError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", "the body comes too slowly")
    }

    pub(super) fn out_of_time() -> HttpError {
        HttpError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took longer than it may")
    }

    pub(super) fn path_is_no_text() -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, "path", "the path is not UTF-8 once its escapes are read")
    }

    pub(super) fn host() -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, "host", "expected one header `host`")
    }

    /// The same for every reason: what is wrong with a key helps whoever tries keys.
    pub(super) fn unauthorized() -> HttpError {
        HttpError::new(StatusCode::UNAUTHORIZED, "unauthorized", "this takes a key or token that is good")
    }

    /// The same for what is not there and what is there for others.
    pub(super) fn forbidden() -> HttpError {
        HttpError::new(StatusCode::FORBIDDEN, "forbidden", "this key or token is not for that")
    }

    pub(super) fn too_many_requests() -> HttpError {
        HttpError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many requests; try again later")
    }

    pub(super) fn no_route() -> HttpError {
        HttpError::new(StatusCode::NOT_FOUND, "not_found", "there is no such path")
    }

    pub(super) fn method() -> HttpError {
        HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path does not take that method")
    }

    pub(super) fn no_registry() -> HttpError {
        let text = "this host serves a folder and follows no registry; start it with --registry";
        HttpError::new(StatusCode::NOT_IMPLEMENTED, "unsupported", text)
    }

    pub(super) fn no_release(model: &str) -> HttpError {
        HttpError::new(StatusCode::NOT_FOUND, "not_found", format!("the registry has no model `{model}`"))
    }

    /// The store of records is not there.
    pub(super) fn records(error: &records::StoreError) -> HttpError {
        let text = "records cannot be reached; try again";
        let mut http = HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "records", text);
        http.internal = Some(error.to_string());
        http
    }

    pub(super) fn no_prediction(keys: &[String]) -> HttpError {
        let keys = keys.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        HttpError::new(StatusCode::NOT_FOUND, "not_found", format!("no prediction has the key {keys}"))
    }

    pub(super) fn panic() -> HttpError {
        HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error")
    }

    /// Its name in the metrics.
    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }
}

impl From<Error> for HttpError {
    fn from(error: Error) -> HttpError {
        let reason = error.reason();
        let status = match &error {
            Error::UnknownModel(_) | Error::UnknownVersion { .. } | Error::NoDefault | Error::Unloaded(_) => {
                StatusCode::NOT_FOUND
            }
            Error::Load { .. } => StatusCode::BAD_REQUEST,
            Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            Error::NotReady(_) | Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Error::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Row(row) if row.is_too_many_rows() => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Encoding(..) => StatusCode::BAD_REQUEST,
            Error::Row(_) | Error::Oip(_) | Error::NoRows(_) => StatusCode::BAD_REQUEST,
            Error::Runtime(runtime::Error::InvalidInput(_)) => StatusCode::BAD_REQUEST,
            Error::Runtime(runtime::Error::Unsupported(_)) => StatusCode::NOT_IMPLEMENTED,
            Error::Runtime(runtime::Error::Deadline(_)) => StatusCode::GATEWAY_TIMEOUT,
            Error::Runtime(_) | Error::Respond(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = match &error {
            Error::Runtime(runtime::Error::Deadline(_)) => {
                "the prediction took longer than its deadline".into()
            }
            Error::Runtime(runtime::Error::Memory(_)) => {
                "the prediction needed more memory than it may have".into()
            }
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => "the model failed on this request".into(),
            _ => error.to_string(),
        };
        let mut http = HttpError::new(status, reason, text);
        // A full queue is the load's doing, not a fault, and would flood the log; so would what nobody has here.
        let expected = matches!(error, Error::Unsupported(_)) || status == StatusCode::SERVICE_UNAVAILABLE;
        if status.is_server_error() && !expected {
            http.internal = Some(error.to_string());
        }
        if let Error::Row(row) = &error {
            *http.body = ErrorBody::from(row);
        }
        http
    }
}

impl From<ReleaseError> for HttpError {
    fn from(error: ReleaseError) -> HttpError {
        let (status, reason) = match &error {
            ReleaseError::Refused(Refused::Plan { .. }) => (StatusCode::BAD_REQUEST, "invalid_input"),
            ReleaseError::Refused(_) => (StatusCode::CONFLICT, "conflict"),
            ReleaseError::Store(StoreError::Missing { .. }) => (StatusCode::NOT_FOUND, "not_found"),
            ReleaseError::Store(StoreError::Untrusted { .. } | StoreError::Damaged { .. }) => {
                (StatusCode::CONFLICT, "conflict")
            }
            ReleaseError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "registry"),
        };
        HttpError::new(status, reason, error.to_string())
    }
}

impl IntoResponse for HttpError {
    /// The body is written by [`write`], which knows the id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let (body, reason, internal) = (*self.body, self.reason, self.internal);
        response.extensions_mut().insert(Unwritten { body, reason, internal });
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"edgewit\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

#[derive(Clone)]
struct Unwritten {
    body: ErrorBody,
    reason: &'static str,
    internal: Option<String>,
}

/// What the log and the metrics say of a failed request.
#[derive(Debug)]
pub(super) struct Failure {
    /// Its name in the metrics.
    pub(super) reason: &'static str,
    /// What only the log says.
    pub(super) internal: Option<String>,
}

/// Writes the body of a failed request, with the request's id.
pub(super) fn write(mut response: Response, id: &HeaderValue) -> (Response, Option<Failure>) {
    let Some(Unwritten { mut body, reason, internal }) = response.extensions_mut().remove() else {
        return (response, None);
    };
    body.request_id = id.to_str().ok().map(str::to_owned);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    ((parts, Json(body)).into_response(), Some(Failure { reason, internal }))
}
