//! Windows that slide over the spatial axes `D1, D2, ..` of `[N, C, D1, D2, ..]`.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes;

/// The attributes that pooling and convolution share.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) kernel: Vec<i64>,
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: Vec<i64>,
    auto: Auto,
    ceil: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Auto {
    No,
    Valid,
    Same { lower: bool },
}

impl Window {
    pub(super) fn read(node: &NodeProto) -> TractResult<Self> {
        let auto = match node.get_attr_opt("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" | "" => Auto::No,
            "VALID" => Auto::Valid,
            "SAME_UPPER" => Auto::Same { lower: false },
            "SAME_LOWER" => Auto::Same { lower: true },
            other => bail!("expected auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {other:?}"),
        };
        Ok(Self {
            kernel: attributes::ints(node, "kernel_shape")?,
            strides: attributes::ints(node, "strides")?,
            dilations: attributes::ints(node, "dilations")?,
            pads: attributes::ints(node, "pads")?,
            auto,
            ceil: node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0) != 0,
        })
    }

    /// The axes of a window of this `kernel`.
    pub(super) fn axes(&self, kernel: &[i64]) -> TractResult<Vec<Axis>> {
        let rank = kernel.len();
        let fits = |values: &[i64], len: usize| values.is_empty() || values.len() == len;
        ensure!(
            fits(&self.strides, rank) && fits(&self.dilations, rank) && fits(&self.pads, 2 * rank),
            "expected strides, dilations and pads for a kernel of shape {kernel:?}, got {:?}, {:?} and {:?}",
            self.strides,
            self.dilations,
            self.pads
        );
        let pad = |ix: usize| if self.auto == Auto::No { self.pads.get(ix).copied().unwrap_or(0) } else { 0 };
        let axis = |(ix, kernel): (usize, &i64)| Axis {
            kernel: *kernel,
            stride: self.strides.get(ix).copied().unwrap_or(1),
            dilation: self.dilations.get(ix).copied().unwrap_or(1),
            begin: pad(ix),
            end: pad(ix + rank),
            auto: self.auto,
            ceil: self.ceil,
        };
        let axes: Vec<Axis> = kernel.iter().enumerate().map(axis).collect();
        // Products of two of them are within i64.
        let (one, most) = (1..=i64::from(i32::MAX), 0..=i64::from(i32::MAX));
        for axis in &axes {
            let positive = [axis.kernel, axis.stride, axis.dilation].iter().all(|value| one.contains(value));
            let padded = [axis.begin, axis.end].iter().all(|value| most.contains(value));
            ensure!(positive && padded, "expected a window of lengths in the range of int32, got {axis:?}");
        }
        Ok(axes)
    }
}

/// A window along one axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) kernel: i64,
    pub(super) stride: i64,
    pub(super) dilation: i64,
    pub(super) begin: i64,
    pub(super) end: i64,
    auto: Auto,
    ceil: bool,
}

impl Axis {
    /// From the first to the last element of the window.
    fn extent(&self) -> i64 {
        (self.kernel - 1) * self.dilation + 1
    }

    /// How many windows an input of `len` has; padding by `auto_pad` becomes explicit.
    pub(super) fn resolve(&mut self, len: usize) -> TractResult<usize> {
        let len = i64::try_from(len)
            .ok()
            .filter(|len| *len <= i64::from(i32::MAX))
            .context("expected a smaller input")?;
        if let Auto::Same { lower } = self.auto {
            let windows = len.div_ceil_by(self.stride);
            let missing = ((windows - 1) * self.stride + self.extent() - len).max(0);
            self.begin = (missing + i64::from(lower)) / 2;
            self.end = missing - self.begin;
            return Ok(windows as usize);
        }
        let room = len + self.begin + self.end - self.extent();
        ensure!(room >= 0, "expected an input that a window of {} fits in, got length {len}", self.extent());
        let mut windows = room / self.stride + 1;
        if self.ceil && self.auto == Auto::No {
            windows = room.div_ceil_by(self.stride) + 1;
            // No window starts in the padding at the end.
            if (windows - 1) * self.stride >= len + self.begin {
                windows -= 1;
            }
        }
        Ok(windows as usize)
    }

    /// As [`Axis::resolve`], of a length that may be symbolic; `None` where that gives no formula.
    pub(super) fn windows(&self, len: &TDim) -> TractResult<Option<TDim>> {
        if let Ok(len) = len.to_usize() {
            return Ok(Some(self.clone().resolve(len)?.to_dim()));
        }
        Ok(match self.auto {
            Auto::Same { .. } => Some(len.clone().div_ceil(self.stride as u64)),
            _ if self.ceil && self.stride > 1 => None,
            _ => Some((len.clone() + (self.begin + self.end - self.extent())) / self.stride as u64 + 1),
        })
    }

    /// The input's places in a window that are not padding.
    pub(super) fn places(&self, window: usize, len: usize) -> impl Iterator<Item = usize> + use<> {
        let start = window as i64 * self.stride - self.begin;
        let (step, last) = (self.dilation, start + (self.kernel - 1) * self.dilation);
        let first = if start < 0 { start + (-start).div_ceil_by(step) * step } else { start };
        let end = (last + 1).min(len as i64);
        (first..end.max(first)).step_by(step as usize).map(|place| place as usize)
    }
}

trait DivCeil {
    fn div_ceil_by(self, by: i64) -> i64;
}

impl DivCeil for i64 {
    /// For numbers of 0 and more.
    fn div_ceil_by(self, by: i64) -> i64 {
        (self + by - 1) / by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(kernel: i64, stride: i64, dilation: i64, pads: (i64, i64)) -> Axis {
        Axis { kernel, stride, dilation, begin: pads.0, end: pads.1, auto: Auto::No, ceil: false }
    }

    fn places(mut axis: Axis, len: usize) -> Vec<Vec<usize>> {
        (0..axis.resolve(len).unwrap()).map(|window| axis.places(window, len).collect()).collect()
    }

    #[test]
    fn windows_skip_padding() {
        assert_eq!(places(axis(3, 2, 1, (1, 1)), 4), [vec![0, 1], vec![1, 2, 3]]);
        assert_eq!(places(axis(2, 1, 2, (1, 0)), 3), [vec![1], vec![0, 2]]);
    }

    #[test]
    fn the_ceiling_adds_a_window_unless_it_starts_in_the_padding() {
        let ceil = |axis: Axis| Axis { ceil: true, ..axis };
        assert_eq!(places(ceil(axis(2, 2, 1, (0, 0))), 3), [vec![0, 1], vec![2]]);
        assert_eq!(places(ceil(axis(1, 2, 1, (0, 1))), 3), [vec![0], vec![2]]);
    }

    #[test]
    fn the_same_length_is_padded_on_both_sides() {
        let same = |lower| Axis { auto: Auto::Same { lower }, ..axis(2, 1, 1, (0, 0)) };
        assert_eq!(places(same(false), 2), [vec![0, 1], vec![1]]);
        assert_eq!(places(same(true), 2), [vec![0], vec![0, 1]]);
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused() {
        assert!(axis(3, 1, 1, (0, 0)).resolve(2).is_err());
    }
}
