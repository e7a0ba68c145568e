//! Products of bytes with a constant matrix: `[.., K]` to `[.., M]`.
//!
//! As `ai.onnx.QLinearMatMul` and `com.microsoft.QGemm` where the output is bytes, `com.microsoft.QGemm` without an output
//! scale where it is floats, and `ai.onnx.MatMulInteger` where it is int32.
//! Attributes: `weights` int8 `[M, K]`, `zeros` of each of M. Bytes: `bias` int32 `[M]`, `scales` of each of M, `sides`,
//! `range`. Floats: `offsets` and `scales` of each of M, `sides` of the input alone. int32: none; the optional second input
//! is the zero point of the first. With `from` the input is floats, which are quantised by that scale; with `to` the output
//! is the floats that its bytes stand for. Errors: an input of another depth.

use edgewit_kernels::int8::{
    Dequantize, Patches, Requantize, Side, Weights, multiply_to_bytes, multiply_to_floats, multiply_to_sums,
    multiply_to_wide, quantize, widen,
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
    let weights = Weights::new(elements::<i8>(&weights)?, &zeros, 1, depth);
    kernel::wire(ctx, node, Product { weights, depth, scale: node.get_attr_opt("from")?, finish })
}

#[derive(Debug)]
pub(super) struct Product {
    weights: Weights,
    depth: usize,
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

    /// What the rows of `x` stand for without the zero point, and behind them as much as a product may read.
    pub(super) fn widened(&self, x: &Tensor, side: Side) -> TractResult<Vec<i16>> {
        let mut wide = vec![0; x.len() + self.weights.reach()];
        match self.scale {
            None => widen(bytes(x)?, side, &mut wide),
            Some(scale) => {
                let mut quantised = vec![0; x.len()];
                quantize(elements(&*x.cast_to::<f32>()?)?, scale, side, &mut quantised);
                widen(&quantised, side, &mut wide);
            }
        }
        Ok(wide)
    }

    /// Calls `multiply` with the rows of such numbers.
    fn by_rows<T>(&self, wide: &[i16], multiply: impl FnOnce(Patches) -> T) -> T {
        let count = (wide.len() - self.weights.reach()) / self.depth.max(1);
        let starts = (0..count).map(|row| row * self.depth).collect::<TVec<_>>();
        multiply(Patches { image: wide, runs: &[0], starts: &starts })
    }

    /// As the rows of `next`, which this product [`leads_to`](Self::leads_to).
    pub(super) fn rows_of(&self, next: &Product, wide: &[i16]) -> TractResult<Vec<i16>> {
        let End::Bytes { finish, .. } = &self.finish else { bail!("expected a product of bytes") };
        let width = self.weights.rows();
        Ok(self.by_rows(wide, |rows| {
            let mut wide = vec![0; rows.starts.len() * width + next.weights.reach()];
            multiply_to_wide(&self.weights, rows, finish, &mut wide, width);
            wide
        }))
    }

    /// As the output, of `shape`.
    pub(super) fn output_of(&self, wide: &[i16], shape: &[usize]) -> TractResult<Tensor> {
        let width = self.weights.rows();
        match &self.finish {
            End::Bytes { finish, to, scale, .. } => {
                let multiply = |y: &mut [u8]| {
                    self.by_rows(wide, |rows| multiply_to_bytes(&self.weights, rows, finish, y, width))
                };
                match scale {
                    None => filled(datum_type(*to), shape, |y| {
                        multiply(y);
                        Ok(())
                    }),
                    Some(scale) => {
                        let mut y = vec![0; shape.iter().product()];
                        multiply(&mut y);
                        kernel::tensor_of(shape, floats(&y, *to, *scale).collect())
                    }
                }
            }
            End::Floats { finish, .. } => {
                let mut y = Tensor::zero::<f32>(shape)?;
                let mut numbers = y.try_as_plain_ram_mut()?;
                let numbers = numbers.as_slice_mut()?;
                self.by_rows(wide, |rows| multiply_to_floats(&self.weights, rows, finish, numbers));
                Ok(y)
            }
            End::Sums => {
                let mut y = Tensor::zero::<i32>(shape)?;
                let mut numbers = y.try_as_plain_ram_mut()?;
                let numbers = numbers.as_slice_mut()?;
                self.by_rows(wide, |rows| multiply_to_sums(&self.weights, rows, numbers));
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
        ensure!(*depth == self.depth, "expected a factor of depth {}, got {depth}", self.depth);
        *depth = self.weights.rows();
        Ok(shape)
    }
}

impl Kernel for Product {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("a factor", x, if self.scale.is_some() { &FLOATS } else { &BYTES })?;
        let mut shape: TVec<TDim> = x.shape.dims().into();
        let depth = shape.last_mut().context("expected a factor of rank 1 or more")?;
        let differ = depth.to_usize().is_ok_and(|depth| depth != self.depth);
        ensure!(!differ, "expected a factor of depth {}, got {depth}", self.depth);
        *depth = self.weights.rows().to_dim();
        Ok(tvec!(self.finish.datum_type().fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let shape = self.shape(x.shape())?;
        let wide = self.widened(x, self.side(x, kernel::optional(&inputs, 1))?)?;
        Ok(tvec!(self.output_of(&wide, &shape)?))
    }
}
