//! The largest byte of each window, and the sum of each channel.

use super::Side;

/// The windows of a pool over an image, `[height, width, channels]`. Each pair is of the height and the width.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// How long a window is.
    pub size: [usize; 2],
    /// From one window to the next.
    pub step: [usize; 2],
    /// From one row or column of a window to the next.
    pub dilation: [usize; 2],
    /// What is above and to the left of the image.
    pub before: [usize; 2],
}

/// The largest number of each window, channel by channel. What is around the image counts as less than all.
///
/// # Panics
/// Where the lengths do not fit the shapes.
pub fn max_pool(
    image: &[u8],
    [height, width, channels]: [usize; 3],
    window: &Window,
    signed: bool,
    output: &mut [u8],
    [rows, columns]: [usize; 2],
) {
    assert_eq!(output.len(), rows * columns * channels, "a pixel for each window");
    output.fill(if signed { i8::MIN as u8 } else { 0 });
    if channels == 0 {
        return;
    }
    for (ix, largest) in output.chunks_exact_mut(channels).enumerate() {
        for top in 0..window.size[0] {
            let Some(y) = at(window, 0, ix / columns, top, height) else { continue };
            for left in 0..window.size[1] {
                let Some(x) = at(window, 1, ix % columns, left, width) else { continue };
                let pixel = &image[(y * width + x) * channels..][..channels];
                let both = largest.iter_mut().zip(pixel);
                if signed {
                    both.for_each(|(largest, byte)| *largest = (*largest as i8).max(*byte as i8) as u8);
                } else {
                    both.for_each(|(largest, byte)| *largest = (*largest).max(*byte));
                }
            }
        }
    }
}

/// Where in the image a row or column of a window is.
fn at(window: &Window, axis: usize, which: usize, inner: usize, length: usize) -> Option<usize> {
    let at = which * window.step[axis] + inner * window.dilation[axis];
    at.checked_sub(window.before[axis]).filter(|at| *at < length)
}

/// The sum of each channel of pixels without their zero point.
///
/// # Panics
/// Where `sums` has another length than a pixel.
pub fn channel_sums(pixels: &[u8], side: Side, sums: &mut [i32]) {
    sums.fill(0);
    let number = |byte: u8| if side.signed { i32::from(byte as i8) } else { i32::from(byte) };
    for pixel in pixels.chunks_exact(sums.len().max(1)) {
        sums.iter_mut().zip(pixel).for_each(|(sum, byte)| *sum += number(*byte) - side.zero);
    }
}
