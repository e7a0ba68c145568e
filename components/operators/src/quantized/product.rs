//! Products of bytes with a constant matrix: `[.., K]` to `[.., M]`.
//!
//! As `ai.onnx.QLinearMatMul` and `com.microsoft.QGemm` where the output is bytes, `com.microsoft.QGemm` without an output
//! scale where it is floats, and `ai.onnx.MatMulInteger` where it is int32.
//! Attributes: `weights` int8 `[M, K]`, `zeros` of each of M. Bytes: `bias` int32 `[M]`, `scales` of each of M, `sides`,
//! `range`. Floats: `offsets` and `scales` of each of M, `sides` of the input alone. int32: none; the optional second input
//! is the zero point of the first. With `from` the input is floats, which are quantised by that scale; with `to` the output
//! is the floats that its bytes stand for. Errors: an input of another depth.

use edgewit_kernels::int8::{
    Dequantize, Matrix, Requantize, Side, dense_to_bytes, dense_to_floats, dense_to_rows, dense_to_sums,
    quantize, widen,
};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{BYTES, FLOATS, bytes, constant, datum_type, filled, floats, range, sides};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(super) fn product(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let weights = constant(ctx, node, "weights")?;
    let &[rows, depth] = weights.shape() else { bail!("expected weights of rank 2") };
    let zeros = node.get_attr_tvec::<i64>("zeros")?.iter().map(|zero| *zero as i8).collect::<Vec<_>>();
    let scales = node.get_attr_opt_tvec::<f32>("scales")?.unwrap_or_default();
    let offsets = node.get_attr_opt_tvec::<f32>("offsets")?;
    let finish = match offsets {
        _ if scales.is_empty() => End::Sums,
        Some(offsets) => {
            let [side] = sides(node)?;
            ensure!(scales.len() == rows && offsets.len() == rows, "expected scales of {rows} rows");
            End::Floats { finish: Dequantize::new(&scales, &offsets), from: side }
        }
        None => {
            let [from, to] = sides(node)?;
            let [low, high] = range(node)?;
            let bias = constant(ctx, node, "bias")?;
            let bias = elements::<i32>(&bias)?;
            ensure!(scales.len() == rows && bias.len() == rows, "expected scales of {rows} rows");
            let finish = Requantize::new(bias, &scales, to.zero, low, high);
            End::Bytes { finish, from, to, scale: node.get_attr_opt("to")? }
        }
    };
    ensure!(zeros.len() == rows, "expected zeros of {rows} rows");
    let matrix = Matrix::new(elements::<i8>(&weights)?, &zeros, depth, false);
    kernel::wire(ctx, node, Product { matrix, scale: node.get_attr_opt("from")?, finish })
}

#[derive(Debug)]
pub(super) struct Product {
    matrix: Matrix,
    /// What floats are quantised by.
    scale: Option<f32>,
    finish: End,
}

/// What the sums become, and the sides of the input and of the output.
#[derive(Debug)]
enum End {
    /// With a scale the floats that the bytes stand for.
    Bytes {
        finish: Requantize,
        from: Side,
        to: Side,
        scale: Option<f32>,
    },
    Floats {
        finish: Dequantize,
        from: Side,
    },
    Sums,
}

impl End {
    fn datum_type(&self) -> DatumType {
        match self {
            End::Bytes { to, scale: None, .. } => datum_type(*to),
            End::Bytes { .. } | End::Floats { .. } => DatumType::F32,
            End::Sums => DatumType::I32,
        }
    }
}

impl Product {
    /// Whether `next` may read, in place of this product's bytes, what they stand for.
    pub(super) fn leads_to(&self, next: &Product) -> bool {
        let End::Bytes { to, scale: None, .. } = &self.finish else { return false };
        let from = match &next.finish {
            End::Bytes { from, .. } | End::Floats { from, .. } => from,
            End::Sums => return false,
        };
        next.scale.is_none() && from == to
    }

    /// What the rows of `x` stand for without the zero point, as the matrix reads them.
    pub(super) fn rows_of(&self, x: &Tensor, side: Side) -> TractResult<Vec<i16>> {
        let mut quantised = vec![];
        let x = match self.scale {
            None => bytes(x)?,
            Some(scale) => {
                quantised.resize(x.len(), 0);
                quantize(elements(&*x.cast_to::<f32>()?)?, scale, side, &mut quantised);
                &quantised
            }
        };
        let (depth, step) = (self.matrix.depth().max(1), self.matrix.step().max(1));
        let mut rows = vec![0; self.matrix.numbers(x.len() / depth)];
        x.chunks_exact(depth).zip(rows.chunks_mut(step)).for_each(|(x, row)| widen(x, side, row));
        Ok(rows)
    }

    /// The products of `count` rows, as the rows of `next`, which this product [`leads_to`](Self::leads_to).
    pub(super) fn rows_for(&self, next: &Product, rows: &[i16], count: usize) -> TractResult<Vec<i16>> {
        let End::Bytes { finish, .. } = &self.finish else { bail!("expected a product of bytes") };
        let mut wide = vec![0; next.matrix.numbers(count)];
        let step = next.matrix.step();
        dense_to_rows(&self.matrix, rows, finish, &mut wide[..count * step], step);
        Ok(wide)
    }

    /// The products as the output, of `shape`.
    pub(super) fn output_of(&self, rows: &[i16], shape: &[usize]) -> TractResult<Tensor> {
        match &self.finish {
            End::Bytes { finish, to, scale: None, .. } => filled(datum_type(*to), shape, |y| {
                dense_to_bytes(&self.matrix, rows, finish, y);
                Ok(())
            }),
            End::Bytes { finish, to, scale: Some(scale), .. } => {
                let mut y = vec![0; shape.iter().product()];
                dense_to_bytes(&self.matrix, rows, finish, &mut y);
                kernel::tensor_of(shape, floats(&y, *to, *scale).collect())
            }
            End::Floats { finish, .. } => {
                let mut y = Tensor::zero::<f32>(shape)?;
                dense_to_floats(&self.matrix, rows, finish, y.try_as_plain_ram_mut()?.as_slice_mut()?);
                Ok(y)
            }
            End::Sums => {
                let mut y = Tensor::zero::<i32>(shape)?;
                dense_to_sums(&self.matrix, rows, y.try_as_plain_ram_mut()?.as_slice_mut()?);
                Ok(y)
            }
        }
    }

    /// The side of the input: known, or of sums that of the values.
    pub(super) fn side(&self, x: &Tensor, zero: Option<&Tensor>) -> TractResult<Side> {
        Ok(match &self.finish {
            End::Bytes { from, .. } | End::Floats { from, .. } => *from,
            End::Sums => {
                let zero = zero.map(|zero| zero.cast_to::<i32>()).transpose()?;
                let zero = match zero.as_ref().map(|zero| elements::<i32>(zero)).transpose()? {
                    None => 0,
                    Some(&[zero]) => zero,
                    Some(_) => bail!("expected one zero point of the first factor"),
                };
                Side { zero, signed: x.datum_type() == DatumType::I8 }
            }
        })
    }

    /// The shape of the output.
    pub(super) fn shape(&self, x: &[usize]) -> TractResult<TVec<usize>> {
        let mut shape: TVec<usize> = x.into();
        let depth = shape.last_mut().context("expected a factor of rank 1 or more")?;
        ensure!(
            *depth == self.matrix.depth(),
            "expected a factor of depth {}, got {depth}",
            self.matrix.depth()
        );
        *depth = self.matrix.outputs();
        Ok(shape)
    }
}

impl Kernel for Product {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("a factor", x, if self.scale.is_some() { &FLOATS } else { &BYTES })?;
        let mut shape: TVec<TDim> = x.shape.dims().into();
        let depth = shape.last_mut().context("expected a factor of rank 1 or more")?;
        let differ = depth.to_usize().is_ok_and(|depth| depth != self.matrix.depth());
        ensure!(!differ, "expected a factor of depth {}, got {depth}", self.matrix.depth());
        *depth = self.matrix.outputs().to_dim();
        Ok(tvec!(self.finish.datum_type().fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let shape = self.shape(x.shape())?;
        let rows = self.rows_of(x, self.side(x, kernel::optional(&inputs, 1))?)?;
        Ok(tvec!(self.output_of(&rows, &shape)?))
    }
}
