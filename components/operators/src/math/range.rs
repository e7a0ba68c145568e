//! `ai.onnx.Range`: numbers from a start to before a limit, a step apart.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Range.html>.
//! Inputs: start, limit and step, one number each of the same type: int16, int32, int64, f16, float or
//! double. Output: a vector of that type, `max(0, ceil((limit - start) / step))` numbers. tract panics on a
//! step of zero; it is used where the step is known, and for the lengths of axes.
//! Errors: a step of zero, more numbers than fit the memory.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::number::{Number, with_number};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(super) fn range(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let suits = |inputs: &[TypedFact]| {
        let step = inputs.get(2).and_then(|step| step.konst.as_ref());
        let step = step.and_then(|step| step.cast_to_scalar::<f64>().ok());
        step.is_some_and(|step| step != 0.0) || inputs.iter().any(|fact| fact.datum_type.is_tdim())
    };
    upstream::build_if(ctx, node, suits, Range)
}

#[derive(Debug)]
struct Range;

impl Kernel for Range {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [start, limit, step] = kernel::required(inputs)?;
        kernel::accept("a limit", limit, &[start.datum_type])?;
        kernel::accept("a step", step, &[start.datum_type])?;
        Ok(tvec!(start.datum_type.fact([lengths.unknown(0, 0)])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [start, limit, step] = kernel::required(&inputs)?;
        Ok(tvec!(with_number!(start.datum_type(), numbers(start, limit, step))?))
    }
}

fn numbers<T: Number>(start: &Tensor, limit: &Tensor, step: &Tensor) -> TractResult<Tensor> {
    let (&[start], &[limit], &[step]) = (elements::<T>(start)?, elements::<T>(limit)?, elements::<T>(step)?)
    else {
        bail!("expected one start, one limit and one step")
    };
    ensure!(step != T::zero(), "expected a step that is not zero");
    let count = ((limit.as_() - start.as_()) / step.as_()).ceil().max(0.0);
    ensure!(count <= f64::from(i32::MAX), "expected fewer numbers than {count}");
    let mut numbers = Vec::with_capacity(count as usize);
    let mut next = start;
    for ix in 0..count as usize {
        numbers.push(next);
        // Floats do not gather the errors of sums.
        next = if T::datum_type().is_float() {
            T::of(start.as_() + (ix + 1) as f64 * step.as_())
        } else {
            next.plus(step)
        };
    }
    Ok(tensor1(&numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    #[test]
    fn numbers_go_to_before_the_limit() {
        let three = |a: Tensor, b: Tensor, c: Tensor| [Some(a), Some(b), Some(c)];
        let range = || node("", "Range", vec![]);
        expect(range(), &three(tensor0(1i64), tensor0(6i64), tensor0(2i64)), &[tensor1(&[1i64, 3, 5])]);
        expect(range(), &three(tensor0(3i16), tensor0(0i16), tensor0(-1i16)), &[tensor1(&[3i16, 2, 1])]);
        expect(range(), &three(tensor0(0f32), tensor0(1f32), tensor0(0.4f32)), &[tensor1(&[0f32, 0.4, 0.8])]);
        let none = Tensor::zero::<i64>(&[0]).unwrap();
        expect(range(), &three(tensor0(1i64), tensor0(0i64), tensor0(1i64)), &[none]);
    }

    #[test]
    fn a_step_of_zero_and_too_many_numbers_are_refused() {
        for (limit, step, expected) in [(5, 0i64, "not zero"), (i64::MAX, 1, "expected fewer numbers")] {
            let inputs = [Some(tensor0(1i64)), Some(tensor0(limit)), Some(tensor0(step))];
            let error = format!("{:#}", compute(node("", "Range", vec![]), &inputs).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
