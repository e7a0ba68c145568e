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
    quantize, widen,
};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{BYTES, FLOATS, bytes, constant, datum_type, filled, floats, range, sides};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

/// Weights of so many bytes may take twice the memory. A layer of a small net is mostly asked for one row.
const SMALL: usize = 1 << 15;

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
    let mut weights = Weights::new(elements::<i8>(&weights)?, &zeros, 1, depth);
    if rows * depth <= SMALL {
        weights = weights.widened();
    }
    kernel::wire(ctx, node, Product { weights, depth, scale: node.get_attr_opt("from")?, finish })
}

#[derive(Debug)]
struct Product {
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
    /// Calls `multiply` on what a tensor is a row of patches of.
    fn each_row(&self, x: &Tensor, side: Side, multiply: impl FnOnce(Patches)) -> TractResult<()> {
        let mut quantised = vec![];
        let x = match self.scale {
            None => bytes(x)?,
            Some(scale) => {
                quantised.resize(x.len(), 0);
                quantize(elements(&*x.cast_to::<f32>()?)?, scale, side, &mut quantised);
                &quantised
            }
        };
        let mut wide = vec![0; x.len() + self.weights.reach()];
        widen(x, side, &mut wide);
        let starts = (0..x.len() / self.depth.max(1)).map(|row| row * self.depth).collect::<Vec<_>>();
        multiply(Patches { image: &wide, runs: &[0], starts: &starts });
        Ok(())
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
        let mut shape: TVec<usize> = x.shape().into();
        let depth = shape.last_mut().context("expected a factor of rank 1 or more")?;
        ensure!(*depth == self.depth, "expected a factor of depth {}, got {depth}", self.depth);
        *depth = self.weights.rows();
        let y = match &self.finish {
            End::Bytes { finish, from, to, scale } => {
                let multiply = |y: &mut [u8]| {
                    self.each_row(x, *from, |rows| {
                        multiply_to_bytes(&self.weights, rows, finish, y, self.weights.rows());
                    })
                };
                match scale {
                    None => filled(datum_type(*to), &shape, multiply)?,
                    Some(scale) => {
                        let mut y = vec![0; shape.iter().product()];
                        multiply(&mut y)?;
                        kernel::tensor_of(&shape, floats(&y, *to, *scale).collect())?
                    }
                }
            }
            End::Floats { finish, from } => {
                let mut y = Tensor::zero::<f32>(&shape)?;
                let mut numbers = y.try_as_plain_ram_mut()?;
                let numbers = numbers.as_slice_mut()?;
                self.each_row(x, *from, |rows| multiply_to_floats(&self.weights, rows, finish, numbers))?;
                y
            }
            End::Sums => {
                let zero = kernel::optional(&inputs, 1).map(|zero| zero.cast_to::<i32>()).transpose()?;
                let zero = zero.as_ref().map(|zero| elements::<i32>(zero)).transpose()?;
                let zero = match zero {
                    None => 0,
                    Some(&[zero]) => zero,
                    Some(_) => bail!("expected one zero point of the first factor"),
                };
                let mut y = Tensor::zero::<i32>(&shape)?;
                let mut numbers = y.try_as_plain_ram_mut()?;
                let side = Side { zero, signed: x.datum_type() == DatumType::I8 };
                let numbers = numbers.as_slice_mut()?;
                self.each_row(x, side, |rows| multiply_to_sums(&self.weights, rows, numbers))?;
                y
            }
        };
        Ok(tvec!(y))
    }
}
