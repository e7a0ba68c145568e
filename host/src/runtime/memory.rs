//! Giving memory back to the system.
//!
//! Compiling takes some 400 MiB for seconds. The C library's allocator would keep most of it for as long as the
//! host runs: by itself it raises the size of what it keeps at the end of a heap to that of the largest blocks
//! it has seen.

/// From now on at most a MiB of free memory is kept at the end of a heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_little() {
    // SAFETY: the function takes two integers, and refuses what it does not know.
    #[allow(unsafe_code, reason = "the C library offers it in no other way")]
    let _ = unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 20) };
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
