//! Giving memory back to the system.

/// Returns what compiling has left in the C library's heap: some hundred MiB that a host would keep for as long
/// as it runs, without using them again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn trim() {
    // SAFETY: the function takes no pointer, locks what it needs, and touches only memory that is free.
    #[allow(unsafe_code, reason = "the C library offers it in no other way")]
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim() {}
