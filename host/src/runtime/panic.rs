//! The message of a panic, read from the memory of the sandbox that trapped.
//!
//! A packed component imports nothing and so cannot print. Its panic hook writes the message
//! behind a marker in its static data (components/predictor/src/panic.rs); here it is found again.

use wasmtime::{AsContext, WasmCoreDump};

/// The start of the predictor's message buffer.
const MARKER: &[u8; 16] = b"\x7fedgewit-panic\x7f\x00";
/// The zero-terminated text that follows the marker.
const TEXT: usize = 1008;

/// The message in the memories of `dump`, if the guest panicked.
pub(super) fn message(dump: &WasmCoreDump, store: impl AsContext) -> Option<String> {
    dump.memories().iter().find_map(|memory| find(memory.data(store.as_context())))
}

fn find(memory: &[u8]) -> Option<String> {
    let start = memchr::memmem::find(memory, MARKER)? + MARKER.len();
    let text = memory.get(start..start + TEXT)?;
    let text = &text[..text.iter().position(|byte| *byte == 0)?];
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_behind_its_marker_and_an_empty_one_is_none() {
        let mut memory = vec![7; 100];
        memory.extend(MARKER);
        memory.extend(vec![0; TEXT]);
        assert_eq!(find(&memory), None);
        memory[116..121].copy_from_slice(b"ouch!");
        assert_eq!(find(&memory), Some("ouch!".into()));
        assert_eq!(find(b"nothing here"), None);
    }
}
