//! `ai.onnx.ml.FeatureVectorizer`: tensors of numbers beside each other in one float matrix.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_FeatureVectorizer.html>.
//! Inputs `[N, ..]`, of which all but the first axis count as columns, or `[C]` as `[1, C]`; float, double, int64 or
//! int32. Output float `[N, sum of inputdimensions]`. As in onnxruntime an input with more columns than its
//! `inputdimensions` is cut, one with fewer is filled up with 0; without the attribute every column counts. Errors:
//! batches of different length, another number of `inputdimensions` than of inputs.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

/// More would be a way to ask for any amount of memory.
const MAX_COLUMNS: usize = 1 << 20;

pub(crate) fn feature_vectorizer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let widths = attributes::ints(node, "inputdimensions")?;
    let widths =
        widths.iter().map(|width| usize::try_from(*width).ok().filter(|width| *width <= MAX_COLUMNS));
    let widths = widths.collect::<Option<Vec<_>>>().with_context(|| {
        format!(
            "expected inputdimensions from 0 to {MAX_COLUMNS}, got {:?}",
            node.get_attr_vec::<i64>("inputdimensions")
        )
    })?;
    ensure!(!node.input.is_empty(), "expected at least 1 input, got none");
    ensure!(
        widths.is_empty() || widths.len() == node.input.len(),
        "expected one of inputdimensions per input, got {} for {} inputs",
        widths.len(),
        node.input.len()
    );
    kernel::wire(ctx, node, FeatureVectorizer { widths })
}

#[derive(Debug)]
struct FeatureVectorizer {
    widths: Vec<usize>,
}

/// Rows and columns.
fn matrix<D: DimLike>(shape: &[D]) -> TractResult<(D, D)> {
    match shape {
        [] => bail!("expected inputs with at least 1 dimension, got a scalar"),
        [columns] => Ok((D::one(), columns.clone())),
        [rows, columns @ ..] => Ok((rows.clone(), columns.iter().cloned().product())),
    }
}

impl Kernel for FeatureVectorizer {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [first] = kernel::required(inputs)?;
        let rows = matrix(&first.shape)?.0;
        let mut columns: TDim = self.widths.iter().copied().map(TDim::from).sum();
        for x in inputs.iter().copied().flatten() {
            kernel::accept(
                "the inputs",
                x,
                &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32],
            )?;
            let width = matrix(&x.shape)?.1;
            if self.widths.is_empty() {
                columns += width;
            }
        }
        Ok(tvec!(f32::fact([rows, columns])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let inputs = inputs.into_iter().flatten().collect::<TVec<_>>();
        let shapes = inputs.iter().map(|x| matrix(x.shape())).collect::<TractResult<Vec<_>>>()?;
        let rows = shapes.first().context("expected at least 1 input, got none")?.0;
        ensure!(
            shapes.iter().all(|shape| shape.0 == rows),
            "expected inputs of the same batch size, got shapes {shapes:?}"
        );
        let mut widths = self.widths.iter().copied();
        let widths: Vec<usize> = shapes.iter().map(|shape| widths.next().unwrap_or(shape.1)).collect();
        let total = widths.iter().sum();
        kernel::checked_len(&[rows, total])?;
        let mut output = Tensor::zero::<f32>(&[rows, total])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let data = view.as_slice_mut::<f32>()?;
        let mut offset = 0;
        for ((x, (_, columns)), width) in inputs.iter().zip(shapes).zip(widths) {
            let x = x.cast_to::<f32>()?;
            let taken = columns.min(width);
            let from = elements::<f32>(x.as_ref())?.chunks_exact(columns.max(1));
            for (to, from) in data.chunks_exact_mut(total.max(1)).zip(from) {
                to[offset..offset + taken].copy_from_slice(&from[..taken]);
            }
            offset += width;
        }
        Ok(tvec!(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, ints, node};

    fn vectorizer(widths: &[i64]) -> NodeProto {
        node("ai.onnx.ml", "FeatureVectorizer", vec![ints("inputdimensions", widths)])
    }

    fn check(widths: &[i64], inputs: Vec<Tensor>, y: Tensor) {
        expect(vectorizer(widths), &inputs.into_iter().map(Some).collect::<Vec<_>>(), &[y]);
    }

    fn refuse(widths: &[i64], inputs: Vec<Tensor>, message: &str) {
        let inputs: Vec<_> = inputs.into_iter().map(Some).collect();
        let error = format!("{:#}", compute(vectorizer(widths), &inputs).unwrap_err());
        assert!(error.contains(message), "{error}");
    }

    fn two() -> Vec<Tensor> {
        vec![tensor2(&[[1f32, 2.0], [3.0, 4.0]]), tensor2(&[[5f32], [6.0]])]
    }

    #[test]
    fn columns_of_all_inputs_stand_beside_each_other() {
        check(&[2, 1], two(), tensor2(&[[1f32, 2.0, 5.0], [3.0, 4.0, 6.0]]));
        check(&[], two(), tensor2(&[[1f32, 2.0, 5.0], [3.0, 4.0, 6.0]]));
    }

    #[test]
    fn inputs_are_cut_and_filled_up_to_their_dimensions() {
        check(&[1, 3], two(), tensor2(&[[1f32, 5.0, 0.0, 0.0], [3.0, 6.0, 0.0, 0.0]]));
    }

    #[test]
    fn every_type_and_rank_becomes_float_columns() {
        check(&[2], vec![tensor1(&[1i64, 2])], tensor2(&[[1f32, 2.0]]));
        check(&[2], vec![tensor1(&[1f64, 2.0])], tensor2(&[[1f32, 2.0]]));
        check(&[4], vec![tensor3(&[[[1i32, 2], [3, 4]]])], tensor2(&[[1f32, 2.0, 3.0, 4.0]]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        refuse(&[2], two(), "got 1 for 2 inputs");
        refuse(&[2, 1], vec![tensor2(&[[1f32, 2.0]]), tensor2(&[[1f32], [2.0]])], "the same batch size");
        refuse(&[1], vec![tensor0(1f32)], "got a scalar");
        refuse(&[-1], vec![tensor1(&[1f32])], "from 0 to");
        refuse(&[i64::MAX], vec![tensor1(&[1f32])], "from 0 to");
    }
}
