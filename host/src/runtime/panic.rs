//! What a sandbox that trapped left in its memory: the message of a panic, the node at work.
//!
//! A packed component imports nothing and so cannot print. Its panic hook writes the message
//! behind a marker in its static data (components/predictor/src/panic.rs); here it is found again.

use wasmtime::{AsContext, WasmCoreDump};

/// The start of the predictor's buffer for the message of a panic.
const MESSAGE: &[u8; 16] = b"\x7fedgewit-panic\x7f\x00";
/// The start of its buffer for the node at work, while a model is explained.
const NODE: &[u8; 16] = b"\x7fedgewit-node\x7f\x00\x00";
/// The zero-terminated text that follows a marker.
const TEXT: usize = 1008;

/// The message in the memories of `dump`, if the guest panicked.
pub(super) fn message(dump: &WasmCoreDump, store: impl AsContext) -> Option<String> {
    dump.memories().iter().find_map(|memory| find(memory.data(store.as_context()), MESSAGE))
}

/// The node that was at work, if the guest was explaining a model.
pub(super) fn node(dump: &WasmCoreDump, store: impl AsContext) -> Option<String> {
    dump.memories().iter().find_map(|memory| find(memory.data(store.as_context()), NODE))
}

fn find(memory: &[u8], marker: &[u8; 16]) -> Option<String> {
    let start = memchr::memmem::find(memory, marker)? + marker.len();
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
        memory.extend(MESSAGE);
        memory.extend(vec![0; TEXT]);
        assert_eq!(find(&memory, MESSAGE), None);
        memory[116..121].copy_from_slice(b"ouch!");
        assert_eq!(find(&memory, MESSAGE), Some("ouch!".into()));
        assert_eq!(find(b"nothing here", NODE), None);
    }
}
