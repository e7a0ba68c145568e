//! What the system tells the process.

use std::time::Duration;

use anyhow::Result;
#[cfg(unix)]
use tokio::signal::unix::{self, SignalKind};

/// What to do.
pub(super) enum Signal {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals that come from now on.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: unix::Signal,
    #[cfg(unix)]
    interrupt: unix::Signal,
    #[cfg(unix)]
    hang_up: unix::Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Signals> {
        Ok(Signals {
            #[cfg(unix)]
            terminate: unix::signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: unix::signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            hang_up: unix::signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }

    /// Waits for one.
    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> Signal {
        // An error means that there will be none.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Stop
    }

    /// Waits so long, or until a signal to stop says that it takes too long.
    pub(super) async fn stop_or(&mut self, time: Duration) {
        let stop = async { while !matches!(self.next().await, Signal::Stop) {} };
        // It is over when either is.
        let _ = tokio::time::timeout(time, stop).await;
    }
}
