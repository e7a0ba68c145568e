//! Arithmetic on bytes: quantised convolutions, products, sums and pools, exact in 32-bit integers.
//!
//! A quantised number is a byte `q` that stands for `(q - zero) * scale`. Its job here: everything between two tensors
//! of bytes. Images are `[height, width, channels]`, so that the channels of a pixel and the pixels of a row are
//! behind each other.
//!
//! The steps of a convolution: [`widen_image`] takes the zero point off and makes the bytes 16 bits wide, with a border
//! of zeros, which is all the padding there is; [`multiply_to_bytes`] or [`depthwise_to_bytes`] read the patches
//! where they lie, as runs of that image, and round the sums to what the next tensor holds; [`winograd_to_bytes`] does the
//! same for most 3x3 windows with less work. A [`Matrix`] is multiplied with rows that [`widen`] made. No sum of up to
//! 2^15 products overflows: a factor without its zero point is at most 255 in size.

mod bytes;
mod dense;
mod depthwise;
mod finish;
mod lanes;
mod pool;
mod product;
#[cfg(test)]
mod tests;
mod winograd;

pub use bytes::{Side, add, quantize, transpose, widen, widen_image};
pub use dense::{Matrix, dense_to_bytes, dense_to_floats, dense_to_rows, dense_to_sums};
pub use depthwise::{DepthwiseWeights, depthwise_to_bytes};
pub use finish::{Dequantize, Requantize};
pub use pool::{Window, channel_sums, max_pool};
pub use product::{Patches, Weights, multiply_to_bytes};
pub use winograd::{Image, fits, pays, tiled, winograd_to_bytes};

/// What makes an unsigned byte of a signed one, in order: `x ^ FLIP` counts from 0 where `x` counts from -128.
pub const FLIP: u8 = 0x80;

/// Numbers of a block: what one instruction multiplies.
const BLOCK: usize = 8;
