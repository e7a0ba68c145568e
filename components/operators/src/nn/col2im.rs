//! `ai.onnx.Col2Im`: adds columns of blocks back into an image.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Col2Im.html>.
//! Inputs: `[N, C * block, L]` of numbers, the image's and the block's spatial shape as int64. Output `[N, C, image]` of
//! the input's type; blocks that overlap are added up, integers wrapping around.
//! Errors: shapes of different rank, columns that are not those of the image's blocks.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::window::Window;
use crate::array::pick::{advance, filled, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn col2im(ctx: &ParsingContext, node: &NodeProto) -> Built {
    super::wire_real(ctx, node, Col2Im { window: Window::read(node)? })
}

#[derive(Debug)]
struct Col2Im {
    window: Window,
}

impl Col2Im {
    fn add<T: Datum + Copy>(
        &self,
        x: &Tensor,
        image: &[i64],
        block: &[i64],
        zero: T,
        plus: fn(T, T) -> T,
    ) -> TractResult<Tensor> {
        let &[batch, rows, columns] = x.shape() else {
            bail!("expected an input [N, C * block, L], got shape {:?}", x.shape())
        };
        ensure!(
            image.len() == block.len() && !image.is_empty(),
            "expected image and block of the same rank, got {image:?} and {block:?}"
        );
        let mut axes = self.window.axes(block)?;
        let usizes = |values: &[i64]| {
            values.iter().map(|value| usize::try_from(*value)).collect::<Result<Vec<_>, _>>()
        };
        let (image, block) = (usizes(image)?, usizes(block)?);
        let mut windows = vec![];
        for (axis, len) in axes.iter_mut().zip(&image) {
            windows.push(axis.resolve(*len)?);
        }
        let per_channel = volume(&block, 1)?;
        ensure!(
            rows % per_channel == 0 && volume(&windows, 1)? == columns,
            "expected an input [N, C * {per_channel}, {}], got shape {:?}",
            windows.iter().product::<usize>(),
            x.shape()
        );
        let shape = [&[batch, rows / per_channel], &image[..]].concat();
        let mut y = filled(&shape, zero)?;
        let (x, size) = (elements::<T>(x)?, image.iter().product::<usize>());
        if y.is_empty() || x.is_empty() {
            return tensor_of(&shape, y);
        }
        let mut within = vec![0; block.len()];
        for row in 0..per_channel {
            let mut at = vec![0; windows.len()];
            for column in 0..columns {
                let place = axes.iter().zip(&image).zip(at.iter().zip(&within)).try_fold(
                    0,
                    |base, ((axis, len), (at, within))| {
                        let place = *at as i64 * axis.stride + *within as i64 * axis.dilation - axis.begin;
                        usize::try_from(place)
                            .ok()
                            .filter(|place| place < len)
                            .map(|place| base * len + place)
                    },
                );
                if let Some(place) = place {
                    for (x, y) in x.chunks_exact(per_channel * columns).zip(y.chunks_exact_mut(size)) {
                        y[place] = plus(y[place], x[row * columns + column]);
                    }
                }
                advance(&mut at, &windows);
            }
            advance(&mut within, &block);
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for Col2Im {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, image, block] = kernel::required(inputs)?;
        kernel::accept("the image's shape", image, &[DatumType::I64])?;
        kernel::accept("the block's shape", block, &[DatumType::I64])?;
        ensure!(x.rank() == 3 && x.datum_type.is_number(), "expected numbers [N, C * block, L], got {x:?}");
        let volume = kernel::ints_of(block).map(|block| block.iter().product::<TDim>());
        let channels = match volume.and_then(|volume| volume.to_i64().ok()) {
            Some(volume) if volume > 0 => x.shape[1].clone() / volume as u64,
            _ => lengths.unknown(0, 1),
        };
        let mut shape = tvec!(x.shape[0].clone(), channels);
        match (kernel::ints_of(image), image.shape.volume().to_usize()) {
            (Some(image), _) => shape.extend(image),
            // A file may declare any length for it.
            (_, Ok(rank)) if rank <= 64 => {
                shape.extend((0..rank).map(|axis| lengths.unknown(0, axis + 2)));
            }
            _ => bail!("expected an image of known rank, got shape {:?}", image.shape),
        }
        Ok(tvec!(kernel::fact(x.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, image, block] = kernel::required(&inputs)?;
        let (image, block) = (elements::<i64>(image)?, elements::<i64>(block)?);
        macro_rules! add {
            ($($float:ident $real:ty),*; $($int:ident $whole:ty),*) => {
                match x.datum_type() {
                    $(DatumType::$float => self.add::<$real>(x, image, block, 0.0, |a, b| a + b)?,)*
                    $(DatumType::$int => self.add::<$whole>(x, image, block, 0, <$whole>::wrapping_add)?,)*
                    other => bail!("expected numbers, got {other:?}"),
                }
            };
        }
        Ok(tvec!(add!(F32 f32, F64 f64; I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, ints, node};

    fn col2im(pads: &[i64], strides: &[i64]) -> NodeProto {
        node("", "Col2Im", vec![ints("pads", pads), ints("strides", strides)])
    }

    fn inputs(x: Tensor, image: &[i64], block: &[i64]) -> [Option<Tensor>; 3] {
        [Some(x), Some(tensor1(image)), Some(tensor1(block))]
    }

    #[test]
    fn blocks_that_overlap_are_added() {
        let x = tensor3(&[[[1f32, 2.], [3., 4.]]]);
        expect(col2im(&[], &[]), &inputs(x, &[1, 3], &[1, 2]), &[tensor4(&[[[[1f32, 5., 4.]]]])]);
        let x = tensor3(&[[[1i32, 2], [3, 4]]]);
        expect(col2im(&[0, 1, 0, 1], &[1, 2]), &inputs(x, &[1, 2], &[1, 2]), &[tensor4(&[[[[3i32, 2]]]])]);
    }

    #[test]
    fn columns_that_are_not_the_images_are_refused() {
        let refused = |image: &[i64], block: &[i64]| {
            let x = tensor3(&[[[1f32, 2.], [3., 4.]]]);
            format!("{:#}", compute(col2im(&[], &[]), &inputs(x, image, block)).unwrap_err())
        };
        assert!(refused(&[1, 4], &[1, 2]).contains("expected an input [N, C * 2, 3]"));
        assert!(refused(&[1, 3], &[1, 3]).contains("expected an input [N, C * 3, 1]"));
        assert!(refused(&[3], &[1, 2]).contains("of the same rank"));
        assert!(refused(&[1, -3], &[1, 2]).contains("out of range"));
    }
}
