//! Convolution of images of bytes, channels last: `[N, H, W, C]` to `[N, H, W, M]`.
//!
//! As `ai.onnx.QLinearConv`, <https://onnx.ai/onnx/operators/onnx__QLinearConv.html>: sums in 32-bit integers, then
//! `round((sum + bias) * scale) + zero`, half to even, kept within `range`.
//! Attributes: `weights` int8 `[M, kH, kW, C / group]`, `zeros` of each of M, `bias` int32 `[M]`, `scales` of each of M (of
//! the input times of the weights over of the output), `sides`, `range`; `strides`, `dilations`, `pads`, `auto_pad` and
//! `group` as those of `Conv`. Errors: an input of another rank or number of channels, a window larger than the image.

use edgewit_kernels::int8::{
    self, DepthwiseWeights, Image, Matrix, Patches, Requantize, Side, Weights, dense_to_bytes,
    depthwise_to_bytes, multiply_to_bytes, widen_image, winograd_to_bytes,
};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{bytes, constant, datum_type, filled, range, sides};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(super) fn convolution(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let weights = constant(ctx, node, "weights")?;
    let &[rows, height, width, channels] = weights.shape() else { bail!("expected weights of rank 4") };
    let geometry = Geometry::read(node, [height, width])?;
    let groups = node.get_attr::<usize>("group")?;
    ensure!(groups > 0 && rows % groups == 0, "expected groups of {rows} rows, got {groups}");
    let sides = sides(node)?;
    let [low, high] = range(node)?;
    let zeros = node.get_attr_tvec::<i64>("zeros")?.iter().map(|zero| *zero as i8).collect::<Vec<_>>();
    let bias = constant(ctx, node, "bias")?;
    let (bias, scales) = (elements::<i32>(&bias)?, node.get_attr_tvec::<f32>("scales")?);
    let all = elements::<i8>(&weights)?;
    ensure!(
        zeros.len() == rows && bias.len() == rows && scales.len() == rows,
        "expected zeros, bias and scales of {rows} rows"
    );
    let finish = |rows: std::ops::Range<usize>| {
        Requantize::new(&bias[rows.clone()], &scales[rows], sides[1].zero, low, high)
    };
    let filters = if channels == 1 && rows == groups && groups > 1 {
        Filters::Own(DepthwiseWeights::new(all, &zeros, height * width), finish(0..rows))
    } else if groups == 1 && geometry.is_pointwise() {
        Filters::Pixels(Matrix::new(all, &zeros, channels, true), finish(0..rows))
    } else {
        let rows = rows / groups;
        // The pixels of a row that touch are one run, whose rest of a block is filled up once.
        let whole = groups == 1 && geometry.dilations[1] == 1;
        let runs = if whole { height } else { height * width };
        let length = if whole { width * channels } else { channels };
        let depth = runs * length;
        let group = |group: usize| {
            let own = group * rows..(group + 1) * rows;
            let weights = &all[own.start * depth..own.end * depth];
            (Weights::new(weights, &zeros[own.clone()], runs, length), finish(own))
        };
        Filters::Shared((0..groups).map(group).collect())
    };
    let channels = channels * groups;
    let winograd = match &filters {
        Filters::Shared(groups) => {
            geometry.is_winograds() && groups.len() == 1 && int8::fits(&groups[0].0, sides[0])
        }
        Filters::Own(..) | Filters::Pixels(..) => false,
    };
    kernel::wire(ctx, node, Convolution { geometry, channels, rows, sides, filters, winograd })
}

#[derive(Debug)]
struct Convolution {
    geometry: Geometry,
    /// Of the input, and of the output.
    channels: usize,
    rows: usize,
    sides: [Side; 2],
    filters: Filters,
    /// Whether Winograd's algorithm gives the same sums.
    winograd: bool,
}

#[derive(Debug)]
enum Filters {
    /// Each channel its own.
    Own(DepthwiseWeights, Requantize),
    /// Each pixel of the output reads the one of the input at its place.
    Pixels(Matrix, Requantize),
    /// Those of a group read all of its channels.
    Shared(Vec<(Weights, Requantize)>),
}

/// The windows of a convolution or a pool. Each pair is of the height and the width.
#[derive(Debug)]
pub(super) struct Geometry {
    pub(super) size: [usize; 2],
    pub(super) strides: [usize; 2],
    pub(super) dilations: [usize; 2],
    pads: Pads,
    ceil: bool,
}

#[derive(Debug)]
enum Pads {
    /// Above, left, below, right.
    Given([usize; 4]),
    /// As many as make the output `length / stride` long, the odd one at the end or at the beginning.
    Same { odd_at_end: bool },
}

impl Geometry {
    /// From the attributes of `Conv` and `MaxPool`.
    pub(super) fn read(node: &NodeProto, size: [usize; 2]) -> TractResult<Self> {
        let pair = |name: &str| match node.get_attr_opt_tvec::<usize>(name)?.as_deref() {
            None => Ok([1, 1]),
            Some(&[height, width]) if height > 0 && width > 0 => Ok([height, width]),
            Some(other) => bail!("expected {name} of two axes, got {other:?}"),
        };
        let pads = match node.get_attr_opt::<&str>("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" => match node.get_attr_opt_tvec::<usize>("pads")?.as_deref() {
                None => Pads::Given([0; 4]),
                Some(&[top, left, bottom, right]) => Pads::Given([top, left, bottom, right]),
                Some(other) => bail!("expected pads of two axes, got {other:?}"),
            },
            "VALID" => Pads::Given([0; 4]),
            "SAME_UPPER" => Pads::Same { odd_at_end: true },
            "SAME_LOWER" => Pads::Same { odd_at_end: false },
            other => bail!("expected a known auto_pad, got {other}"),
        };
        let ceil = node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0) != 0;
        ensure!(size.iter().all(|length| *length > 0), "expected a window, got {size:?}");
        Ok(Self { size, strides: pair("strides")?, dilations: pair("dilations")?, pads, ceil })
    }

    /// Whether the windows are of 3x3 pixels that touch, one for each pixel.
    fn is_winograds(&self) -> bool {
        self.size == [3, 3] && self.strides == [1, 1] && self.dilations == [1, 1]
    }

    /// Whether the windows are the pixels.
    fn is_pointwise(&self) -> bool {
        self.size == [1, 1] && self.strides == [1, 1] && matches!(self.pads, Pads::Given([0, 0, 0, 0]))
    }

    /// How much of an axis a window covers.
    fn extent(&self, axis: usize) -> usize {
        (self.size[axis] - 1) * self.dilations[axis] + 1
    }

    /// The output's length along an axis of the input's `length`.
    ///
    /// # Errors
    /// Where no window fits in.
    pub(super) fn output(&self, axis: usize, length: &TDim) -> TractResult<TDim> {
        let stride = self.strides[axis];
        let Pads::Given(pads) = self.pads else { return Ok(length.clone().divceil(stride)) };
        let free = length.clone() + (pads[axis] + pads[axis + 2]) as i64 - self.extent(axis) as i64;
        // A quotient is rounded towards zero: of what is missing it would make a window.
        let least = if self.ceil { 1 - stride as i64 } else { 0 };
        let fits = free.to_i64().map_or(true, |free| free >= least);
        ensure!(fits, "expected an image that a window of {:?} fits in, got {length} pixels", self.size);
        if !self.ceil {
            return Ok(free / stride + 1);
        }
        let windows = free.divceil(stride) + 1;
        // The last window begins in the image or in what is before it, not in what is behind it.
        Ok(match (windows.to_usize(), length.to_usize()) {
            (Ok(windows), Ok(length)) if (windows - 1) * stride >= length + pads[axis] => {
                (windows - 1).to_dim()
            }
            _ => windows,
        })
    }

    /// For an image of `shape`, by axis: the output's length, and how much is before and behind the image.
    pub(super) fn place(&self, shape: [usize; 2]) -> TractResult<[[usize; 3]; 2]> {
        let mut places = [[0; 3]; 2];
        for (axis, place) in places.iter_mut().enumerate() {
            let length = shape[axis];
            let windows = self.output(axis, &length.to_dim())?.to_i64()?;
            let windows = usize::try_from(windows).ok().filter(|windows| *windows > 0);
            let windows = windows
                .with_context(|| format!("expected an image that a window of {:?} fits in", self.size))?;
            let reach = (windows - 1) * self.strides[axis] + self.extent(axis);
            let before = match &self.pads {
                Pads::Given(pads) => pads[axis],
                Pads::Same { odd_at_end } => {
                    let all = reach.saturating_sub(length);
                    if *odd_at_end { all / 2 } else { all.div_ceil(2) }
                }
            };
            *place = [windows, before, reach.saturating_sub(before + length)];
        }
        Ok(places)
    }
}

impl Kernel for Convolution {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("an image", x, &[datum_type(self.sides[0])])?;
        let [batch, height, width, channels] = x.shape.dims() else {
            bail!("expected an image of rank 4, got {:?}", x.shape)
        };
        let differ = channels.to_usize().is_ok_and(|channels| channels != self.channels);
        ensure!(!differ, "expected {} channels, got {channels}", self.channels);
        let (height, width) = (self.geometry.output(0, height)?, self.geometry.output(1, width)?);
        let shape = tvec!(batch.clone(), height, width, self.rows.to_dim());
        Ok(tvec!(kernel::fact(datum_type(self.sides[1]), shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let &[batch, height, width, channels] = x.shape() else { bail!("expected an image of rank 4") };
        ensure!(channels == self.channels, "expected {} channels, got {channels}", self.channels);
        let geometry = &self.geometry;
        let [[rows, top, bottom], [columns, left, right]] = geometry.place([height, width])?;
        let pixel = match &self.filters {
            Filters::Own(weights, _) => weights.width(),
            Filters::Pixels(matrix, _) => matrix.step(),
            Filters::Shared(_) => channels,
        };
        let winograd = self.winograd && int8::pays([rows, columns], channels, self.rows);
        let [lines, line] = match winograd {
            true => [rows, columns].map(int8::tiled),
            false => [top + height + bottom, left + width + right],
        };
        let row = line * pixel;
        let reach = match &self.filters {
            Filters::Own(..) => 0,
            Filters::Pixels(matrix, _) => matrix.numbers(0),
            Filters::Shared(groups) => groups.first().map_or(0, |(weights, _)| weights.reach()),
        };
        let mut wide = vec![0; lines * row + reach];
        let starts = (0..rows).flat_map(|y| {
            (0..columns).map(move |x| y * geometry.strides[0] * row + x * geometry.strides[1] * pixel)
        });
        let starts = starts.collect::<Vec<_>>();
        let taps = (0..geometry.size[0]).flat_map(|y| {
            (0..geometry.size[1])
                .map(move |x| y * geometry.dilations[0] * row + x * geometry.dilations[1] * pixel)
        });
        let taps = taps.collect::<Vec<_>>();
        let y = filled(datum_type(self.sides[1]), &[batch, rows, columns, self.rows], |y| {
            let image = height * width * channels;
            let output = rows * columns * self.rows;
            for (x, y) in bytes(x)?.chunks_exact(image.max(1)).zip(y.chunks_exact_mut(output.max(1))) {
                let place = [top * row + left * pixel, row, pixel];
                widen_image(x, [width, channels], self.sides[0], &mut wide, place);
                match &self.filters {
                    Filters::Own(weights, finish) => {
                        let patches = Patches { image: &wide, runs: &taps, starts: &starts };
                        depthwise_to_bytes(weights, patches, finish, y);
                    }
                    Filters::Pixels(matrix, finish) => dense_to_bytes(matrix, &wide, finish, y),
                    Filters::Shared(groups) if winograd => {
                        let image = Image { numbers: &wide, row, channels, output: [rows, columns] };
                        for (weights, finish) in groups {
                            winograd_to_bytes(weights, image, finish, y, self.rows);
                        }
                    }
                    Filters::Shared(groups) => {
                        let per_group = channels / groups.len();
                        for (ix, (weights, finish)) in groups.iter().enumerate() {
                            // A run of a whole row of the window begins at its first tap.
                            let runs = taps.iter().step_by(taps.len() / weights.runs());
                            let runs = runs.map(|tap| tap + ix * per_group).collect::<Vec<_>>();
                            let y = &mut y[ix * weights.rows()..];
                            let patches = Patches { image: &wide, runs: &runs, starts: &starts };
                            multiply_to_bytes(weights, patches, finish, y, self.rows);
                        }
                    }
                }
            }
            Ok(())
        })?;
        Ok(tvec!(y))
    }
}
