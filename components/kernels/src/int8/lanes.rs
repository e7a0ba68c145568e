//! Eight 16-bit, four 32-bit and four float numbers side by side: wasm SIMD, and arrays for the tests of other targets.
//!
//! Only instructions with one defined result are here, so that every engine gives the same answer. The product of
//! pairs, [`I16x8::dot`], is one instruction everywhere (`pmaddwd` on x86-64).

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use core::arch::wasm32::*;

    /// Eight 16-bit integers.
    #[derive(Clone, Copy)]
    pub(crate) struct I16x8(v128);
    /// Four 32-bit integers.
    #[derive(Clone, Copy)]
    pub(crate) struct I32x4(v128);
    /// Four floats.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4(v128);

    #[allow(unsafe_code, reason = "a load by pointer is one instruction")]
    fn load<T>(from: &T) -> v128 {
        const { assert!(size_of::<T>() == 16) };
        // SAFETY: the reference is to 16 bytes, and a load of wasm needs no alignment.
        unsafe { v128_load(core::ptr::from_ref(from).cast()) }
    }

    #[allow(unsafe_code, reason = "a load by pointer is one instruction")]
    fn load_half<T>(from: &T) -> v128 {
        const { assert!(size_of::<T>() == 8) };
        // SAFETY: the reference is to 8 bytes, and a load of wasm needs no alignment.
        unsafe { v128_load64_zero(core::ptr::from_ref(from).cast()) }
    }

    #[allow(unsafe_code, reason = "a store by pointer is one instruction")]
    fn store<T>(to: &mut T, value: v128) {
        const { assert!(size_of::<T>() == 16) };
        // SAFETY: the reference is to 16 bytes, and a store of wasm needs no alignment.
        unsafe { v128_store(core::ptr::from_mut(to).cast(), value) }
    }

    impl I16x8 {
        #[inline(always)]
        pub(crate) fn load(from: &[i16; 8]) -> Self {
            Self(load(from))
        }
        #[inline(always)]
        pub(crate) fn widen_signed(from: &[i8; 8]) -> Self {
            Self(i16x8_extend_low_i8x16(load_half(from)))
        }
        #[inline(always)]
        pub(crate) fn widen(from: &[u8; 8]) -> Self {
            Self(i16x8_extend_low_u8x16(load_half(from)))
        }
        #[inline(always)]
        pub(crate) fn splat(value: i16) -> Self {
            Self(i16x8_splat(value))
        }
        #[inline(always)]
        pub(crate) fn store(self, to: &mut [i16; 8]) {
            store(to, self.0);
        }
        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(i16x8_add(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn shl<const BITS: u32>(self) -> Self {
            Self(i16x8_shl(self.0, BITS))
        }
        #[inline(always)]
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(i16x8_sub(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn dot(self, other: Self) -> I32x4 {
            I32x4(i32x4_dot_i16x8(self.0, other.0))
        }
        /// The numbers `2 * PAIR` and the next, four times.
        #[inline(always)]
        pub(crate) fn pair<const PAIR: usize>(self) -> Self {
            Self(i32x4_shuffle::<PAIR, PAIR, PAIR, PAIR>(self.0, self.0))
        }
        #[inline(always)]
        pub(crate) fn pairs(self, other: Self) -> [Self; 2] {
            [
                Self(i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(self.0, other.0)),
                Self(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(self.0, other.0)),
            ]
        }
        #[inline(always)]
        pub(crate) fn halves(self) -> [I32x4; 2] {
            [I32x4(i32x4_extend_low_i16x8(self.0)), I32x4(i32x4_extend_high_i16x8(self.0))]
        }
    }

    impl I32x4 {
        #[inline(always)]
        pub(crate) fn splat(value: i32) -> Self {
            Self(i32x4_splat(value))
        }
        #[inline(always)]
        pub(crate) fn load(from: &[i32; 4]) -> Self {
            Self(load(from))
        }
        #[inline(always)]
        pub(crate) fn store(self, to: &mut [i32; 4]) {
            store(to, self.0);
        }
        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(i32x4_add(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn to_float(self) -> F32x4 {
            F32x4(f32x4_convert_i32x4(self.0))
        }
        #[inline(always)]
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(i32x4_sub(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn times(self, other: Self) -> Self {
            Self(i32x4_mul(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn shl<const BITS: u32>(self) -> Self {
            Self(i32x4_shl(self.0, BITS))
        }
        #[inline(always)]
        pub(crate) fn shr<const BITS: u32>(self) -> Self {
            Self(i32x4_shr(self.0, BITS))
        }
        #[inline(always)]
        pub(crate) fn sums(of: [Self; 4]) -> Self {
            let [a, b, c, d] = of.map(|one| one.0);
            let ab = i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
            let cd = i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
            Self(i32x4_add(i32x4_shuffle::<0, 1, 4, 5>(ab, cd), i32x4_shuffle::<2, 3, 6, 7>(ab, cd)))
        }
        #[inline(always)]
        pub(crate) fn words(self, other: Self) -> [i16; 8] {
            let mut words = [0; 8];
            store(&mut words, i16x8_narrow_i32x4(self.0, other.0));
            words
        }
        #[inline(always)]
        pub(crate) fn low_bytes(self, other: Self) -> [u8; 8] {
            let mask = i32x4_splat(255);
            let words = i16x8_narrow_i32x4(v128_and(self.0, mask), v128_and(other.0, mask));
            i64x2_extract_lane::<0>(u8x16_narrow_i16x8(words, words)).to_le_bytes()
        }
    }

    impl F32x4 {
        #[inline(always)]
        pub(crate) fn splat(value: f32) -> Self {
            Self(f32x4_splat(value))
        }
        #[inline(always)]
        pub(crate) fn load(from: &[f32; 4]) -> Self {
            Self(load(from))
        }
        #[inline(always)]
        pub(crate) fn store(self, to: &mut [f32; 4]) {
            store(to, self.0);
        }
        #[inline(always)]
        pub(crate) fn times(self, other: Self) -> Self {
            Self(f32x4_mul(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn over(self, other: Self) -> Self {
            Self(f32x4_div(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0))
        }
        #[inline(always)]
        pub(crate) fn clamp(self, low: Self, high: Self) -> Self {
            // `pmax(a, b)` is `a < b ? b : a`: one instruction where `max` is five. A NaN becomes `low`.
            Self(f32x4_pmin(high.0, f32x4_pmax(low.0, self.0)))
        }
        #[inline(always)]
        pub(crate) fn bits(self) -> I32x4 {
            I32x4(self.0)
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm::{F32x4, I16x8, I32x4};

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use std::array::from_fn;

    /// Eight 16-bit integers.
    #[derive(Clone, Copy)]
    pub(crate) struct I16x8([i16; 8]);
    /// Four 32-bit integers.
    #[derive(Clone, Copy)]
    pub(crate) struct I32x4([i32; 4]);
    /// Four floats.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4([f32; 4]);

    impl I16x8 {
        pub(crate) fn load(from: &[i16; 8]) -> Self {
            Self(*from)
        }
        pub(crate) fn widen_signed(from: &[i8; 8]) -> Self {
            Self(from.map(i16::from))
        }
        pub(crate) fn widen(from: &[u8; 8]) -> Self {
            Self(from.map(i16::from))
        }
        pub(crate) fn splat(value: i16) -> Self {
            Self([value; 8])
        }
        pub(crate) fn store(self, to: &mut [i16; 8]) {
            *to = self.0;
        }
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix].wrapping_add(other.0[ix])))
        }
        pub(crate) fn shl<const BITS: u32>(self) -> Self {
            Self(self.0.map(|value| value << BITS))
        }
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix].wrapping_sub(other.0[ix])))
        }
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix] ^ other.0[ix]))
        }
        pub(crate) fn dot(self, other: Self) -> I32x4 {
            let product = |ix: usize| i32::from(self.0[ix]) * i32::from(other.0[ix]);
            I32x4(from_fn(|ix| product(2 * ix).wrapping_add(product(2 * ix + 1))))
        }
        pub(crate) fn pair<const PAIR: usize>(self) -> Self {
            Self(from_fn(|ix| self.0[2 * PAIR + ix % 2]))
        }
        pub(crate) fn pairs(self, other: Self) -> [Self; 2] {
            let half = |from: usize| {
                let pick = |ix: usize| if ix.is_multiple_of(2) { self.0 } else { other.0 }[from + ix / 2];
                Self(from_fn(pick))
            };
            [half(0), half(4)]
        }
        pub(crate) fn halves(self) -> [I32x4; 2] {
            [0, 4].map(|from| I32x4(from_fn(|ix| i32::from(self.0[from + ix]))))
        }
    }

    impl I32x4 {
        pub(crate) fn splat(value: i32) -> Self {
            Self([value; 4])
        }
        pub(crate) fn load(from: &[i32; 4]) -> Self {
            Self(*from)
        }
        pub(crate) fn store(self, to: &mut [i32; 4]) {
            *to = self.0;
        }
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix].wrapping_add(other.0[ix])))
        }
        pub(crate) fn to_float(self) -> F32x4 {
            F32x4(self.0.map(|value| value as f32))
        }
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix].wrapping_sub(other.0[ix])))
        }
        pub(crate) fn times(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix].wrapping_mul(other.0[ix])))
        }
        pub(crate) fn shl<const BITS: u32>(self) -> Self {
            Self(self.0.map(|value| value << BITS))
        }
        pub(crate) fn shr<const BITS: u32>(self) -> Self {
            Self(self.0.map(|value| value >> BITS))
        }
        pub(crate) fn sums(of: [Self; 4]) -> Self {
            Self(of.map(|one| one.0.iter().fold(0i32, |sum, value| sum.wrapping_add(*value))))
        }
        pub(crate) fn words(self, other: Self) -> [i16; 8] {
            from_fn(|ix| if ix < 4 { self.0[ix] } else { other.0[ix - 4] } as i16)
        }
        pub(crate) fn low_bytes(self, other: Self) -> [u8; 8] {
            from_fn(|ix| if ix < 4 { self.0[ix] } else { other.0[ix - 4] } as u8)
        }
    }

    impl F32x4 {
        pub(crate) fn splat(value: f32) -> Self {
            Self([value; 4])
        }
        pub(crate) fn load(from: &[f32; 4]) -> Self {
            Self(*from)
        }
        pub(crate) fn store(self, to: &mut [f32; 4]) {
            *to = self.0;
        }
        pub(crate) fn times(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix] * other.0[ix]))
        }
        pub(crate) fn over(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix] / other.0[ix]))
        }
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(from_fn(|ix| self.0[ix] + other.0[ix]))
        }
        pub(crate) fn clamp(self, low: Self, high: Self) -> Self {
            Self(from_fn(|ix| {
                let bounded = if low.0[ix] < self.0[ix] { self.0[ix] } else { low.0[ix] };
                if bounded < high.0[ix] { bounded } else { high.0[ix] }
            }))
        }
        pub(crate) fn bits(self) -> I32x4 {
            I32x4(self.0.map(|value| value.to_bits() as i32))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) use portable::{F32x4, I16x8, I32x4};
