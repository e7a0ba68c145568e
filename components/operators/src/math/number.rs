//! The numbers of ONNX, with the arithmetic of numpy: integers wrap.

use tract_onnx::tract_hir::internal::tract_num_traits::{AsPrimitive, Bounded, One, Zero};
use tract_onnx::tract_hir::internal::*;

/// A number type of ONNX.
pub(super) trait Number: Datum + Copy + PartialOrd + Zero + One + Bounded + AsPrimitive<f64> {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// `None` for an integer through zero.
    fn over(self, other: Self) -> Option<Self>;
    /// Rounds towards zero.
    fn of(x: f64) -> Self;

    /// An integer without a sign for each number, in their order.
    fn ordered(self) -> u64;

    /// The larger, or one that is not a number.
    fn larger(self, other: Self) -> Self {
        if other > self || other.as_().is_nan() { other } else { self }
    }

    /// The smaller, or one that is not a number.
    fn smaller(self, other: Self) -> Self {
        if other < self || other.as_().is_nan() { other } else { self }
    }
}

const SIGN: u64 = 1 << 63;

macro_rules! integers {
    ($($t:ty)*) => {$(
        impl Number for $t {
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn over(self, other: Self) -> Option<Self> {
                (other != 0).then(|| self.wrapping_div(other))
            }
            fn of(x: f64) -> Self {
                x as $t
            }
            fn ordered(self) -> u64 {
                if <$t>::MIN == 0 { self as u64 } else { self as i64 as u64 ^ SIGN }
            }
        }
    )*};
}

macro_rules! floats {
    ($($t:ty)*) => {$(
        impl Number for $t {
            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn minus(self, other: Self) -> Self {
                self - other
            }
            fn times(self, other: Self) -> Self {
                self * other
            }
            fn over(self, other: Self) -> Option<Self> {
                Some(self / other)
            }
            fn of(x: f64) -> Self {
                x.as_()
            }
            fn ordered(self) -> u64 {
                // Both zeros are one number. Behind the sign, the bits of floats are in the order of their sizes.
                let x: f64 = self.as_();
                let bits = (x + 0.0).to_bits();
                if bits & SIGN == 0 { bits | SIGN } else { !bits }
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 i8 i16 i32 i64);
floats!(f16 f32 f64);

/// Calls a generic function for the number type that a tensor has.
macro_rules! with_number {
    ($dt:expr, $function:ident($($argument:expr),*)) => {
        match $dt {
            DatumType::U8 => $function::<u8>($($argument),*),
            DatumType::U16 => $function::<u16>($($argument),*),
            DatumType::U32 => $function::<u32>($($argument),*),
            DatumType::U64 => $function::<u64>($($argument),*),
            DatumType::I8 => $function::<i8>($($argument),*),
            DatumType::I16 => $function::<i16>($($argument),*),
            DatumType::I32 => $function::<i32>($($argument),*),
            DatumType::I64 => $function::<i64>($($argument),*),
            DatumType::F16 => $function::<f16>($($argument),*),
            DatumType::F32 => $function::<f32>($($argument),*),
            DatumType::F64 => $function::<f64>($($argument),*),
            other => bail!("expected numbers, got {other:?}"),
        }
    };
}

pub(super) use with_number;
