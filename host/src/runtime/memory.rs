//! Giving memory back to the system.
//!
//! Compiling takes some 400 MiB for seconds. The C library's allocator would keep most of it for as long as the
//! host runs: by itself it raises the size of what it keeps at the end of a heap to that of the largest blocks
//! it has seen.

/// From now on at most a MiB of free memory is kept at the end of a heap.
///
/// Blocks up to that size come from the heaps. To set the one threshold also ends the adapting of the other, from which
/// size on a block is mapped by itself; left at its 128 KiB, the tables of every sandbox were mapped and unmapped,
/// for which all cores stop: half of the requests per second.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_little() {
    for threshold in [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD] {
        // SAFETY: the function takes two integers, and refuses what it does not know.
        #[allow(unsafe_code, reason = "the C library offers it in no other way")]
        let _ = unsafe { libc::mallopt(threshold, 1 << 20) };
    }
}

/// Returns what is free within the heaps.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn trim() {
    // SAFETY: the function takes no pointer, locks what it needs, and touches only memory that is free.
    #[allow(unsafe_code, reason = "the C library offers it in no other way")]
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_little() {}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim() {}
