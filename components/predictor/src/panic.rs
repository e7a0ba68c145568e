//! Keeps what the host wants to know after a trap where it can find it.
//!
//! A packed component imports nothing, so it cannot print. A panic writes its message into a
//! static with a recognisable start; the host searches the memory of the trapped instance for it.
//! While a model is being explained, the node at work is kept in the same way.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A text, zero-terminated. The host knows this layout: a marker of 16 bytes, then text.
#[repr(C)]
struct Note {
    marker: [u8; 16],
    text: [AtomicU8; 1008],
}

impl Note {
    const fn new(marker: &[u8; 16]) -> Note {
        Note { marker: *marker, text: [const { AtomicU8::new(0) }; 1008] }
    }
}

#[used]
static MESSAGE: Note = Note::new(b"\x7fedgewit-panic\x7f\x00");
#[used]
static NODE: Note = Note::new(b"\x7fedgewit-node\x7f\x00\x00");

/// From now on a panic leaves its message in [`MESSAGE`]. The hook is part of the snapshot.
pub(crate) fn keep_messages() {
    std::panic::set_hook(Box::new(|info| {
        // Without an allocation: the panic may come from a full memory.
        let _ = write!(Writer { note: &MESSAGE, at: 0 }, "{info}");
    }));
}

/// From now on [`NODE`] holds the node that tract is at, which it tells in its trace.
pub(crate) fn keep_nodes() {
    if log::set_logger(&Nodes).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
}

struct Nodes;

/// How the lines begin that name a node: the parser's, the analysis', the plan's and the interpreter's.
const BEGINNINGS: [&str; 3] = ["Creating node ", "Starting step for ", "Running "];

impl log::Log for Nodes {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() == log::Level::Trace
    }

    fn log(&self, record: &log::Record) {
        let line = record.args().to_string();
        if let Some(node) = BEGINNINGS.iter().find_map(|beginning| line.strip_prefix(beginning)) {
            let mut writer = Writer { note: &NODE, at: 0 };
            let _ = write!(writer, "{node}");
            writer.end();
        }
    }

    fn flush(&self) {}
}

struct Writer {
    note: &'static Note,
    at: usize,
}

impl Writer {
    /// A shorter text than the one before ends where it ends.
    fn end(&self) {
        if let Some(cell) = self.note.text.get(self.at) {
            cell.store(0, Relaxed);
        }
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // The last byte stays zero.
            let Some(cell) = self.note.text[..self.note.text.len() - 1].get(self.at) else {
                return Err(fmt::Error);
            };
            cell.store(byte, Relaxed);
            self.at += 1;
        }
        Ok(())
    }
}
