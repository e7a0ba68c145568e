//! Connections in, requests to the routes: sockets, TLS, limits, and an end that loses nothing.
//!
//! Steps of the end: the connections that wait in the socket are accepted and the socket is closed; answers say that
//! their connection closes; idle connections are closed a little later; what was begun is finished.

mod body;
mod connection;
mod expiry;
mod socket;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::telemetry::ConnectionMetrics;
use connection::Version;
pub use connection::{ConnectionLimits, Peer};
use socket::Socket;
pub use socket::{Address, Inherited, Listener};
pub use tls::{ClientCertificates, Tls, TlsError, TlsFiles};

/// How long to wait when the system has no file descriptor left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What HTTP is spoken over: encrypted or not.
type Stream = Either<TlsStream<Socket>, Socket>;

/// Answers what comes in by a listener.
pub struct Server {
    /// What it answers with.
    pub router: Router,
    /// How it encrypts, if it does.
    pub tls: Option<Arc<Tls>>,
    /// What connections may take.
    pub limits: ConnectionLimits,
    /// What is counted.
    pub metrics: ConnectionMetrics,
}

impl Server {
    /// Accepts connections until `stop` is true, then closes the listener and returns when the last connection has
    /// ended.
    pub async fn run(self, listener: Listener, mut stop: watch::Receiver<bool>) {
        let server = Arc::new(self);
        let permits = Arc::new(Semaphore::new(server.limits.connections));
        let (drain, draining) = watch::channel(false);
        let mut stopped = std::pin::pin!(stop.wait_for(|stop| *stop));
        loop {
            let accept = async {
                // Before the connection, so that one too many waits in the kernel, where it costs little.
                let permit = permits.clone().acquire_owned().await.ok();
                (permit, listener.accept().await)
            };
            tokio::select! {
                _ = &mut stopped => break,
                (permit, accepted) = accept => match accepted {
                    Ok((socket, address)) => server.spawn(socket, address, permit, draining.clone()),
                    Err(error) if broke_off(&error) => {}
                    Err(error) => {
                        tracing::error!("cannot accept a connection: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        // Before the socket is closed: whoever sees that is told the end with the next answer.
        drain.send_replace(true);
        for (socket, address) in listener.rest() {
            server.spawn(socket, address, None, draining.clone());
        }
        drop(draining);
        drain.closed().await;
    }

    fn spawn(
        self: &Arc<Self>,
        socket: Socket,
        address: Option<SocketAddr>,
        permit: Option<OwnedSemaphorePermit>,
        draining: watch::Receiver<bool>,
    ) {
        let server = self.clone();
        let open = server.metrics.opened();
        tokio::spawn(async move {
            if let Some((stream, version)) = server.agree(socket, address).await {
                let peer = Peer { address, tls: server.tls.is_some() };
                let router = server.router.clone();
                connection::serve(stream, version, peer, router, server.limits, draining).await;
            }
            drop((open, permit));
        });
    }

    /// The stream that HTTP is spoken over, with TLS agreed on if there is to be any.
    async fn agree(&self, socket: Socket, address: Option<SocketAddr>) -> Option<(Stream, Version)> {
        let Some(tls) = &self.tls else { return Some((Stream::Right(socket), Version::Http1)) };
        let handshake = tokio::time::timeout(self.limits.header_timeout, tls.accept(socket));
        let failed = match handshake.await {
            Ok(Ok(agreed)) => return Some(agreed),
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        self.metrics.handshake_failed();
        tracing::debug!(?address, "no TLS: {failed}");
        None
    }
}

/// Whether it is the client that went away between its connection and our taking it.
fn broke_off(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput | NotConnected
    )
}
