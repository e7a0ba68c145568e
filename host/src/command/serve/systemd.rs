//! What a service manager is told (`NOTIFY_SOCKET`, as systemd has it). Without one, nothing.

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

/// The host answers.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Reloads, and says so before and after.
pub(super) fn reloading(reload: impl FnOnce()) {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
    reload();
    ready();
}

/// The host is about to stop.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells the manager twice in its time that the threads that answer still run, if it wants to know.
pub(super) fn keep_alive() {
    if let Some(time) = sd_notify::watchdog_enabled() {
        tokio::spawn(async move {
            let mut turns = tokio::time::interval(time / 2);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                turns.tick().await;
                // A manager that does not read would else hold up a thread that answers requests.
                drop(tokio::task::spawn_blocking(|| notify(&[NotifyState::Watchdog])).await);
            }
        });
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("cannot tell the service manager: {error}");
    }
}
