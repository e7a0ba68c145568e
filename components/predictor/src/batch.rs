//! The axes of the inputs: which are fixed, which vary, and which vary together.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::bail;

/// One axis of an input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Axis {
    /// Always this long.
    Fixed(usize),
    /// As long as every other axis of this symbol.
    Symbol(Symbol),
    /// An expression of symbols; tract checks it when it runs.
    Expression,
}

impl Axis {
    /// Reads an axis of a typed model.
    pub(crate) fn of(dim: &TDim) -> Axis {
        match dim {
            TDim::Val(length) => Axis::Fixed(*length as usize),
            TDim::Sym(symbol) => Axis::Symbol(symbol.clone()),
            _ => Axis::Expression,
        }
    }
}

/// Gives every unnamed axis of the inputs a symbol, so that the model can be typed without
/// knowing sizes. With `shared`, the unnamed leading axes share one symbol: exporters leave the
/// batch unnamed on each input, and mean the same batch.
///
/// # Errors
/// The text names an input without a rank or datatype.
pub(crate) fn name_axes(model: &mut InferenceModel, shared: bool) -> TractResult<()> {
    let batch = model.symbols.new_with_prefix("batch");
    for ix in 0..model.inputs.len() {
        let name = model.node(model.inputs[ix].node).name.clone();
        let mut fact = model.input_fact(ix)?.clone();
        if fact.datum_type.concretize().is_none() {
            bail!("input `{name}` has no datatype");
        }
        if fact.shape.is_open() {
            bail!("input `{name}` has no rank; export the model with the shapes of its inputs");
        }
        let dims = fact.shape.dims().map(|dim| dim.concretize()).collect::<Vec<_>>();
        let dims = dims.into_iter().enumerate().map(|(axis, dim)| match dim {
            Some(dim) => dim,
            None if axis == 0 && shared => batch.clone().into(),
            None => model.symbols.new_with_prefix("axis").into(),
        });
        fact = fact.with_shape(dims.collect::<TVec<TDim>>());
        model.set_input_fact(ix, fact)?;
    }
    Ok(())
}

/// The symbol of the batch: the first leading axis that varies.
pub(crate) fn symbol<'a>(inputs: impl IntoIterator<Item = &'a [Axis]>) -> Option<Symbol> {
    inputs.into_iter().find_map(|axes| match axes.first() {
        Some(Axis::Symbol(symbol)) => Some(symbol.clone()),
        _ => None,
    })
}
