//! The channels of bytes to the end and back: `[N, C, ..]` to `[N, .., C]`.

use edgewit_kernels::int8::transpose;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{BYTES, bytes, filled};
use crate::kernel::{self, Built, Kernel, Lengths};

pub(super) fn channels_last(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Order::Last)
}

pub(super) fn channels_first(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Order::First)
}

#[derive(Debug)]
enum Order {
    Last,
    First,
}

impl Order {
    fn shape<D: Clone>(&self, from: &[D]) -> TractResult<TVec<D>> {
        ensure!(from.len() > 1, "expected a tensor of rank 2 or more");
        let mut shape: TVec<D> = from.into();
        match self {
            Order::Last => shape[1..].rotate_left(1),
            Order::First => shape[1..].rotate_right(1),
        }
        Ok(shape)
    }
}

impl Kernel for Order {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &BYTES)?;
        Ok(tvec!(x.datum_type.fact(self.shape(x.shape.dims())?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let shape = self.shape(x.shape())?;
        let whole = x.shape()[1..].iter().product::<usize>();
        let y = filled(x.datum_type(), &shape, |y| {
            if whole == 0 {
                return Ok(());
            }
            let rows = match self {
                Order::Last => x.shape()[1],
                Order::First => whole / shape[1],
            };
            for (x, y) in bytes(x)?.chunks_exact(whole).zip(y.chunks_exact_mut(whole)) {
                transpose(x, [rows, whole / rows], y);
            }
            Ok(())
        })?;
        Ok(tvec!(y))
    }
}
