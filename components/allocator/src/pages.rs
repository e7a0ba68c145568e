//! The linear memory below the allocator: where it ends, how it grows, how it is wiped.

#![allow(unsafe_code, reason = "an allocator deals in raw memory")]

use std::cell::Cell;
use std::ptr;

/// The unit in which a memory grows.
const PAGE: usize = 1 << 16;

/// Gives an allocator what it has of linear memory, then lets the memory grow.
pub(crate) struct Pages {
    /// What lies from here to the end of the memory is free. Zero: all of the heap.
    free: Cell<usize>,
}

impl Pages {
    pub(crate) const fn new() -> Pages {
        Pages { free: Cell::new(0) }
    }

    /// Those behind `free`, which are zero.
    pub(crate) const fn from(free: usize) -> Pages {
        Pages { free: Cell::new(free) }
    }

    /// At least `size` bytes of zeros: where they start, and how many they are; none if there is no memory.
    pub(crate) fn take(&self, size: usize) -> (usize, usize) {
        let start = if self.free.get() == 0 { heap_start() } else { self.free.get() };
        let Some(end) = start.checked_add(size).and_then(|end| end.checked_next_multiple_of(PAGE)) else {
            return (0, 0);
        };
        let missing = end.saturating_sub(self::end()) / PAGE;
        if missing > 0 && grow(missing) == usize::MAX {
            return (0, 0);
        }
        self.free.set(end);
        (start, end - start)
    }
}

// SAFETY: no two calls give the same bytes: each begins where the one before ended.
unsafe impl dlmalloc::Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let (start, size) = self.take(size);
        (ptr::with_exposed_provenance_mut(start), size, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

unsafe extern "C" {
    /// Where the linker ends what it placed. Only its address means something.
    static __heap_base: u8;
}

/// The first address behind stack and statics that a block may have.
pub(crate) fn heap_start() -> usize {
    (&raw const __heap_base).addr().next_multiple_of(16)
}

/// The end of the memory.
pub(crate) fn end() -> usize {
    // The last page of a full memory is left alone: its end has no address.
    (std::arch::wasm32::memory_size(0) * PAGE).min(usize::MAX - PAGE + 1)
}

fn grow(pages: usize) -> usize {
    std::arch::wasm32::memory_grow(0, pages)
}

/// Zeroes a stretch of memory that nothing lives in.
pub(crate) fn wipe(start: usize, end: usize) {
    if start < end {
        // SAFETY: the caller knows that no block and no static is there.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(start).write_bytes(0, end - start) };
    }
}

/// Zeroes the part of the stack that calls which have returned left behind.
pub(crate) fn wipe_stack() {
    /// Below the frame of this function, for whatever the compiler puts there.
    const MARGIN: usize = 1 << 12;
    let frame = 0u8;
    let top = (&raw const frame).addr();
    // The linker puts the stack first, so that an overflow traps instead of reaching into the statics.
    if top < (&raw const __heap_base).addr() {
        wipe(16, top.saturating_sub(MARGIN));
    }
}
