//! Names for the axes of the inputs that vary.

use edgewit_session::Axis;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::bail;

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
