//! Keeps the message of a panic where the host can find it.
//!
//! A packed component imports nothing, so it cannot print. A panic writes its message into a
//! static with a recognisable start; the host searches the memory of the trapped instance for it.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The message, zero-terminated. The host knows this layout: a marker of 16 bytes, then text.
#[repr(C)]
struct Message {
    marker: [u8; 16],
    text: [AtomicU8; 1008],
}

#[used]
static MESSAGE: Message =
    Message { marker: *b"\x7fedgewit-panic\x7f\x00", text: [const { AtomicU8::new(0) }; 1008] };

/// From now on a panic leaves its message in [`MESSAGE`]. The hook is part of the snapshot.
pub(crate) fn keep_messages() {
    std::panic::set_hook(Box::new(|info| {
        // Without an allocation: the panic may come from a full memory.
        let _ = write!(Writer(0), "{info}");
    }));
}

struct Writer(usize);

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // The last byte stays zero.
            let Some(cell) = MESSAGE.text[..MESSAGE.text.len() - 1].get(self.0) else {
                return Err(fmt::Error);
            };
            cell.store(byte, Relaxed);
            self.0 += 1;
        }
        Ok(())
    }
}
