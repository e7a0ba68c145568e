//! `ai.onnx.LogSoftmax`: `x - log(sum(exp(x)))` along an axis.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__LogSoftmax.html>.
//! Input and output of the same shape; f16, float or double, computed as float, doubles as doubles. `axis` is
//! by default the last; before opset 13 it is by default 1, and the sum is over it and all axes after it.
//! tract takes the logarithm of its softmax, which for an unlikely class is minus infinity.
//! Errors: an axis that the input does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_num_traits::Float;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths};

pub(super) fn log_softmax(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let flat = ctx.onnx_operator_set_version < 13;
    let axis = node.get_attr_opt("axis")?.unwrap_or(if flat { 1 } else { -1 });
    kernel::wire(ctx, node, LogSoftmax { axis, flat })
}

#[derive(Debug)]
struct LogSoftmax {
    axis: i64,
    /// Whether the axes after `axis` count as one with it.
    flat: bool,
}

impl Kernel for LogSoftmax {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        self.axis(x.rank())?;
        Ok(tvec!(x.datum_type.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let shape = x.shape();
        let axis = self.axis(shape.len())?;
        let end = if self.flat { shape.len() } else { (axis + 1).min(shape.len()) };
        let len = shape[axis..end].iter().product();
        let inner = shape[end..].iter().product();
        Ok(tvec!(match x.datum_type() {
            DatumType::F64 => along::<f64>(x, len, inner)?,
            _ => along::<f32>(x, len, inner)?,
        }))
    }
}

impl LogSoftmax {
    fn axis(&self, rank: usize) -> TractResult<usize> {
        let axis = if self.axis < 0 { self.axis.saturating_add(rank as i64) } else { self.axis };
        // The last axis of a scalar, and the end, after which nothing is left to sum.
        let last = if self.flat { rank } else { rank.max(1) - 1 };
        match usize::try_from(axis) {
            Ok(axis) if axis <= last => Ok(axis),
            _ if rank == 0 && axis == -1 => Ok(0),
            _ => bail!("expected an axis of an input of rank {rank}, got {}", self.axis),
        }
    }
}

/// Along an axis of `len` elements that lie `inner` apart.
fn along<C: Datum + Float>(x: &Tensor, len: usize, inner: usize) -> TractResult<Tensor> {
    let mut output = x.cast_to::<C>()?.into_owned();
    let mut view = output.try_as_plain_ram_mut()?;
    for block in view.as_slice_mut::<C>()?.chunks_exact_mut((len * inner).max(1)) {
        for start in 0..inner {
            let lane = || block.iter().skip(start).step_by(inner).copied();
            let max = lane().fold(C::neg_infinity(), C::max);
            let base = if max.is_finite() { max } else { C::zero() };
            let sum = lane().fold(C::zero(), |sum, x| sum + (x - base).exp());
            let log = base + sum.ln();
            block.iter_mut().skip(start).step_by(inner).for_each(|x| *x = *x - log);
        }
    }
    Ok(output.cast_to_dt(x.datum_type())?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, int, node, refuse};

    fn log_softmax(axis: i64) -> NodeProto {
        node("", "LogSoftmax", vec![int("axis", axis)])
    }

    #[test]
    fn an_unlikely_class_keeps_its_finite_logarithm() {
        expect(log_softmax(-1), &[Some(tensor2(&[[1000f32, 0.0]]))], &[tensor2(&[[0f32, -1000.0]])]);
    }

    #[test]
    fn classes_may_lie_along_any_axis() {
        let x = tensor2(&[[0f64, 1.0], [0.0, 1.0]]);
        let half = -(2f64.ln());
        expect(log_softmax(0), &[Some(x.clone())], &[tensor2(&[[half, half], [half, half]])]);
        let row = [-1.313_261_687_518_222_8, -0.313_261_687_518_222_8];
        expect(log_softmax(1), &[Some(x)], &[tensor2(&[row, row])]);
    }

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        refuse(log_softmax(2), tensor2(&[[1f32]]), "axis of an input of rank 2, got 2");
    }
}
