//! Which plans a model gets for its batches, so that its weights are in memory once.
//!
//! Most requests are one row, and a plan for exactly that is faster: shapes are known, and matrix products with a
//! vector have kernels of their own. But each plan packs the weights for tract's kernels anew; for ours, of
//! convolutions and dense layers, plans share them. A model with few of tract's gets both plans. One with many keeps
//! one of them: the plan for any batch, although a product of a large matrix with one row then
//! takes up to twice the time; or, where convolutions need known shapes to be fast, the plan for one row, which then
//! takes the rows of a batch one after the other. That is faster than a batch whose length is open, too.

use edgewit_allocator as memory;
use edgewit_operators::Plan;
use edgewit_session::Engine;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_hir::internal::*;

/// What a plan for one row may take, in bytes, beside the plan for any batch.
const SMALL: usize = 1 << 20;

/// Plans `model`, which is typed and decluttered, for `batch`, the symbol of its batch axis.
pub(crate) fn plan(model: TypedModel, batch: Option<Symbol>) -> TractResult<Engine> {
    let Some(batch) = batch else {
        return Ok(Engine::Planned { batch: None, single: None, any: Plan::new(model)? });
    };
    let one = [(batch.clone(), 1.to_dim())].into_iter().collect();
    let before = memory::held();
    let single = Plan::new(model.set_symbols(&one)?)?;
    if memory::held().saturating_sub(before) > SMALL {
        let convolutions = model.nodes.iter().any(|node| node.op_is::<ops::cnn::Conv>());
        if !convolutions {
            drop(single);
            return Ok(Engine::Planned { batch: None, single: None, any: Plan::new(model)? });
        }
        if rows_are_independent(&model, &batch)? {
            let inputs = model.inputs.iter();
            let rows = inputs.map(|outlet| Ok(has_rows(model.outlet_fact(*outlet)?, &batch)));
            return Ok(Engine::RowByRow { rows: rows.collect::<TractResult<_>>()?, plan: single });
        }
    }
    Ok(Engine::Planned { batch: Some(batch), single: Some(single), any: Plan::new(model)? })
}

fn has_rows(fact: &TypedFact, batch: &Symbol) -> bool {
    fact.shape.first().is_some_and(|dim| *dim == batch.to_dim())
}

/// Whether each row of the outputs depends on the same row of the inputs alone. False also where that is not known.
fn rows_are_independent(model: &TypedModel, batch: &Symbol) -> TractResult<bool> {
    // The axis of each value along which its rows lie.
    let mut axes = HashMap::<OutletId, usize>::new();
    for id in model.eval_order()? {
        let node = model.node(id);
        let (inputs, outputs) = model.node_facts(id)?;
        if node.op_is::<ops::source::TypedSource>() && has_rows(outputs[0], batch) {
            axes.insert(id.into(), 0);
        } else if let Some((slot, axis)) =
            node.inputs.iter().enumerate().find_map(|(slot, input)| Some((slot, *axes.get(input)?)))
        {
            if !keeps_rows_apart(node, axis) {
                return Ok(false);
            }
            let mapping = axes_of(node, &inputs, &outputs)?;
            let lies = mapping.axis((InOut::In(slot), axis))?;
            for (slot, input) in node.inputs.iter().enumerate() {
                let fits = match (axes.get(input), &*lies.inputs[slot]) {
                    (Some(axis), [mapped]) => axis == mapped,
                    (Some(_), _) => false,
                    // The same for each row.
                    (None, mapped) => mapped.iter().all(|axis| inputs[slot].shape[*axis].is_one()),
                };
                if !fits {
                    return Ok(false);
                }
            }
            for slot in 0..outputs.len() {
                let [axis] = &*lies.outputs[slot] else { return Ok(false) };
                axes.insert(OutletId::new(id, slot), *axis);
            }
        }
        for (slot, fact) in outputs.iter().enumerate() {
            let axis = axes.get(&OutletId::new(id, slot));
            let fits = fact.shape.iter().enumerate().all(|(ix, dim)| {
                if Some(&ix) == axis { *dim == batch.to_dim() } else { !dim.symbols().contains(batch) }
            });
            // A length that is computed, not only had.
            let computes = fact.konst.as_ref().is_some_and(|value| value.datum_type().is_tdim());
            if !fits || computes {
                return Ok(false);
            }
        }
    }
    Ok(model.outputs.iter().all(|output| axes.get(output) == Some(&0)))
}

/// Which axes of the outputs are those of the inputs. tract does not say it of what changes only lengths.
fn axes_of(node: &TypedNode, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
    use ops::cnn::{MaxPool, SumPool};
    if node.op_is::<MaxPool>() || node.op_is::<SumPool>() || node.op_is::<ops::Downsample>() {
        return AxesMapping::natural(inputs, outputs);
    }
    node.op.axes_mapping(inputs, outputs)
}

/// Whether `node` computes nothing across `axis` of its inputs. What it computes along the others is its own affair.
fn keeps_rows_apart(node: &TypedNode, axis: usize) -> bool {
    use ops::array::{Pad, Slice, TypedConcat};
    use ops::cnn::{Conv, MaxPool, SumPool};
    use ops::nn::{Reduce, Softmax};
    if let Some(op) = node.op_as::<Reduce>() {
        !op.axes.contains(&axis)
    } else if let Some(op) = node.op_as::<Softmax>() {
        !op.axes.contains(&axis)
    } else if let Some(op) = node.op_as::<Pad>() {
        op.pads[axis] == (0, 0)
    } else if let Some(op) = node.op_as::<ops::Downsample>() {
        op.axis != axis
    } else if let Some(op) = node.op_as::<Slice>() {
        op.axis != axis
    } else if let Some(op) = node.op_as::<TypedConcat>() {
        op.axis != axis
    } else if let Some(op) = node.op_as::<MaxPool>() {
        // An index counts from the start of the batch.
        op.with_index_outputs.is_none() && op.pool_spec.data_format.has_n() && axis == 0
    } else if let Some(op) = node.op_as::<SumPool>() {
        op.pool_spec.data_format.has_n() && axis == 0
    } else {
        node.op_is::<ops::element_wise::ElementWiseOp>()
            || node.op_is::<ops::binary::TypedBinOp>()
            || node.op_is::<ops::cast::Cast>()
            || node.op_is::<ops::change_axes::AxisOp>()
            || node.op_is::<ops::einsum::EinSum>()
            || node.op_is::<Conv>()
    }
}
