//! `ai.onnx.MatMul`, `QLinearMatMul` and `Gemm`: products of matrices, of types and ranks that tract refuses.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__MatMul.html>, the page `QLinearMatMul`, and
//! <https://onnx.ai/onnx/operators/onnx__Gemm.html>.
//! `MatMul` multiplies `[.., M, K]` and `[.., K, N]`, whose first axes broadcast; a vector counts as a matrix
//! of one row before the product, of one column after it. `Gemm` computes `alpha * a * b + beta * c` of
//! matrices, one or both transposed, where c is optional and broadcasts to `[M, N]`. f16, float, double,
//! int32, int64, uint32 and uint64; half precision is computed as float, integers wrap.
//! tract multiplies no integers but int32, no vector with a vector, and adds in a `Gemm` only float; it is
//! used for the rest, but for [`dense`] layers.
//! Errors: shapes that do not fit each other.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use super::dense;
use super::number::{Number, with_number};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(super) fn mat_mul(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let suits = |inputs: &[TypedFact]| {
        let known = |fact: &TypedFact| {
            fact.datum_type.is_float() || [DatumType::I32, DatumType::TDim].contains(&fact.datum_type)
        };
        inputs.iter().all(known) && inputs.iter().any(|fact| fact.rank() > 1)
    };
    let (usual, outer) = upstream::build_if(ctx, node, suits, MatMul)?;
    Ok((dense::or_dense(usual, false), outer))
}

pub(super) fn gemm(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let flag = |name: &str| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
    let gemm = Gemm {
        alpha: node.get_attr_opt("alpha")?.unwrap_or(1.0),
        beta: node.get_attr_opt("beta")?.unwrap_or(1.0),
        transposed: [flag("transA")?, flag("transB")?],
    };
    let single = |inputs: &[TypedFact]| inputs.iter().all(|fact| fact.datum_type == f32::datum_type());
    let transposed = gemm.transposed;
    // A factor would be taken into the weights, and rounded there.
    let is_plain = !transposed[0] && gemm.alpha == 1.0 && gemm.beta == 1.0;
    let (usual, outer) = upstream::build_if(ctx, node, single, gemm)?;
    Ok((if is_plain { dense::or_dense(usual, transposed[1]) } else { usual }, outer))
}

fn accept(a: &TypedFact, b: &TypedFact) -> TractResult<()> {
    use DatumType::{F16, F32, F64, I32, I64, U32, U64};
    kernel::accept("a factor", a, &[F16, F32, F64, I32, I64, U32, U64])?;
    kernel::accept("the second factor", b, &[a.datum_type])
}

/// Half precision as float.
fn computed(dt: DatumType) -> DatumType {
    if dt == f16::datum_type() { DatumType::F32 } else { dt }
}

#[derive(Debug)]
struct MatMul;

/// The shapes of two factors as matrices, and of the product.
struct Shapes<D> {
    a: TVec<D>,
    b: TVec<D>,
    /// The axes before the last two.
    batch: TVec<D>,
    product: TVec<D>,
}

impl<D: DimLike> Shapes<D> {
    fn of(a: &[D], b: &[D]) -> TractResult<Self> {
        let [mut left, mut right]: [TVec<D>; 2] = [a.into(), b.into()];
        ensure!(!left.is_empty() && !right.is_empty(), "expected vectors or matrices, got {a:?} and {b:?}");
        if a.len() == 1 {
            left.insert(0, 1.into());
        }
        if b.len() == 1 {
            right.push(1.into());
        }
        let [m, n] = [left.len() - 2, right.len() - 2];
        let inner = (&left[m + 1], &right[n]);
        let differ = matches!((inner.0.as_usize(), inner.1.as_usize()), (Some(a), Some(b)) if a != b);
        ensure!(!differ, "expected factors that fit each other, got {a:?} and {b:?}");
        let batch: TVec<D> = multi_broadcast(&[&left[..m], &right[..n]])?;
        let mut product = batch.clone();
        if a.len() > 1 {
            product.push(left[m].clone());
        }
        if b.len() > 1 {
            product.push(right[n + 1].clone());
        }
        Ok(Self { a: left, b: right, batch, product })
    }
}

impl Kernel for MatMul {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        accept(a, b)?;
        Ok(tvec!(a.datum_type.fact(Shapes::of(a.shape.dims(), b.shape.dims())?.product)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        let shapes = Shapes::of(a.shape(), b.shape())?;
        let whole = |tensor: &Tensor, shape: &[usize]| -> TractResult<Tensor> {
            let matrices =
                tensor.cast_to_dt(computed(tensor.datum_type()))?.into_owned().into_shape(shape)?;
            matrices.broadcast_to_shape(&[&shapes.batch, &shape[shape.len() - 2..]].concat())
        };
        let (left, right) = (whole(a, &shapes.a)?, whole(b, &shapes.b)?);
        let product = with_number!(left.datum_type(), products(&left, &right))?;
        let product = product.cast_to_dt(a.datum_type())?.into_owned();
        Ok(tvec!(product.into_shape(&shapes.product)?))
    }
}

/// The products of matrices that are behind each other in two tensors of the same first axes.
fn products<T: Number>(left: &Tensor, right: &Tensor) -> TractResult<Tensor> {
    let (&[.., m, k], &[.., n]) = (left.shape(), right.shape()) else {
        bail!("expected matrices, got {:?} and {:?}", left.shape(), right.shape())
    };
    let batch = left.shape()[..left.rank() - 2].iter().product::<usize>();
    let (left, right) = (elements::<T>(left)?, elements::<T>(right)?);
    let mut product = vec![T::zero(); batch * m * n];
    if n > 0 {
        for (ix, row) in product.chunks_exact_mut(n).enumerate() {
            let right = &right[ix / m * k * n..][..k * n];
            for (factor, other) in left[ix * k..][..k].iter().zip(right.chunks_exact(n)) {
                row.iter_mut().zip(other).for_each(|(sum, x)| *sum = sum.plus(factor.times(*x)));
            }
        }
    }
    Ok(tensor1(&product))
}

/// `QLinearMatMul` with scales of half precision, which tract takes once they are float.
pub(super) fn q_linear_mat_mul(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let (upstream, _) = upstream::build(ctx, node)?;
    let no_half = |inputs: &[TypedFact]| inputs.iter().all(|fact| fact.datum_type != f16::datum_type());
    upstream::build_if(ctx, node, no_half, QLinearMatMul { upstream })
}

#[derive(Debug)]
struct QLinearMatMul {
    upstream: Box<dyn InferenceOp>,
}

impl Kernel for QLinearMatMul {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, _, _, b, _, _, _, zero] = kernel::required(inputs)?;
        Ok(tvec!(zero.datum_type.fact(Shapes::of(a.shape.dims(), b.shape.dims())?.product)))
    }

    fn plans_when_run(&self) -> bool {
        true
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let float = |input: TValue| {
            input.cast_to_dt(computed(input.datum_type())).map(|x| x.into_owned().into_tvalue())
        };
        let inputs = inputs.into_iter().flatten().map(float).collect::<TractResult<_>>()?;
        let outputs =
            self.upstream.eval_out_of_plan(inputs)?.context("expected an operator without a state")?;
        Ok(outputs.into_iter().map(TValue::into_tensor).collect())
    }
}

#[derive(Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transposed: [bool; 2],
}

impl Gemm {
    fn shape<D: DimLike>(&self, a: &[D], b: &[D]) -> TractResult<[D; 2]> {
        let ([a0, a1], [b0, b1]) = (a, b) else { bail!("expected matrices, got {a:?} and {b:?}") };
        let (m, k) = if self.transposed[0] { (a1, a0) } else { (a0, a1) };
        let (l, n) = if self.transposed[1] { (b1, b0) } else { (b0, b1) };
        let differ = matches!((k.as_usize(), l.as_usize()), (Some(k), Some(l)) if k != l);
        ensure!(!differ, "expected factors that fit each other, got {a:?} and {b:?}");
        Ok([m.clone(), n.clone()])
    }
}

impl Kernel for Gemm {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        accept(a, b)?;
        if let Some(c) = kernel::optional(inputs, 2) {
            kernel::accept("a summand", c, &[a.datum_type])?;
        }
        Ok(tvec!(a.datum_type.fact(self.shape(a.shape.dims(), b.shape.dims())?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        let shape = self.shape(a.shape(), b.shape())?;
        let dt = computed(a.datum_type());
        let factor = |tensor: &Tensor, transposed: bool| -> TractResult<Tensor> {
            let tensor = tensor.cast_to_dt(dt)?.into_owned();
            if transposed { tensor.permute_axes(&[1, 0]) } else { Ok(tensor) }
        };
        let (left, right) = (factor(a, self.transposed[0])?, factor(b, self.transposed[1])?);
        let c =
            kernel::optional(&inputs, 2).map(|c| c.cast_to_dt(dt)?.broadcast_to_shape(&shape)).transpose()?;
        let product = with_number!(dt, products(&left, &right))?;
        let sum = with_number!(dt, weighted(product, self.alpha, c.as_ref(), self.beta))?;
        Ok(tvec!(sum.cast_to_dt(a.datum_type())?.into_owned().into_shape(&shape)?))
    }
}

fn weighted<T: Number>(mut x: Tensor, alpha: f32, c: Option<&Tensor>, beta: f32) -> TractResult<Tensor> {
    // Integers may be too large for a double, and are rarely weighted.
    let times = |x: T, weight: f32| if weight == 1.0 { x } else { T::of(x.as_() * f64::from(weight)) };
    let mut view = x.try_as_plain_ram_mut()?;
    let sums = view.as_slice_mut::<T>()?;
    sums.iter_mut().for_each(|x| *x = times(*x, alpha));
    if let Some(c) = c {
        sums.iter_mut().zip(elements::<T>(c)?).for_each(|(x, c)| *x = x.plus(times(*c, beta)));
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, float, int, node};

    #[test]
    fn integers_are_multiplied() {
        let inputs = [Some(tensor2(&[[1i64, 2], [3, -4]])), Some(tensor2(&[[5i64], [6]]))];
        expect(node("", "MatMul", vec![]), &inputs, &[tensor2(&[[17i64], [-9]])]);
        let batches = [Some(tensor3(&[[[1u64, 2]], [[3, 4]]])), Some(tensor2(&[[5u64, 1], [6, 1]]))];
        expect(node("", "MatMul", vec![]), &batches, &[tensor3(&[[[17u64, 3]], [[39, 7]]])]);
    }

    #[test]
    fn a_vector_is_a_row_or_a_column() {
        let v = || Some(tensor1(&[1f32, 2.0]));
        expect(node("", "MatMul", vec![]), &[v(), v()], &[tensor0(5f32)]);
        let m = || Some(tensor2(&[[1u32, 2], [3, 4]]));
        let v = || Some(tensor1(&[1u32, 10]));
        expect(node("", "MatMul", vec![]), &[m(), v()], &[tensor1(&[21u32, 43])]);
        expect(node("", "MatMul", vec![]), &[v(), m()], &[tensor1(&[31u32, 42])]);
    }

    #[test]
    fn gemm_weighs_and_adds() {
        let attributes = || vec![float("alpha", 2.0), float("beta", 0.5), int("transA", 1), int("transB", 1)];
        for dt in [DatumType::F16, DatumType::F32, DatumType::F64, DatumType::I64] {
            let typed = |x: Tensor| x.cast_to_dt(dt).unwrap().into_owned();
            let inputs = [
                Some(typed(tensor2(&[[1f32], [2.0]]))),
                Some(typed(tensor2(&[[3f32, 4.0], [5.0, 6.0]]))),
                Some(typed(tensor1(&[10f32, 20.0]))),
            ];
            let output = typed(tensor2(&[[27f32, 44.0]]));
            expect(node("", "Gemm", attributes()), &inputs, &[output]);
        }
    }

    #[test]
    fn scales_of_half_precision_quantize() {
        let half = |x: f32| Some(tensor0(f16::from_f32(x)));
        let (a, b) = (Some(tensor2(&[[3u8, 5]])), Some(tensor2(&[[10u8], [20]])));
        let zero = || Some(tensor0(0u8));
        let inputs = [a, half(0.5), Some(tensor0(1u8)), b, half(0.5), zero(), half(1.0), zero()];
        // (1 * 5 + 2 * 10) / 1
        expect(node("", "QLinearMatMul", vec![]), &inputs, &[tensor2(&[[25u8]])]);
    }

    #[test]
    fn factors_that_do_not_fit_are_refused() {
        let refused = |op: &str, a, b, expected: &str| {
            let error = format!("{:#}", compute(node("", op, vec![]), &[Some(a), Some(b)]).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        refused("MatMul", tensor1(&[1i64]), tensor1(&[1i64, 2]), "factors that fit each other");
        refused("MatMul", tensor0(1i64), tensor1(&[1i64]), "expected vectors or matrices");
        refused("Gemm", tensor1(&[1i64]), tensor1(&[1i64]), "expected matrices");
    }
}
