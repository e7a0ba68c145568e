//! Headers that tell browsers what an answer may not be used for, and which pages of others may read it.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// An answer is data: nothing may run in it, frame it, or come from it.
const DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// A year.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The headers of every answer. A page has set the policy that it needs, and keeps it.
pub(super) fn secure(mut response: Response, over_tls: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(DATA);
    // Over plain HTTP the field means nothing (RFC 6797, section 7.2).
    if over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    response
}

/// Pages of which origins may ask, and for how long a browser remembers that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// As browsers write them: scheme, host, and port where it is not the usual one.
    pub origins: Vec<HeaderValue>,
    /// How long the answer to a preflight is good for.
    pub max_age: Duration,
}

impl Cors {
    /// The layer, where any origin is allowed. Cookies are not: a key or token is set by the page.
    pub(super) fn layer(&self) -> Option<CorsLayer> {
        const API: [HeaderName; 7] = [
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            crate::auth::API_KEY,
            super::observe::REQUEST_ID,
            HeaderName::from_static("inference-header-content-length"),
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
        ];
        const TOLD: [HeaderName; 5] = [
            super::observe::REQUEST_ID,
            HeaderName::from_static("inference-header-content-length"),
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            header::RETRY_AFTER,
        ];
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(API)
            .expose_headers(TOLD)
            .max_age(self.max_age);
        (!self.origins.is_empty()).then_some(layer)
    }
}
