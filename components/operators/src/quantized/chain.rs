//! Products that follow each other, as the layers of a net do: in one step.
//!
//! Between them there are neither tensors nor turns of the plan, and no byte is narrowed to be widened again: of one row
//! that is as much work as the products.

use tract_onnx::tract_hir::internal::*;

use super::product::Product;
use crate::kernel::{self, Kernel, KernelOp, Lengths};

/// Puts one node in the place of products each of which reads the one before alone.
pub(crate) fn fuse(model: &mut TypedModel) -> TractResult<()> {
    // What another pass left behind has no outputs, hence no readers to ask for.
    let is_last = |id: usize| {
        let mut readers = model.outlet_successors(id.into()).iter();
        readers.all(|reader| before(model, reader.node) != Some(id))
    };
    let ids = model.nodes().iter().map(|node| node.id);
    let ends = ids.filter(|id| before(model, *id).is_some() && is_last(*id));
    for id in ends.collect::<Vec<_>>() {
        fused(model, id)?.apply(model)?;
    }
    Ok(())
}

fn product(model: &TypedModel, id: usize) -> Option<Arc<Product>> {
    model.node(id).op_as::<KernelOp>()?.kernel::<Product>()
}

/// The product that the one of node `id` may be one step with.
fn before(model: &TypedModel, id: usize) -> Option<usize> {
    let next = product(model, id)?;
    let outlet = *model.node(id).inputs.first()?;
    let alone = model.outlet_successors(outlet).len() == 1 && !model.outputs.contains(&outlet);
    product(model, outlet.node).filter(|product| alone && product.leads_to(&next))?;
    Some(outlet.node)
}

fn fused(model: &TypedModel, last: usize) -> TractResult<TypedModelPatch> {
    let mut ids = vec![last];
    while let Some(id) = before(model, ids[ids.len() - 1]) {
        ids.push(id);
    }
    let first = ids[ids.len() - 1];
    let products = ids.iter().rev().filter_map(|id| product(model, *id)).collect();
    let mut patch = TypedModelPatch::new("products in one step");
    let input = patch.tap_model(model, model.node(first).inputs[0])?;
    let op = KernelOp::new(Products(products), "Products", 1, model.symbols.clone());
    let output = patch.wire_node(&model.node(last).name, op, &[input])?[0];
    patch.shunt_outside(model, last.into(), output)?;
    Ok(patch)
}

/// Each leads to the next.
#[derive(Debug)]
struct Products(Vec<Arc<Product>>);

impl Kernel for Products {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let mut facts = tvec!(x.clone());
        for product in &self.0 {
            facts = product.facts(&[Some(&facts[0])], lengths)?;
        }
        Ok(facts)
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { bail!("expected products") };
        let mut shape = first.shape(x.shape())?;
        let count = shape.iter().rev().skip(1).product();
        let mut rows = first.rows_of(x, first.side(x, None)?)?;
        for [product, next] in self.0.array_windows() {
            rows = product.rows_for(next, &rows, count)?;
            shape = next.shape(&shape)?;
        }
        Ok(tvec!(last.output_of(&rows, &shape)?))
    }
}
