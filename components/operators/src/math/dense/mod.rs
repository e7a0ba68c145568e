//! `MatMul` and `Gemm` of floats by a matrix that is known before the run, by `edgewit_kernels::dense`.
//!
//! Inputs: `[.., K]` of two axes or more, of which only K needs to be known before the run; weights `[K, N]`, in a `Gemm`
//! also transposed, or `[K]`; a `Gemm`'s summand, known and the same for each row, without factors. Output: `[.., N]`,
//! or `[..]`. All else stays with [`super::matmul`].
//!
//! One plan serves every batch, and plans share the weights. A constant that is added and the limits of Relu and Clip
//! are taken in.

use edgewit_kernels::dense::{Finish, Weights, multiply};
use tract_onnx::tract_core::ops::math::Add;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::elements;
use crate::typed::{self, Limits, Own, Successor};

#[cfg(test)]
mod tests;

/// `usual`, or a dense layer where it is one. `transposed`: the second factor is.
pub(super) fn or_dense(usual: Box<dyn InferenceOp>, transposed: bool) -> Box<dyn InferenceOp> {
    typed::instead(usual, Factors { transposed })
}

#[derive(Clone, Debug)]
struct Factors {
    transposed: bool,
}

impl Own for Factors {
    fn typed(&self, _: &TypedNode, inputs: &[&TypedFact]) -> TractResult<Option<Box<dyn TypedOp>>> {
        let [x, matrix, summand @ ..] = inputs else { return Ok(None) };
        let is_float = |tensor: &Tensor| tensor.datum_type() == f32::datum_type() && tensor.is_plain();
        let Some(matrix) = matrix.konst.as_ref().filter(|matrix| is_float(matrix)) else { return Ok(None) };
        let (depth, outputs) = match *matrix.shape() {
            [rows, columns] if self.transposed => (columns, rows),
            [rows, columns] => (rows, columns),
            [depth] => (depth, 1),
            _ => return Ok(None),
        };
        let fits = x.datum_type == f32::datum_type()
            && x.rank() > 1
            && x.shape.last() == Some(&depth.to_dim())
            && matrix.len() > 0;
        if !fits {
            return Ok(None);
        }
        let bias = match summand {
            [] => vec![],
            [summand] => {
                let Some(summand) = &summand.konst else { return Ok(None) };
                let along = typed::along(summand, summand.rank().saturating_sub(1), outputs)?;
                let Some(bias) = along else { return Ok(None) };
                bias
            }
            _ => return Ok(None),
        };
        let weights = Weights::new(elements(matrix)?, depth, outputs, self.transposed);
        let vector = matrix.rank() == 1;
        Ok(Some(Box::new(Dense { weights: weights.into(), vector, bias: bias.into(), limits: Limits::NONE })))
    }
}

/// A product of rows with a matrix, and what follows it.
#[derive(Clone, Debug)]
struct Dense {
    weights: Arc<Weights>,
    /// The weights have no axis of outputs, and the output has none either.
    vector: bool,
    /// A value for each output, or none.
    bias: Arc<[f32]>,
    limits: Limits,
}

/// Only a clone is equal: comparing weights would cost more than merging two nodes could save.
impl PartialEq for Dense {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.weights, &other.weights)
            && self.vector == other.vector
            && Arc::ptr_eq(&self.bias, &other.bias)
            && self.limits == other.limits
    }
}

impl Eq for Dense {}

impl Op for Dense {
    fn name(&self) -> StaticName {
        "Dense".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Dense {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = &inputs[0];
        let mut shape: TVec<usize> = x.shape().into();
        shape.pop();
        if !self.vector {
            shape.push(self.weights.outputs());
        }
        // The kernel writes every element; clearing them first costs little beside that.
        let mut output = Tensor::zero::<f32>(&shape)?;
        let Limits { floor, ceiling } = self.limits;
        let finish = Finish { bias: &self.bias, floor, ceiling };
        let mut plain = output.try_as_plain_ram_mut()?;
        multiply(&self.weights, elements(x)?, &finish, plain.as_slice_mut::<f32>()?);
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for Dense {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let depth = self.weights.depth();
        let &[x] = inputs else { bail!("expected one input, got {}", inputs.len()) };
        ensure!(
            x.datum_type == f32::datum_type() && x.shape.last() == Some(&depth.to_dim()),
            "expected rows of {depth} floats, got {x:?}"
        );
        let mut shape: TVec<TDim> = x.shape.to_tvec();
        shape.pop();
        if !self.vector {
            shape.push(self.weights.outputs().to_dim());
        }
        Ok(tvec!(f32::fact(shape)))
    }

    fn declutter(&self, model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
        let Some(next) = Successor::of(model, node)? else { return Ok(None) };
        let Some(constant) = &next.other_fact.konst else { return Ok(None) };
        let outputs = self.weights.outputs();
        let axis = node.outputs[0].fact.rank() - 1;
        let Some(values) = typed::along(constant, axis, outputs)? else { return Ok(None) };
        let mut merged = self.clone();
        if next.operator.0.is::<Add>() && self.limits == Limits::NONE {
            let bias = |ix: usize| self.bias.get(ix).copied().unwrap_or(0.0);
            merged.bias = (0..).zip(&values).map(|(ix, value)| bias(ix) + value).collect();
        } else if let Some(limits) = self.limits.with(next.operator, &values) {
            merged.limits = limits;
        } else {
            return Ok(None);
        }
        next.merged(merged, &node.inputs)
    }

    as_op!();
}
