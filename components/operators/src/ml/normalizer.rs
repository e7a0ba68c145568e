//! `ai.onnx.ml.Normalizer`: each row divided by its norm.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_Normalizer.html>.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32; output float of the same shape. `MAX` divides by the greatest
//! value, not the greatest magnitude, so that a row of negative values turns positive; `L1` by the sum of magnitudes;
//! `L2` by the root of the sum of squares. A row whose norm is 0 stays. All as in onnxruntime, but in double precision,
//! so that squares do not overflow. Errors: another norm, another rank.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn normalizer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let norm = match node.get_attr_opt::<&str>("norm")?.unwrap_or("MAX") {
        "MAX" => Normalizer::Max,
        "L1" => Normalizer::L1,
        "L2" => Normalizer::L2,
        other => bail!("expected the norm MAX, L1 or L2, got {other:?}"),
    };
    kernel::wire(ctx, node, norm)
}

#[derive(Debug)]
enum Normalizer {
    Max,
    L1,
    L2,
}

impl Normalizer {
    fn norm(&self, row: &[f64]) -> f64 {
        let values = row.iter();
        match self {
            Self::Max => values.fold(f64::MIN, |max, v| max.max(*v)),
            Self::L1 => values.map(|v| v.abs()).sum(),
            Self::L2 => values.map(|v| v * v).sum::<f64>().sqrt(),
        }
    }
}

impl Kernel for Normalizer {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32])?;
        ensure!(matches!(x.rank(), 1 | 2), "expected an input [N, C] or [C], got shape {:?}", x.shape);
        Ok(tvec!(f32::fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let columns = x.shape().last().copied().unwrap_or_default();
        let wide = x.cast_to::<f64>()?;
        let mut output = Vec::with_capacity(x.len());
        for row in elements::<f64>(wide.as_ref())?.chunks(columns.max(1)) {
            let norm = self.norm(row);
            let divisor = if norm == 0.0 { 1.0 } else { norm };
            output.extend(row.iter().map(|v| (v / divisor) as f32));
        }
        Ok(tvec!(kernel::tensor_of(x.shape(), output)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, node, refuse, string};

    fn check(norm: &str, x: Tensor, y: Tensor) {
        expect(node("ai.onnx.ml", "Normalizer", vec![string("norm", norm)]), &[Some(x)], &[y]);
    }

    /// The numbers are onnxruntime's.
    #[test]
    fn each_row_is_divided_by_its_norm() {
        let x = || tensor2(&[[-4f32, -2.0], [0.0, 0.0], [1.0, 3.0]]);
        check("MAX", x(), tensor2(&[[2f32, 1.0], [0.0, 0.0], [1.0 / 3.0, 1.0]]));
        check("L1", x(), tensor2(&[[-2f32 / 3.0, -1.0 / 3.0], [0.0, 0.0], [0.25, 0.75]]));
        let l2 = tensor2(&[[-0.894_427_2f32, -0.447_213_6], [0.0, 0.0], [0.316_227_76, 0.948_683_3]]);
        check("L2", x(), l2);
    }

    #[test]
    fn every_type_gives_floats_and_the_norm_is_max_by_default() {
        check("L2", tensor2(&[[3i64, -4]]), tensor2(&[[0.6f32, -0.8]]));
        check("L2", tensor1(&[3i32, -4]), tensor1(&[0.6f32, -0.8]));
        check("L1", tensor1(&[3f64, -4.0]), tensor1(&[3f32 / 7.0, -4.0 / 7.0]));
        let x = tensor1(&[-4f32, 2.0]);
        expect(node("ai.onnx.ml", "Normalizer", vec![]), &[Some(x)], &[tensor1(&[-2f32, 1.0])]);
    }

    #[test]
    fn nan_is_no_maximum_and_an_empty_batch_stays_empty() {
        check("MAX", tensor1(&[-1f32, f32::NAN, 2.0]), tensor1(&[-0.5f32, f32::NAN, 1.0]));
        check("L2", Tensor::zero::<f32>(&[0, 2]).unwrap(), Tensor::zero::<f32>(&[0, 2]).unwrap());
        check("MAX", Tensor::zero::<f32>(&[2, 0]).unwrap(), Tensor::zero::<f32>(&[2, 0]).unwrap());
    }

    #[test]
    fn other_norms_and_ranks_are_refused() {
        let node = |norm| node("ai.onnx.ml", "Normalizer", vec![string("norm", norm)]);
        refuse(node("l2"), tensor1(&[1f32]), "got \"l2\"");
        refuse(node("L2"), tensor3(&[[[1f32]]]), "[N, C] or [C]");
    }
}
