//! A file or an address whose contents are read again when they change.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::Error;

/// An address is asked no more often than this, whoever sends tokens of unknown keys.
const BETWEEN: Duration = Duration::from_secs(10);
/// What an address may answer, in bytes, and in what time.
const ANSWER: (u64, Duration) = (1 << 20, Duration::from_secs(5));

/// Where something is read from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Given at the start, under this name.
    Fixed(&'static str, Vec<u8>),
    /// A file.
    File(PathBuf),
    /// An address, and how long its answer is good for.
    Url(String, Duration),
}

impl Source {
    fn name(&self) -> String {
        match self {
            Source::Fixed(name, _) => (*name).into(),
            Source::File(path) => path.display().to_string(),
            Source::Url(url, _) => url.clone(),
        }
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let unreadable = |error: &dyn std::fmt::Display| Error::Unreadable(self.name(), error.to_string());
        match self {
            Source::Fixed(_, bytes) => Ok(bytes.clone()),
            Source::File(path) => std::fs::read(path).map_err(|error| unreadable(&error)),
            Source::Url(url, _) => {
                let agent = ureq::Agent::config_builder().timeout_global(Some(ANSWER.1)).max_redirects(0);
                let agent = ureq::Agent::from(agent.build());
                let mut answer = agent.get(url).call().map_err(|error| unreadable(&error))?;
                answer
                    .body_mut()
                    .with_config()
                    .limit(ANSWER.0)
                    .read_to_vec()
                    .map_err(|error| unreadable(&error))
            }
        }
    }
}

type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send + Sync>;

/// What was made of a source, as it was when it was last good.
pub(super) struct Reloaded<T> {
    source: Source,
    parse: Parse<T>,
    value: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
    wanted: AtomicBool,
}

/// What is known of the source since it was last read.
struct Seen {
    stamp: Option<(SystemTime, u64)>,
    at: Instant,
    failed: bool,
}

impl<T: Default> Reloaded<T> {
    /// Reads the source.
    ///
    /// # Errors
    /// When that fails, but for an address: the host is not to depend on another to start.
    pub(super) fn new(
        source: Source,
        parse: impl Fn(&[u8]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Reloaded<T>, Error> {
        let seen = Seen { stamp: stamp(&source), at: Instant::now(), failed: false };
        let of_address = matches!(source, Source::Url(..));
        let reloaded = Reloaded {
            source,
            parse: Box::new(parse),
            value: RwLock::default(),
            seen: Mutex::new(seen),
            wanted: AtomicBool::new(false),
        };
        match reloaded.read() {
            Err(error) if !of_address => Err(error),
            _ => Ok(reloaded),
        }
    }
}

impl<T> Reloaded<T> {
    /// What was made of it.
    pub(super) fn get(&self) -> Arc<T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for an address to be read before its time: something is missing in it.
    pub(super) fn want(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// Reads it again if it is a file that changed or an address whose time has come.
    pub(super) fn refresh(&self) {
        let due = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match &self.source {
                Source::Fixed(..) => false,
                Source::File(_) => {
                    let now = stamp(&self.source);
                    // A file that is gone for a moment is being replaced.
                    let changed = now.is_some() && now != seen.stamp;
                    seen.stamp = now.or(seen.stamp);
                    changed
                }
                Source::Url(_, good_for) => {
                    let soon = seen.failed || self.wanted.load(Relaxed);
                    seen.at.elapsed() >= if soon { BETWEEN } else { *good_for }
                }
            }
        };
        if due {
            self.reload();
        }
    }

    /// Reads it again now.
    pub(super) fn reload(&self) {
        if self.read().is_ok() {
            tracing::info!(source = self.source.name(), "keys were read again");
        }
    }

    /// Leaves what there is when the source is not good.
    fn read(&self) -> Result<(), Error> {
        self.wanted.store(false, Relaxed);
        let value = self.source.read().and_then(|bytes| {
            (self.parse)(&bytes).map_err(|error| Error::Malformed(self.source.name(), error))
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.at, seen.failed) = (Instant::now(), value.is_err());
        match value {
            Ok(value) => {
                *self.value.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "keys could not be read; those from before stay");
                Err(error)
            }
        }
    }
}

fn stamp(source: &Source) -> Option<(SystemTime, u64)> {
    let Source::File(path) = source else { return None };
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
