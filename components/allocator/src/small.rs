//! Small blocks of a heap: a list of free ones for each size.
//!
//! A prediction of a small model takes hundreds of blocks of some dozen bytes and soon frees them. A general allocator
//! finds each the best place and joins what is freed with its neighbours, which for a model of twenty inputs was a third
//! of the time. Here a block is the last one of its size that was freed, or the next bytes of a chunk. A list never
//! gives its blocks to another, so there are as many as there ever were at once.

#![allow(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::Layout;
use std::ptr;

/// Sizes are multiples of this, and so are addresses.
const STEP: usize = 16;
/// The largest size.
const LARGEST: usize = 512;
/// What is asked of the heap at a time, less what dlmalloc keeps beside a block.
const CHUNK: usize = 4096 - STEP;

pub(crate) struct Small {
    /// The first free block of each size, which points to the next.
    free: [*mut u8; LARGEST / STEP],
    /// What is left of the chunk.
    rest: *mut u8,
    bytes: usize,
}

impl Small {
    pub(crate) const fn new() -> Small {
        Small { free: [ptr::null_mut(); LARGEST / STEP], rest: ptr::null_mut(), bytes: 0 }
    }

    /// The list of a layout's blocks, if they are small.
    pub(crate) fn list(layout: Layout) -> Option<usize> {
        let small = layout.size().wrapping_sub(1) < LARGEST && layout.align() <= STEP;
        small.then(|| (layout.size() - 1) / STEP)
    }

    /// A block of a list. `chunk` gives memory of a size and alignment, or null.
    pub(crate) fn take(&mut self, list: usize, chunk: impl FnOnce(usize, usize) -> *mut u8) -> *mut u8 {
        let block = self.free[list];
        if !block.is_null() {
            // SAFETY: a free block is at least `STEP` bytes long and begins with the address of the next.
            self.free[list] = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let size = (list + 1) * STEP;
        if self.bytes < size && !self.refill(chunk) {
            return ptr::null_mut();
        }
        let block = self.rest;
        // SAFETY: the chunk has `size` more bytes.
        self.rest = unsafe { block.add(size) };
        self.bytes -= size;
        block
    }

    /// Frees a block.
    ///
    /// # Safety
    /// It was taken from this list, and is not used any more.
    pub(crate) unsafe fn give_back(&mut self, list: usize, block: *mut u8) {
        // SAFETY: it is at least `STEP` bytes long, aligned to as much, and nobody else's.
        unsafe { block.cast::<*mut u8>().write(self.free[list]) };
        self.free[list] = block;
    }

    /// Begins a chunk. What was left of the one before is a free block.
    #[cold]
    fn refill(&mut self, chunk: impl FnOnce(usize, usize) -> *mut u8) -> bool {
        let next = chunk(CHUNK, STEP);
        if next.is_null() {
            return false;
        }
        if self.bytes > 0 {
            // SAFETY: it is in no list, a multiple of `STEP` long and, as a small block did not fit, itself small.
            unsafe { self.give_back(self.bytes / STEP - 1, self.rest) };
        }
        (self.rest, self.bytes) = (next, CHUNK);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::{alloc, dealloc};

    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn small_is_what_is_not_empty_and_fits_the_lists() {
        let lists = [0, 1, 16, 17, 512, 513].map(|size| Small::list(layout(size)));
        assert_eq!(lists, [None, Some(0), Some(0), Some(1), Some(31), None]);
        assert_eq!(Small::list(Layout::from_size_align(8, 32).unwrap()), None);
    }

    #[test]
    fn blocks_lie_side_by_side_and_come_back_to_those_of_their_size() {
        let of_chunk = Layout::from_size_align(CHUNK, STEP).unwrap();
        let mut chunks = vec![];
        let mut small = Small::new();
        let mut take = |small: &mut Small, list| {
            let chunk = |size, align| {
                // SAFETY: the size is not zero.
                chunks.push(unsafe { alloc(Layout::from_size_align(size, align).unwrap()) });
                chunks[chunks.len() - 1]
            };
            let block = small.take(list, chunk);
            // SAFETY: it is so long, which the tools that watch over memory hold it to.
            unsafe { block.write_bytes(0xff, (list + 1) * STEP) };
            block
        };
        let blocks = (0..40).map(|ix| (ix % 32, take(&mut small, ix % 32))).collect::<Vec<_>>();
        let mut ends =
            blocks.iter().map(|(list, block)| (block.addr(), (list + 1) * STEP)).collect::<Vec<_>>();
        ends.sort_unstable();
        assert!(ends.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "they overlap");
        for (list, block) in blocks.iter().rev() {
            // SAFETY: it is of that list.
            unsafe { small.give_back(*list, *block) };
        }
        for (list, block) in blocks {
            assert_eq!(take(&mut small, list), block);
        }
        assert!(chunks.len() > 1);
        // SAFETY: they are so long, and nothing uses them any more.
        chunks.into_iter().for_each(|chunk| unsafe { dealloc(chunk, of_chunk) });
    }

    #[test]
    fn without_memory_there_is_no_block() {
        assert!(Small::new().take(3, |_, _| ptr::null_mut()).is_null());
    }
}
