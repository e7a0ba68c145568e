//! Floats, each as the nearest that a byte stands for: `QuantizeLinear` and `DequantizeLinear` in one step.
//!
//! Attributes: `scale`; `sides` of the bytes that there would be. Input: floats of any shape. Output: as the input.

use edgewit_kernels::int8::{self, Side};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{FLOATS, floats, sides};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(super) fn round(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let [side] = sides(node)?;
    kernel::wire(ctx, node, Round { scale: node.get_attr("scale")?, side })
}

#[derive(Debug)]
struct Round {
    scale: f32,
    side: Side,
}

impl Kernel for Round {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        Ok(tvec!(f32::fact(x.shape.dims())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let mut y = x.cast_to::<f32>()?.into_owned();
        let mut bytes = vec![0; y.len()];
        int8::quantize(elements(&y)?, self.scale, self.side, &mut bytes);
        let mut to = y.try_as_plain_ram_mut()?;
        to.as_slice_mut::<f32>()?
            .iter_mut()
            .zip(floats(&bytes, self.side, self.scale))
            .for_each(|(to, y)| *to = y);
        Ok(tvec!(y))
    }
}
