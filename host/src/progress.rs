//! Progress of long work: a spinner on a terminal, plain lines otherwise. Always on standard error,
//! so that standard output stays the command's result. A server logs it instead.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Says what is being done.
pub struct Progress {
    bar: Option<ProgressBar>,
    logged: bool,
    /// Where there is no bar: how many are done, of how many.
    done: AtomicU64,
    total: u64,
}

impl Progress {
    /// Shows steps one after another.
    pub fn steps() -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Progress::new(bar, 0)
    }

    /// Shows how many of `total` are done.
    pub fn count(total: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} (about {eta} left)") {
                bar.set_style(style);
            }
            bar
        });
        Progress::new(bar, total)
    }

    /// Logs steps one after another.
    pub fn logged() -> Progress {
        let mut progress = Progress::new(None, 0);
        progress.logged = true;
        progress
    }

    /// Shows nothing.
    pub fn silent() -> Progress {
        Progress::new(Some(ProgressBar::hidden()), 0)
    }

    fn new(bar: Option<ProgressBar>, total: u64) -> Progress {
        Progress { bar, logged: false, done: AtomicU64::new(0), total }
    }

    /// Begins the next step.
    pub fn step(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.logged => tracing::info!("{text}"),
            None => eprintln!("{text}"),
        }
    }

    /// One more is done. Without a terminal, long work says so at each tenth.
    pub fn advance(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
            bar.inc(1);
            return;
        }
        let done = self.done.fetch_add(1, Relaxed) + 1;
        if self.total >= 100 && done * 10 / self.total > (done - 1) * 10 / self.total {
            eprintln!("{done} of {}", self.total);
        }
    }

    /// Prints a line of the result without tearing the bar.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
