//! What is left of a request's body when it has been answered.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

/// How much of what nobody wanted is read and thrown away, how long that may take, and how long a client may pause.
const REST: (usize, Duration, Duration) = (1 << 30, Duration::from_secs(30), Duration::from_secs(5));

/// A request's body that is read to its end, within limits, though it was answered before.
///
/// A client sends the body after the head and then reads the answer. If the rest of the body were left unread, the
/// connection would have to be closed: the client's answer could be lost in a reset (RFC 9112, section 9.6), and its next
/// request could meet the end of a connection that it had no reason to think closed.
pub(super) struct ReadToEnd {
    /// `None` when it has ended, or nobody shall read on.
    body: Option<Incoming>,
    /// The client waits for `100 Continue` (RFC 9110, section 10.1.1). As long as nobody reads, it does not send the body.
    awaited: bool,
}

impl ReadToEnd {
    pub(super) fn new(request: Request<Incoming>) -> Request<ReadToEnd> {
        let awaited = request.headers().contains_key(header::EXPECT);
        request.map(|body| ReadToEnd { body: Some(body).filter(|body| !body.is_end_stream()), awaited })
    }
}

impl Body for ReadToEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.awaited = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !self.awaited && !body.is_end_stream()) {
            tokio::spawn(throw_away(body));
        }
    }
}

async fn throw_away(mut body: Incoming) {
    let (mut left, whole, pause) = REST;
    let end = Instant::now() + whole;
    while let Ok(Some(Ok(frame))) = timeout_at(end.min(Instant::now() + pause), body.frame()).await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { break };
        left = rest;
    }
}
