//! `com.microsoft.CDist`: the distance of every row of A to every row of B.
//!
//! Source: ONNX Runtime's ContribOperators.md, which follows scipy's `cdist`.
//! Inputs A `[M, K]` and B `[N, K]` of float or double; output `[M, N]` of the same type. The attribute `metric` is
//! `euclidean` or `sqeuclidean`, the default. Differences are squared and summed in double: nearest neighbours are chosen
//! by these numbers, and what scikit-learn finds equally far must not differ by a rounding.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_num_traits::Float;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn c_dist(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let root = match node.get_attr_opt::<&str>("metric")?.unwrap_or("sqeuclidean") {
        "euclidean" => true,
        "sqeuclidean" => false,
        other => bail!("expected the metric euclidean or sqeuclidean, got {other:?}"),
    };
    kernel::wire(ctx, node, CDist { root })
}

#[derive(Debug)]
struct CDist {
    root: bool,
}

impl Kernel for CDist {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        kernel::accept("A", a, &[DatumType::F32, DatumType::F64])?;
        kernel::accept("B", b, &[a.datum_type])?;
        ensure!(
            a.rank() == 2 && b.rank() == 2,
            "expected A [M, K] and B [N, K], got {:?} and {:?}",
            a.shape,
            b.shape
        );
        Ok(tvec!(a.datum_type.fact([a.shape[0].clone(), b.shape[0].clone()])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        match a.datum_type() {
            DatumType::F32 => self.distances::<f32>(a, b),
            _ => self.distances::<f64>(a, b),
        }
    }
}

impl CDist {
    fn distances<T: Datum + Float>(&self, a: &Tensor, b: &Tensor) -> TractResult<TVec<Tensor>> {
        let (&[m, k], &[n, width]) = (a.shape(), b.shape()) else {
            bail!("expected A [M, K] and B [N, K], got {:?} and {:?}", a.shape(), b.shape())
        };
        ensure!(k == width, "expected rows of one length, got {k} in A and {width} in B");
        let (a, b) = (elements::<T>(a)?, elements::<T>(b)?);
        let mut distances = Vec::with_capacity(kernel::checked_len(&[m, n])?);
        for i in 0..m {
            let from = &a[i * k..(i + 1) * k];
            for j in 0..n {
                let to = &b[j * k..(j + 1) * k];
                let wide = |value: &T| value.to_f64().unwrap_or(f64::NAN);
                let square = from.iter().zip(to).map(|(x, y)| (wide(x) - wide(y)).powi(2)).sum::<f64>();
                let distance = if self.root { square.sqrt() } else { square };
                distances.push(T::from(distance).unwrap_or_else(T::nan));
            }
        }
        Ok(tvec!(kernel::tensor_of(&[m, n], distances)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn c_dist(metric: &str) -> NodeProto {
        node("com.microsoft", "CDist", vec![string("metric", metric)])
    }

    #[test]
    fn every_row_is_measured_against_every_row() {
        let a = || Some(tensor2(&[[0f32, 0.], [3., 4.]]));
        let b = || Some(tensor2(&[[0f32, 0.], [3., 4.], [0., 1.]]));
        expect(c_dist("euclidean"), &[a(), b()], &[tensor2(&[[0f32, 5., 1.], [5., 0., 18f32.sqrt()]])]);
        expect(c_dist("sqeuclidean"), &[a(), b()], &[tensor2(&[[0f32, 25., 1.], [25., 0., 18.]])]);
    }

    #[test]
    fn rows_of_two_lengths_and_other_metrics_are_refused() {
        let error = compute(c_dist("euclidean"), &[Some(tensor2(&[[0f64]])), Some(tensor2(&[[0f64, 1.]]))]);
        assert!(format!("{:#}", error.unwrap_err()).contains("got 1 in A and 2 in B"));
        let error = compute(c_dist("cosine"), &[Some(tensor2(&[[0f64]])), Some(tensor2(&[[0f64]]))]);
        assert!(format!("{:#}", error.unwrap_err()).contains("got \"cosine\""));
    }
}
