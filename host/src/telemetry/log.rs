//! Where lines of the log go: to standard error, as JSON or for a reader at a terminal.
//!
//! Whoever logs only formats the line. A thread writes it, many at a time; what it has no room for is dropped and
//! counted, so that a slow disk or pipe slows no request. A line is one line: what breaks lines or steers a terminal is escaped.

use std::fmt;
use std::io::{BufWriter, IsTerminal, stderr};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use serde::{Deserialize, Serialize};
use tracing::field::Field;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// Lines that may wait to be written: some megabytes, and most of a second's under full load.
const WAITING: usize = 8192;
/// Lines are written in pieces of so many bytes, or when none waits.
const PIECE: usize = 64 << 10;

/// The form of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// An object.
    Json,
    /// For a reader.
    Pretty,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// The least level, for all or by module.
    pub level: Targets,
}

/// The log; dropping it writes what still waits.
pub struct Log {
    dropped: ErrorCounter,
    level: reload::Handle<Targets, Registry>,
    _writer: WorkerGuard,
}

impl Log {
    /// Makes it the log of the process; panics go there, too.
    ///
    /// # Errors
    /// When the process has one already.
    pub fn start(config: &LogConfig) -> Result<Log, tracing_subscriber::util::TryInitError> {
        let terminal = stderr().is_terminal();
        let builder = NonBlockingBuilder::default().buffered_lines_limit(WAITING).thread_name("log");
        let (lines, writer) = builder.finish(BufWriter::with_capacity(PIECE, stderr()));
        let dropped = lines.error_counter();
        let layer = tracing_subscriber::fmt::layer().with_writer(lines).with_target(false);
        let layer = match config.format {
            LogFormat::Pretty => pretty(layer.with_ansi(terminal)).boxed(),
            LogFormat::Auto if terminal => pretty(layer).boxed(),
            _ => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        let (filter, level) = reload::Layer::new(config.level.clone());
        tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?;
        std::panic::set_hook(Box::new(|panic| {
            let thread = std::thread::current();
            let place = panic.location().map(tracing::field::display);
            let text = panic.payload_as_str().unwrap_or_default();
            tracing::error!(thread = thread.name(), place, error = text, "panic");
        }));
        Ok(Log { dropped, level, _writer: writer })
    }

    /// Changes the least level while the process runs.
    pub fn level(&self) -> impl Fn(Targets) -> Result<(), reload::Error> + Send + use<> {
        let level = self.level.clone();
        move |to| level.reload(to)
    }

    /// The number of lines that were dropped, as a metric.
    pub(super) fn dropped(&self) -> Dropped {
        Dropped(self.dropped.clone())
    }
}

/// Lines that were dropped.
pub(super) struct Dropped(ErrorCounter);

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.dropped_lines().fmt(f)
    }
}

impl EncodeMetric for Dropped {
    fn encode(&self, encoder: MetricEncoder) -> fmt::Result {
        ConstCounter::new(self.0.dropped_lines() as u64).encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

type Lines<S, N> = tracing_subscriber::fmt::Layer<S, N, tracing_subscriber::fmt::format::Format, NonBlocking>;

/// The library escapes text in fields, but not messages nor what is given to be displayed.
fn pretty<S, N>(layer: Lines<S, N>) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    N: Send + Sync + 'static,
{
    layer.fmt_fields(debug_fn(field).delimited(" "))
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    for letter in format!("{value:?}").chars() {
        match breaks(letter) {
            true => write!(writer, "{}", letter.escape_unicode())?,
            false => writer.write_char(letter)?,
        }
    }
    Ok(())
}

/// Whether a letter may end a line or change how a terminal shows it.
fn breaks(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
