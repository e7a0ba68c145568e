//! `ai.onnx.SpaceToDepth`: moves blocks of height and width into the channels.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html>.
//! Input `[N, C, H, W]` of any type, output `[N, C * b * b, H / b, W / b]` with `b` the `blocksize`. tract's
//! operator knows the mode `DCR` only, and is used for it.
//! Errors: an unknown mode, a height or width that is no multiple of the block size.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths};
use crate::math::choice;

pub(super) fn space_to_depth(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let block = node.get_attr::<usize>("blocksize")?;
    ensure!((1..=1 << 15).contains(&block), "expected a block size, got {block}");
    match node.get_attr_opt("mode")?.unwrap_or("DCR") {
        "DCR" => choice::upstream(ctx, node),
        "CRD" => kernel::wire(ctx, node, SpaceToDepth { block }),
        other => bail!("expected the mode DCR or CRD, got {other}"),
    }
}

#[derive(Debug)]
struct SpaceToDepth {
    block: usize,
}

impl Kernel for SpaceToDepth {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let [batch, channels, height, width] = x.shape.dims() else {
            bail!("expected an input [N, C, H, W], got {:?}", x.shape)
        };
        let shape = [
            batch.clone(),
            channels.clone() * (self.block * self.block),
            height.clone() / self.block,
            width.clone() / self.block,
        ];
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let b = self.block;
        let &[batch, channels, height, width] = x.shape() else {
            bail!("expected an input [N, C, H, W], got {:?}", x.shape())
        };
        ensure!(
            height % b == 0 && width % b == 0,
            "expected a multiple of {b} for height and width, got {height} and {width}"
        );
        let blocks = x.clone().into_shape(&[batch, channels, height / b, b, width / b, b])?;
        let moved = blocks.permute_axes(&[0, 1, 3, 5, 2, 4])?;
        Ok(tvec!(moved.into_shape(&[batch, channels * b * b, height / b, width / b])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, int, node, refuse, string};

    fn space_to_depth(mode: &str) -> NodeProto {
        node("", "SpaceToDepth", vec![int("blocksize", 2), string("mode", mode)])
    }

    #[test]
    fn the_mode_orders_the_channels() {
        let x = tensor4(&[[[[1u8, 2], [3, 4]], [[5, 6], [7, 8]]]]);
        let channels = |order: [u8; 8]| tensor1(&order).into_shape(&[1, 8, 1, 1]).unwrap();
        check(space_to_depth("CRD"), x.clone(), channels([1, 2, 3, 4, 5, 6, 7, 8]));
        check(space_to_depth("DCR"), x, channels([1, 5, 2, 6, 3, 7, 4, 8]));
    }

    #[test]
    fn what_cannot_be_cut_into_blocks_is_refused() {
        refuse(space_to_depth("CRD"), tensor4(&[[[[1u8]]]]), "expected a multiple of 2");
        refuse(space_to_depth("RGB"), tensor4(&[[[[1u8]]]]), "got RGB");
    }
}
