//! A byte for each byte: any function of one quantised number.
//!
//! Attributes: `table` uint8 `[256]`, by the byte as it is in memory; `sides` of the input and the output.

use edgewit_kernels::int8::Side;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{bytes, constant, datum_type, filled, sides};
use crate::kernel::{self, Built, Kernel, Lengths};

pub(super) fn table(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let table = constant(ctx, node, "table")?;
    let table = bytes(&table)?.try_into().context("expected a table of 256")?;
    kernel::wire(ctx, node, Table { table, sides: sides(node)? })
}

#[derive(Debug)]
struct Table {
    table: [u8; 256],
    sides: [Side; 2],
}

impl Kernel for Table {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[datum_type(self.sides[0])])?;
        Ok(tvec!(datum_type(self.sides[1]).fact(x.shape.dims())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let y = filled(datum_type(self.sides[1]), x.shape(), |y| {
            y.iter_mut().zip(bytes(x)?).for_each(|(y, x)| *y = self.table[usize::from(*x)]);
            Ok(())
        })?;
        Ok(tvec!(y))
    }
}
