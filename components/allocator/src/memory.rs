//! The allocator. It lets a packed model hold what loading leaves, and nothing else.
//!
//! A packed model is the memory of a sandbox in which the model was loaded. Loading takes several times what it leaves,
//! and with an ordinary allocator the survivors would lie scattered among the remains of all the rest. But loading is
//! also the same every time: there is no clock and no entropy. So it is done twice. In a first sandbox every block has
//! a number, and when all is done the numbers of the blocks that are still there are the [`residue`]. A second sandbox
//! is told them by [`arrange`]: it lays those blocks one behind the other, below everything else, and in the end wipes
//! the rest. A wrong guess costs space, never a block: what does not fit the plan is allocated as usual.
//!
//! Until a model is packed, each block of the heap has a header with its number. Afterwards, when predictions run, the
//! heap is an ordinary one (dlmalloc, as in the standard library) with lists of small blocks before it ([`Small`]), and
//! starts empty.

#![allow(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::hash::RandomState;
use std::ptr;

use dlmalloc::Dlmalloc;

use crate::bits::Bits;
use crate::pages::{self, Pages};
use crate::small::Small;

/// Which blocks survive loading.
pub struct Residue {
    /// Space for all of them.
    pub bytes: usize,
    /// A bit for each block in the order in which they are taken, the lowest bit of a byte first: set where it survives.
    pub blocks: Vec<u8>,
}

/// From now on blocks have numbers.
pub fn loading() {
    // The standard library seeds its maps with the address of a block, made for the first of them. Were it another in
    // the second sandbox, a map might be walked in another order there, and the numbers would not be the same.
    with(|memory| memory.seeding = true);
    std::hint::black_box(RandomState::new());
    with(|memory| {
        memory.seeding = false;
        memory.next = Some(0);
    });
}

/// Ends what [`loading`] began: from now on a freed block is left as it is. What remains in the sandbox that was told
/// beforehand is what a packed model starts with.
pub fn loaded() {
    with(Memory::settle);
}

/// What survived between [`loading`] and [`loaded`].
pub fn residue() -> Residue {
    let (bytes, blocks) = with(|memory| (memory.surviving, memory.bits.as_slice()));
    Residue { bytes, blocks: blocks.to_vec() }
}

/// Space for the numbered blocks that are there: the same in the first sandbox and in the second.
pub fn held() -> usize {
    with(|memory| memory.surviving)
}

/// Prepares a new sandbox for loading what left `residue` in another.
pub fn arrange(residue: &Residue) {
    with(|memory| memory.arrange(residue));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Blocks have headers, and are zeroed when they are freed.
    Loading,
    /// Blocks have headers.
    Loaded,
    /// Blocks are what the heap gives.
    Packed,
}

/// A block of the heap that was not taken while a model was loaded.
const UNNUMBERED: u32 = u32::MAX;

/// What is asked of a packed model's heap for a block. Of many bytes, as a message is, it is a little more: then a tensor
/// from it fits where it was, although a tensor is aligned.
fn with_room(layout: Layout) -> usize {
    let message = layout.align() == 1 && layout.size() >= 1 << 16;
    if message { layout.size().saturating_add(64) } else { layout.size() }
}

/// Bytes before each block, the last four of which are its number.
const HEADER: usize = 8;

struct Memory {
    phase: Phase,
    heap: Dlmalloc<Pages>,
    /// Of the heap, once the model is packed.
    small: Small,
    /// Where the survivors lie; empty before [`arrange`].
    survivors: Region,
    /// The number of the next block.
    next: Option<u32>,
    /// While recording, the blocks that are there; after [`arrange`], those that will survive.
    bits: Bits,
    arranged: bool,
    /// Space for the numbered blocks that are there.
    surviving: usize,
    /// Blocks of the heap with a header.
    blocks: usize,
    seeding: bool,
    /// The block from whose address maps are seeded.
    seed: [u64; 2],
}

struct Region {
    start: usize,
    end: usize,
    /// Up to here it is taken.
    taken: usize,
}

impl Region {
    fn holds(&self, block: *mut u8) -> bool {
        block.addr().wrapping_sub(self.start) < self.end - self.start
    }

    fn take(&mut self, layout: Layout) -> Option<*mut u8> {
        let block = self.taken.next_multiple_of(layout.align());
        let taken = block.checked_add(layout.size()).filter(|taken| *taken <= self.end)?;
        self.taken = taken;
        Some(ptr::with_exposed_provenance_mut(block))
    }
}

impl Memory {
    const fn new() -> Memory {
        Memory {
            phase: Phase::Loading,
            heap: Dlmalloc::new_with_allocator(Pages::new()),
            small: Small::new(),
            survivors: Region { start: 0, end: 0, taken: 0 },
            next: None,
            bits: Bits::new(),
            arranged: false,
            surviving: 0,
            blocks: 0,
            seeding: false,
            seed: [0; 2],
        }
    }

    /// A block with a number, where survivors lie or on the heap behind a header.
    #[cold]
    fn take(&mut self, layout: Layout) -> *mut u8 {
        if self.seeding && layout.size() <= size_of_val(&self.seed) {
            return self.seed.as_mut_ptr().cast();
        }
        let number = self.next.unwrap_or(UNNUMBERED);
        if number != UNNUMBERED {
            self.next = Some(number + 1);
            self.surviving += layout.size() + layout.align();
            if self.arranged {
                if self.bits.get(number)
                    && let Some(block) = self.survivors.take(layout)
                {
                    return block;
                }
            } else {
                self.bits.set(&mut self.heap, number, true);
            }
        }
        let header = layout.align().max(HEADER);
        // SAFETY: the alignment is a power of two, as a layout's is.
        let start = unsafe { self.heap.malloc(layout.size() + header, layout.align()) };
        if start.is_null() {
            return start;
        }
        self.blocks += 1;
        // SAFETY: the heap gave `header` bytes more than were asked for, at least `HEADER`. The number may be unaligned only
        // for a header of odd length, and there is none.
        unsafe {
            let block = start.add(header);
            block.cast::<u32>().sub(1).write(number);
            block
        }
    }

    /// Gives back a block of [`Memory::take`].
    ///
    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    #[cold]
    unsafe fn give_back(&mut self, block: *mut u8, layout: Layout) {
        if block.cast() == self.seed.as_mut_ptr() {
            return;
        }
        if self.phase == Phase::Loading {
            // SAFETY: the block is the caller's to free, and as long as its layout says.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        if self.survivors.holds(block) {
            return;
        }
        self.blocks -= 1;
        let header = layout.align().max(HEADER);
        // SAFETY: the block is not among the survivors, so it is one with a header.
        let number = unsafe { block.cast::<u32>().sub(1).read() };
        if number != UNNUMBERED {
            self.surviving -= layout.size() + layout.align();
            if !self.arranged {
                self.bits.set(&mut self.heap, number, false);
            }
        }
        // SAFETY: the heap gave it, in `take`, with this size and alignment.
        unsafe {
            let start = block.sub(header);
            self.heap.free(start, layout.size() + header, layout.align());
        }
    }

    /// A block of a packed model's heap.
    fn take_packed(&mut self, layout: Layout) -> *mut u8 {
        let Memory { small, heap, .. } = self;
        // SAFETY: the alignment is a power of two, as a layout's is.
        let mut block = |size, align| unsafe { heap.malloc(size, align) };
        match Small::list(layout) {
            Some(list) => small.take(list, block),
            None => block(with_room(layout), layout.align()),
        }
    }

    /// Gives back a block of [`Memory::take_packed`], or leaves a survivor where it is.
    ///
    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    unsafe fn give_back_packed(&mut self, block: *mut u8, layout: Layout) {
        if self.survivors.holds(block) {
            return;
        }
        // SAFETY: there is nothing but the survivors and the heap, so it is the heap's or, by its size, of a list.
        unsafe {
            match Small::list(layout) {
                Some(list) => self.small.give_back(list, block),
                None => self.heap.free(block, with_room(layout), layout.align()),
            }
        }
    }

    fn arrange(&mut self, residue: &Residue) {
        self.bits.copy(&mut self.heap, &residue.blocks);
        let (start, size) = self.heap.allocator().take(residue.bytes);
        if size != 0 {
            self.survivors = Region { start, end: start + size, taken: start };
            self.arranged = true;
        }
    }

    fn settle(&mut self) {
        self.next = None;
        self.phase = Phase::Loaded;
        if !self.arranged {
            return;
        }
        pages::wipe_stack();
        // A block of the heap that is still there was not foreseen; then the heap must stay.
        if self.blocks == 0 {
            let free = self.survivors.taken.next_multiple_of(16);
            pages::wipe(pages::heap_start(), self.survivors.start);
            pages::wipe(free, pages::end());
            self.survivors.end = free;
            self.heap = Dlmalloc::new_with_allocator(Pages::from(free));
            self.bits = Bits::new();
            self.phase = Phase::Packed;
        }
    }
}

#[global_allocator]
static MEMORY: Shared = Shared(UnsafeCell::new(Memory::new()));

struct Shared(UnsafeCell<Memory>);

// SAFETY: a sandbox has one thread.
unsafe impl Sync for Shared {}

/// Runs what neither takes nor frees a block.
fn with<T>(act: impl FnOnce(&mut Memory) -> T) -> T {
    // SAFETY: one thread, and `act` does not come back here.
    act(unsafe { &mut *MEMORY.0.get() })
}

// SAFETY: blocks come from dlmalloc, lie side by side in a region of their own or in a chunk of dlmalloc's; layouts are
// kept to.
unsafe impl GlobalAlloc for Shared {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and the allocator does not call itself.
        let memory = unsafe { &mut *self.0.get() };
        if memory.phase == Phase::Packed { memory.take_packed(layout) } else { memory.take(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let memory = unsafe { &mut *self.0.get() };
        if memory.phase == Phase::Packed && Small::list(layout).is_none() {
            // SAFETY: the alignment is a power of two, as a layout's is.
            return unsafe { memory.heap.calloc(with_room(layout), layout.align()) };
        }
        // SAFETY: the caller's.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block is new, and as long as its layout says.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let memory = unsafe { &mut *self.0.get() };
        // SAFETY: the caller's.
        unsafe {
            if memory.phase == Phase::Packed {
                memory.give_back_packed(block, layout);
            } else {
                memory.give_back(block, layout);
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let memory = unsafe { &mut *self.0.get() };
        // SAFETY: the caller says that `size` is a layout's.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if memory.phase == Phase::Packed && !memory.survivors.holds(block) {
            match (Small::list(layout), Small::list(wanted)) {
                (Some(old), Some(new)) if old == new => return block,
                // SAFETY: neither is a survivor's nor small, so the block is the heap's.
                (None, None) => unsafe {
                    let (old, new) = (with_room(layout), with_room(wanted));
                    return memory.heap.realloc(block, old, layout.align(), new);
                },
                _ => {}
            }
        }
        // SAFETY: the new block is another than the old.
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
