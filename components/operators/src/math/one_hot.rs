//! `ai.onnx.OneHot`: a new axis, on at the index that the input tells and off elsewhere.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__OneHot.html>.
//! Inputs: indices, numbers of any type; the depth, one number; the two values off and on, `[2]`, of any
//! type. Output: the values' type, the shape of the indices with an axis of the depth at `axis`, by default
//! the last. A negative index counts from the end; one out of range is off everywhere, where tract panics.
//! Errors: a depth that is not one number or too large, other than two values, an axis out of range.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(super) fn one_hot(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, OneHot { axis: node.get_attr_opt("axis")?.unwrap_or(-1) })
}

#[derive(Debug)]
struct OneHot {
    axis: i64,
}

impl OneHot {
    fn axis(&self, rank: usize) -> TractResult<usize> {
        let axis = if self.axis < 0 { self.axis.saturating_add(rank as i64 + 1) } else { self.axis };
        usize::try_from(axis)
            .ok()
            .filter(|axis| *axis <= rank)
            .with_context(|| format!("expected an axis for indices of rank {rank}, got {}", self.axis))
    }
}

impl Kernel for OneHot {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [indices, depth, values] = kernel::required(inputs)?;
        let axis = self.axis(indices.rank())?;
        let depth = match kernel::ints_of(depth).as_deref() {
            Some([depth]) => depth.clone(),
            Some(other) => bail!("expected one depth, got {other:?}"),
            None => lengths.unknown(0, axis),
        };
        let mut shape: TVec<TDim> = indices.shape.iter().cloned().collect();
        shape.insert(axis, depth);
        Ok(tvec!(values.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [indices, depth, values] = kernel::required(&inputs)?;
        let axis = self.axis(indices.rank())?;
        let depth = depth.cast_to::<i64>()?;
        let &[depth] = elements::<i64>(&depth)? else { bail!("expected one depth, got {depth:?}") };
        ensure!(values.shape() == [2], "expected the values off and on, got shape {:?}", values.shape());
        let depth = usize::try_from(depth).with_context(|| format!("expected a depth, got {depth}"))?;
        let len = depth.checked_mul(indices.len()).filter(|len| *len <= i32::MAX as usize);
        let len = len.with_context(|| format!("expected a smaller depth, got {depth}"))?;

        let mut shape = indices.shape().to_vec();
        shape.insert(axis, depth);
        let inner: usize = shape[axis + 1..].iter().product();
        let on = indices.cast_to::<i64>()?;
        let on = elements::<i64>(&on)?.iter().enumerate().filter_map(|(ix, class)| {
            let class = if *class < 0 { class.saturating_add(depth as i64) } else { *class };
            let class = usize::try_from(class).ok().filter(|class| *class < depth)?;
            Some((ix / inner * depth + class) * inner + ix % inner)
        });
        Ok(tvec!(dispatch_datum!(light(values.datum_type())(values, &shape, len, on))?))
    }
}

fn light<T: Datum>(
    values: &Tensor,
    shape: &[usize],
    len: usize,
    on: impl Iterator<Item = usize>,
) -> TractResult<Tensor> {
    let [off_value, on_value] = elements::<T>(values)? else { bail!("expected the values off and on") };
    let mut lights = vec![off_value.clone(); len];
    on.for_each(|ix| lights[ix] = on_value.clone());
    kernel::tensor_of(shape, lights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    #[test]
    fn an_index_lights_its_place_and_one_out_of_range_none() {
        let inputs = [Some(tensor1(&[0i64, -1, 3])), Some(tensor0(3f32)), Some(tensor1(&[0u8, 9]))];
        let output = tensor2(&[[9u8, 0, 0], [0, 0, 9], [0, 0, 0]]);
        expect(node("", "OneHot", vec![]), &inputs, std::slice::from_ref(&output));
        let output = output.permute_axes(&[1, 0]).unwrap();
        expect(node("", "OneHot", vec![int("axis", 0)]), &inputs, &[output]);
    }

    #[test]
    fn values_may_be_strings() {
        let values = tensor1(&["no".to_string(), "yes".to_string()]);
        let inputs = [Some(tensor0(1f32)), Some(tensor1(&[2i64])), Some(values.clone())];
        expect(node("", "OneHot", vec![]), &inputs, &[values]);
    }

    #[test]
    fn a_depth_that_is_none_is_refused() {
        for (depth, expected) in [(-1i64, "expected a depth, got -1"), (1 << 40, "expected a smaller depth")]
        {
            let inputs = [Some(tensor1(&[0i64])), Some(tensor0(depth)), Some(tensor1(&[0f32, 1.0]))];
            let error = format!("{:#}", compute(node("", "OneHot", vec![]), &inputs).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
