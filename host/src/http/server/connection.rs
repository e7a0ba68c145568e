//! One connection: its limits, its requests, its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tower::Service;

use super::Stream;
use super::body::ReadToEnd;

/// How long an idle HTTP/1 connection stays open when the host stops. A client may be sending on it, and could not know
/// whether a request that meets the end was read; in this time it gets its answer, and with it the end is told.
const LINGER: Duration = Duration::from_secs(1);

/// What connections may take of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Time for a TLS handshake, for the head of a request, and between two requests of an HTTP/1 connection.
    pub header_timeout: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Fields of a request's head.
    pub headers: usize,
    /// Requests at a time of one HTTP/2 connection.
    pub streams: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits {
            connections: 8192,
            header_timeout: Duration::from_secs(30),
            header_bytes: 64 << 10,
            headers: 100,
            streams: 128,
        }
    }
}

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address; a Unix socket has none.
    pub address: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// The version, which TLS settles; without TLS it is always HTTP/1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Answers the requests of a connection until it ends, or until `draining` is true and what was begun is answered.
pub(super) async fn serve(
    stream: Stream,
    version: Version,
    peer: Peer,
    router: Router,
    limits: ConnectionLimits,
    draining: watch::Receiver<bool>,
) {
    let ending = draining.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = ReadToEnd::new(request).map(Body::new);
        request.extensions_mut().insert(peer);
        let answer = router.clone().call(request);
        let ending = ending.clone();
        async move {
            let mut answer = answer.await?;
            // HTTP/2 has a message of its own for this.
            if version == Version::Http1 && *ending.borrow() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let io = TokioIo::new(stream);
    match version {
        Version::Http1 => {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(limits.header_timeout)
                .max_header_size(limits.header_bytes)
                .max_headers(limits.headers);
            drive(http.serve_connection(io, service), draining, LINGER).await;
        }
        Version::Http2 => {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .keep_alive_interval(limits.header_timeout)
                .max_concurrent_streams(limits.streams)
                .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
            drive(http.serve_connection(io, service), draining, Duration::ZERO).await;
        }
    }
}

async fn drive(connection: impl GracefulConnection, draining: watch::Receiver<bool>, linger: Duration) {
    let mut connection = pin!(connection);
    // A broken connection is the client's affair; its requests have counted what was wrong with them.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = drained(draining, linger) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn drained(mut draining: watch::Receiver<bool>, linger: Duration) {
    drop(draining.wait_for(|draining| *draining).await);
    tokio::time::sleep(linger).await;
}
