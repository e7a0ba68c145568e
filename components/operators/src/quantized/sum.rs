//! Sum of two tensors of bytes, whose shapes broadcast.
//!
//! As `com.microsoft.QLinearAdd`: `round(a * a_scale + b * b_scale + offset)`, half to even, kept within `range`.
//! Attributes: `scales` of a and b over the output's, `sides` of a, b and the output, `range`. Errors: shapes that do not
//! broadcast.

use edgewit_kernels::int8::{self, Side};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use super::{bytes, datum_type, filled, range, sides};
use crate::kernel::{self, Built, Kernel, Lengths};

pub(super) fn sum(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let scales = node.get_attr_tvec::<f32>("scales")?;
    let scales = scales.as_slice().try_into().context("expected two scales")?;
    kernel::wire(ctx, node, Sum { scales, sides: sides(node)?, range: range(node)? })
}

#[derive(Debug)]
struct Sum {
    scales: [f32; 2],
    sides: [Side; 3],
    range: [i32; 2],
}

impl Kernel for Sum {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        kernel::accept("a summand", a, &[datum_type(self.sides[0])])?;
        kernel::accept("the second summand", b, &[datum_type(self.sides[1])])?;
        let shape: TVec<TDim> = multi_broadcast(&[a.shape.dims(), b.shape.dims()])?;
        Ok(tvec!(datum_type(self.sides[2]).fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        let shape: TVec<usize> = multi_broadcast(&[a.shape(), b.shape()])?;
        let whole = |one: &Tensor| one.broadcast_to_shape(&shape);
        let (wide_a, wide_b);
        let a = if a.shape() == &*shape {
            a
        } else {
            wide_a = whole(a)?;
            &wide_a
        };
        let b = if b.shape() == &*shape {
            b
        } else {
            wide_b = whole(b)?;
            &wide_b
        };
        let sum = filled(datum_type(self.sides[2]), &shape, |sum| {
            int8::add(bytes(a)?, bytes(b)?, self.scales, self.sides, self.range, sum);
            Ok(())
        })?;
        Ok(tvec!(sum))
    }
}
