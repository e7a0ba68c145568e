//! Which blocks there are, a bit for each number.

#![allow(unsafe_code, reason = "an allocator deals in raw memory")]

use std::ptr;

use dlmalloc::Dlmalloc;

use crate::pages::Pages;

/// A list of bits on the heap, beside the numbered blocks.
pub(crate) struct Bits {
    start: *mut u8,
    len: usize,
}

impl Bits {
    pub(crate) const fn new() -> Bits {
        Bits { start: ptr::null_mut(), len: 0 }
    }

    pub(crate) fn as_slice(&self) -> &'static [u8] {
        if self.start.is_null() {
            return &[];
        }
        // SAFETY: they are `len` bytes of the heap. They move only when a numbered block is taken, and are gone only when a
        // packed model is settled; both end before anybody asks for them.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    pub(crate) fn get(&self, number: u32) -> bool {
        self.as_slice().get(number as usize / 8).is_some_and(|byte| byte & 1 << (number % 8) != 0)
    }

    pub(crate) fn set(&mut self, heap: &mut Dlmalloc<Pages>, number: u32, bit: bool) {
        let byte = number as usize / 8;
        if byte >= self.len {
            self.grow(heap, (byte + 1).next_power_of_two().max(4096));
        }
        if byte < self.len {
            // SAFETY: the byte is within the list.
            let byte = unsafe { &mut *self.start.add(byte) };
            *byte = *byte & !(1 << (number % 8)) | u8::from(bit) << (number % 8);
        }
    }

    pub(crate) fn copy(&mut self, heap: &mut Dlmalloc<Pages>, bytes: &[u8]) {
        self.grow(heap, bytes.len());
        if self.len >= bytes.len() {
            // SAFETY: the list has room for the bytes, which lie elsewhere.
            unsafe { self.start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
    }

    /// Makes the list `len` bytes long, more than it was, if there is memory.
    fn grow(&mut self, heap: &mut Dlmalloc<Pages>, len: usize) {
        // SAFETY: the list is the heap's and is freed once.
        unsafe {
            let start = heap.calloc(len.max(1), 1);
            if start.is_null() {
                return;
            }
            if !self.start.is_null() {
                start.copy_from_nonoverlapping(self.start, self.len);
                self.start.write_bytes(0, self.len);
                heap.free(self.start, self.len, 1);
            }
            (self.start, self.len) = (start, len);
        }
    }
}
