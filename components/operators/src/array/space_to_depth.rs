//! `ai.onnx.SpaceToDepth`: upstream's, and the mode `CRD`.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html>.
//! Input `[N, C, H, W]` of any type, output `[N, C * block^2, H / block, W / block]`, which for `CRD` has the channel
//! before the place within the block. Errors: blocks that do not divide the image.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::pick;
use crate::kernel::{self, Built, Kernel, Lengths};
use crate::upstream;

pub(crate) fn space_to_depth(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let block: i64 = node.get_attr("blocksize")?;
    ensure!((1..=1 << 15).contains(&block), "expected a blocksize of 1..=2^15, got {block}");
    match node.get_attr_opt("mode")?.unwrap_or("DCR") {
        "DCR" => upstream::build(ctx, node),
        "CRD" => kernel::wire(ctx, node, SpaceToDepth { block: block as usize }),
        other => bail!("expected the mode DCR or CRD, got {other:?}"),
    }
}

#[derive(Debug)]
struct SpaceToDepth {
    block: usize,
}

impl Kernel for SpaceToDepth {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        ensure!(x.rank() == 4, "expected an image [N, C, H, W], got shape {:?}", x.shape);
        let block = self.block;
        let [batch, channels, height, width] = [0, 1, 2, 3].map(|axis| x.shape[axis].clone());
        Ok(tvec!(x.datum_type.fact([batch, channels * (block * block), height / block, width / block])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let block = self.block;
        let &[batch, channels, height, width] = x.shape() else {
            bail!("expected an image [N, C, H, W], got shape {:?}", x.shape())
        };
        ensure!(
            height % block == 0 && width % block == 0,
            "expected an image of whole blocks of {block}, got shape {:?}",
            x.shape()
        );
        let shape = [batch, channels * block * block, height / block, width / block];
        let mut sources = Vec::with_capacity(x.len());
        for n in 0..batch {
            for channel in 0..shape[1] {
                let (plane, within) = (n * channels + channel / (block * block), channel % (block * block));
                for row in 0..shape[2] {
                    let row = plane * height + row * block + within / block;
                    sources.extend((0..shape[3]).map(|column| row * width + column * block + within % block));
                }
            }
        }
        Ok(tvec!(pick(x, &shape, 1, &sources, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, int, node, refuse, string};

    fn to_depth(mode: &str) -> NodeProto {
        node("", "SpaceToDepth", vec![int("blocksize", 2), string("mode", mode)])
    }

    #[test]
    fn the_mode_orders_the_channels() {
        let x = || Some(tensor4(&[[[[1i32, 2], [3, 4]], [[5, 6], [7, 8]]]]));
        let channels = |all: [i32; 8]| Tensor::from_shape(&[1, 8, 1, 1], &all).unwrap();
        expect(to_depth("CRD"), &[x()], &[channels([1, 2, 3, 4, 5, 6, 7, 8])]);
        expect(to_depth("DCR"), &[x()], &[channels([1, 5, 2, 6, 3, 7, 4, 8])]);
    }

    #[test]
    fn blocks_that_do_not_divide_the_image_are_refused() {
        refuse(to_depth("CRD"), tensor4(&[[[[1f32, 2., 3.]]]]), "whole blocks of 2");
    }
}
