//! The seed of random operators. A sealed predictor has no source of entropy, and a prediction
//! that can be repeated is worth more than one that cannot: the seed is a constant.

/// Fills `dest` with the output of a SplitMix64 generator that starts from a constant.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "getrandom calls its custom backend through a raw pointer")]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, len: usize) -> Result<(), getrandom::Error> {
    // SAFETY: getrandom passes a buffer of `len` bytes that may be written.
    unsafe { std::ptr::write_bytes(dest, 0, len) };
    // SAFETY: the same buffer, now initialised.
    let bytes = unsafe { std::slice::from_raw_parts_mut(dest, len) };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
    }
    Ok(())
}
