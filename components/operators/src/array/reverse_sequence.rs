//! `ai.onnx.ReverseSequence`: reverses the first `sequence_lens[i]` steps of each sequence of a batch.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__ReverseSequence.html>.
//! Inputs: a tensor of rank 2 or more of any type, `batch_axis` and `time_axis` being 0 and 1 or 1 and 0, and int64
//! lengths `[batch]`. Output: as the input. Errors: other axes, a length outside `0..=time`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pick::pick;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn reverse_sequence(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let time: i64 = node.get_attr_opt("time_axis")?.unwrap_or(0);
    let batch: i64 = node.get_attr_opt("batch_axis")?.unwrap_or(1);
    match (time, batch) {
        (0, 1) | (1, 0) => {
            kernel::wire(ctx, node, ReverseSequence { time: time as usize, batch: batch as usize })
        }
        _ => bail!("expected 0 and 1 as time_axis and batch_axis, got {time} and {batch}"),
    }
}

#[derive(Debug)]
struct ReverseSequence {
    time: usize,
    batch: usize,
}

impl Kernel for ReverseSequence {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, lens] = kernel::required(inputs)?;
        kernel::accept("sequence_lens", lens, &[DatumType::I64])?;
        ensure!(x.rank() >= 2, "expected an input of rank 2 or more, got shape {:?}", x.shape);
        Ok(tvec!(x.without_value()))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, lens] = kernel::required(&inputs)?;
        let (shape, lens) = (x.shape(), elements::<i64>(lens)?);
        ensure!(shape.len() >= 2, "expected an input of rank 2 or more, got shape {shape:?}");
        let steps = shape[self.time];
        ensure!(
            lens.len() == shape[self.batch] && lens.iter().all(|len| (0..=steps as i64).contains(len)),
            "expected {} sequence_lens of 0..={steps}, got {lens:?}",
            shape[self.batch]
        );
        let mut sources = vec![];
        for at in tract_ndarray::indices((shape[0], shape[1])) {
            let mut from = [at.0, at.1];
            let len = lens[from[self.batch]] as usize;
            if from[self.time] < len {
                from[self.time] = len - 1 - from[self.time];
            }
            sources.push(from[0] * shape[1] + from[1]);
        }
        Ok(tvec!(pick(x, shape, shape[2..].iter().product(), &sources, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn reversed(time: i64, batch: i64) -> NodeProto {
        node("", "ReverseSequence", vec![int("time_axis", time), int("batch_axis", batch)])
    }

    #[test]
    fn each_sequence_is_reversed_up_to_its_length() {
        let x = tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]);
        let by_row = tensor2(&[[3f32, 2., 1.], [4., 5., 6.]]);
        expect(reversed(1, 0), &[Some(x.clone()), Some(tensor1(&[3i64, 0]))], &[by_row]);
        let by_column = tensor2(&[[4f32, 2., 6.], [1., 5., 3.]]);
        expect(reversed(0, 1), &[Some(x), Some(tensor1(&[2i64, 1, 2]))], &[by_column]);
    }

    #[test]
    fn steps_of_strings_move_whole() {
        let s = |text: &str| text.to_string();
        let x = tensor3(&[[[s("a"), s("b")], [s("c"), s("d")]]]);
        let expected = tensor3(&[[[s("c"), s("d")], [s("a"), s("b")]]]);
        expect(reversed(1, 0), &[Some(x), Some(tensor1(&[2i64]))], &[expected]);
    }

    #[test]
    fn lengths_beyond_the_input_are_refused() {
        let x = Some(tensor2(&[[1f32, 2.]]));
        for lens in [tensor1(&[3i64]), tensor1(&[-1i64]), tensor1(&[1i64, 1])] {
            let error = format!("{:#}", compute(reversed(1, 0), &[x.clone(), Some(lens)]).unwrap_err());
            assert!(error.contains("expected 1 sequence_lens of 0..=2"), "{error}");
        }
        assert!(compute(reversed(1, 1), &[x, Some(tensor1(&[1i64]))]).is_err());
    }
}
