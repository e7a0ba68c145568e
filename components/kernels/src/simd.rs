//! Four floats at once: a wasm vector where there are vectors, an array elsewhere, so that tests run natively.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use core::arch::wasm32::*;

/// An array of the values of an expression for 0, 1 and so on. Unlike `array::map` it leaves no function to call,
/// whatever the compiler thinks of its size.
macro_rules! each {
    ($ix:ident in [$($value:literal)*] => $of:expr) => {
        [$({
            let $ix: usize = $value;
            $of
        }),*]
    };
}
pub(crate) use each;

/// Four floats.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct F32x4(v128);

/// Four floats.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct F32x4([f32; 4]);

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl F32x4 {
    /// `value` in every lane.
    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    /// The lanes of an array.
    #[inline(always)]
    pub(crate) fn load(from: &[f32; 4]) -> Self {
        #[allow(unsafe_code, reason = "the intrinsic takes a pointer")]
        // SAFETY: the reference is 16 readable bytes; the load asks for no alignment.
        unsafe {
            Self(v128_load(from.as_ptr().cast()))
        }
    }

    /// Four elements of a slice from `start` on, unchecked.
    ///
    /// # Safety
    /// `start + 4` is at most the length of the slice.
    #[inline(always)]
    #[allow(unsafe_code, reason = "one check stands for many loads of a loop")]
    pub(crate) unsafe fn load_at(from: &[f32], start: usize) -> Self {
        debug_assert!(start + 4 <= from.len());
        // SAFETY: the caller keeps to the length, so that these 16 bytes are readable.
        unsafe { Self(v128_load(from.as_ptr().add(start).cast())) }
    }

    /// Writes the lanes to an array.
    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f32; 4]) {
        #[allow(unsafe_code, reason = "the intrinsic takes a pointer")]
        // SAFETY: the reference is 16 writable bytes; the store asks for no alignment.
        unsafe {
            v128_store(to.as_mut_ptr().cast(), self.0);
        }
    }

    /// Lane `L` in every lane. A shuffle: Cranelift compiles it to one instruction without a detour through a
    /// general register, which a splat of a loaded scalar takes.
    #[inline(always)]
    pub(crate) fn lane<const L: usize>(self) -> Self {
        Self(match L {
            0 => i32x4_shuffle::<0, 0, 0, 0>(self.0, self.0),
            1 => i32x4_shuffle::<1, 1, 1, 1>(self.0, self.0),
            2 => i32x4_shuffle::<2, 2, 2, 2>(self.0, self.0),
            _ => i32x4_shuffle::<3, 3, 3, 3>(self.0, self.0),
        })
    }

    /// `self * other + sum`, rounded once or twice as the machine does it faster.
    ///
    /// Where one factor is used again and the other is not, `self` is the one that is not: Cranelift's fused
    /// instruction overwrites its first factor, so that a copy is saved.
    #[inline(always)]
    pub(crate) fn mul_add(self, other: Self, sum: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, other.0, sum.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        return Self(f32x4_add(sum.0, f32x4_mul(self.0, other.0)));
    }

    /// The greater of `self` and `floor`, and NaN where `self` is NaN.
    #[inline(always)]
    pub(crate) fn at_least(self, floor: Self) -> Self {
        Self(f32x4_pmax(self.0, floor.0))
    }

    /// The lesser of `self` and `ceiling`, and NaN where `self` is NaN.
    #[inline(always)]
    pub(crate) fn at_most(self, ceiling: Self) -> Self {
        Self(f32x4_pmin(self.0, ceiling.0))
    }

    /// Lanes 0 and 2 of `self`, then of `other`.
    #[inline(always)]
    pub(crate) fn even(self, other: Self) -> Self {
        Self(i32x4_shuffle::<0, 2, 4, 6>(self.0, other.0))
    }

    /// Lanes 1 and 3 of `self`, then of `other`.
    #[inline(always)]
    pub(crate) fn odd(self, other: Self) -> Self {
        Self(i32x4_shuffle::<1, 3, 5, 7>(self.0, other.0))
    }

    /// The rows of a matrix to its columns.
    #[inline(always)]
    pub(crate) fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0), i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0));
        let (ab_high, cd_high) =
            (i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0), i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0));
        [
            Self(i64x2_shuffle::<0, 2>(ab, cd)),
            Self(i64x2_shuffle::<1, 3>(ab, cd)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod arithmetic {
    use core::arch::wasm32::*;
    use core::ops::{Add, Mul, Sub};

    use super::F32x4;

    impl Add for F32x4 {
        type Output = Self;
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0))
        }
    }

    impl Sub for F32x4 {
        type Output = Self;
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            Self(f32x4_sub(self.0, other.0))
        }
    }

    impl Mul for F32x4 {
        type Output = Self;
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Self(f32x4_mul(self.0, other.0))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
impl F32x4 {
    pub(crate) fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    pub(crate) fn load(from: &[f32; 4]) -> Self {
        Self(*from)
    }

    #[allow(unsafe_code, reason = "the vector form is")]
    pub(crate) unsafe fn load_at(from: &[f32], start: usize) -> Self {
        Self([0, 1, 2, 3].map(|lane| from[start + lane]))
    }

    pub(crate) fn store(self, to: &mut [f32; 4]) {
        *to = self.0;
    }

    pub(crate) fn lane<const L: usize>(self) -> Self {
        Self([self.0[L]; 4])
    }

    pub(crate) fn mul_add(self, other: Self, sum: Self) -> Self {
        sum + self * other
    }

    pub(crate) fn at_least(self, floor: Self) -> Self {
        self.zip(floor, |value, floor| if value < floor { floor } else { value })
    }

    pub(crate) fn at_most(self, ceiling: Self) -> Self {
        self.zip(ceiling, |value, ceiling| if ceiling < value { ceiling } else { value })
    }

    pub(crate) fn even(self, other: Self) -> Self {
        Self([self.0[0], self.0[2], other.0[0], other.0[2]])
    }

    pub(crate) fn odd(self, other: Self) -> Self {
        Self([self.0[1], self.0[3], other.0[1], other.0[3]])
    }

    pub(crate) fn transpose(rows: [Self; 4]) -> [Self; 4] {
        [0, 1, 2, 3].map(|column| Self(rows.map(|row| row.0[column])))
    }

    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self([0, 1, 2, 3].map(|lane| f(self.0[lane], other.0[lane])))
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod arithmetic {
    use core::ops::{Add, Mul, Sub};

    use super::F32x4;

    impl Add for F32x4 {
        type Output = Self;
        fn add(self, other: Self) -> Self {
            self.zip(other, |a, b| a + b)
        }
    }

    impl Sub for F32x4 {
        type Output = Self;
        fn sub(self, other: Self) -> Self {
            self.zip(other, |a, b| a - b)
        }
    }

    impl Mul for F32x4 {
        type Output = Self;
        fn mul(self, other: Self) -> Self {
            self.zip(other, |a, b| a * b)
        }
    }
}

impl F32x4 {
    /// Up to four floats, the rest zeros.
    #[inline(always)]
    pub(crate) fn load_part(from: &[f32]) -> Self {
        match from.as_array() {
            Some(whole) => Self::load(whole),
            None => {
                let mut whole = [0.0; 4];
                copy(from, &mut whole[..from.len()]);
                Self::load(&whole)
            }
        }
    }

    /// Writes as many lanes as there is space for.
    #[inline(always)]
    pub(crate) fn store_part(self, to: &mut [f32]) {
        match to.as_mut_array() {
            Some(whole) => self.store(whole),
            None => {
                let mut whole = [0.0; 4];
                self.store(&mut whole);
                copy(&whole[..to.len()], to);
            }
        }
    }
}

/// Copies a few floats. What `copy_from_slice` compiles to is a call out of the sandbox, which takes longer.
#[inline(always)]
pub(crate) fn copy(from: &[f32], to: &mut [f32]) {
    let ((from, from_rest), (to, to_rest)) = (from.as_chunks(), to.as_chunks_mut());
    let count = from.len().min(to.len());
    let (from, to) = (&from[..count], &mut to[..count]);
    for ix in 0..count {
        F32x4::load(&from[ix]).store(&mut to[ix]);
    }
    match (from_rest, to_rest) {
        ([a], [x]) => *x = *a,
        ([a, b], [x, y]) => (*x, *y) = (*a, *b),
        ([a, b, c], [x, y, z]) => (*x, *y, *z) = (*a, *b, *c),
        _ => {}
    }
}
