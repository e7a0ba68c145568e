//! `ai.onnx.ml.TreeEnsembleClassifier`: a label and a score per class, from a sum over decision trees.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html>; where the page is silent,
//! onnxruntime's kernel.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32. Outputs: labels `[N]` (int64 or string) and scores
//! `[N, K]` (float), K being the number of labels. Doubles, and trees given by the `*_as_tensor` attributes in double,
//! are evaluated in double; everything else in float, with the sums in the order of the trees.
//!
//! Steps: `parse` reads and checks the attributes, `forest` lays the trees out and walks them, `scores` turns a row's
//! sums into scores and a label. This file is the operator around them.

mod forest;
mod parse;
mod scores;
#[cfg(test)]
mod tests;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use self::forest::{Forest, Number};
use self::scores::Scoring;
use crate::attributes::{self, IntsOrStrings};

/// Rows summed at a time: enough to keep a tree in cache over many rows, few enough to keep the rows there, too.
const BLOCK: usize = 64;

pub(crate) fn tree_ensemble_classifier(
    ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let parsed = parse::parse(ctx, node)?;
    // tract counts only the outputs that have a name.
    let named = (0..2).filter(|slot| node.output.get(*slot).is_some_and(|name| !name.is_empty())).collect();
    Ok((
        expand(TreeEnsembleClassifier {
            forest: Arc::new(parsed.forest),
            double: parsed.double,
            classes: Arc::new(Classes { labels: parsed.labels, scoring: parsed.scoring }),
            named,
        }),
        vec![],
    ))
}

#[derive(Debug)]
struct Classes {
    labels: IntsOrStrings,
    scoring: Scoring,
}

/// The operator before its input's type is known. It holds the trees in double, which every attribute fits.
#[derive(Clone, Debug)]
struct TreeEnsembleClassifier {
    forest: Arc<Forest<f64>>,
    double: bool,
    classes: Arc<Classes>,
    named: Vec<usize>,
}

impl Expansion for TreeEnsembleClassifier {
    fn name(&self) -> StaticName {
        "TreeEnsembleClassifier".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, self.named.len())?;
        for (output, slot) in outputs.iter().zip(&self.named) {
            if *slot == 0 {
                s.equals(&output.datum_type, self.classes.labels.datum_type())?;
                s.equals(&output.rank, 1)?;
            } else {
                s.equals(&output.datum_type, f32::datum_type())?;
                s.equals(&output.rank, 2)?;
                s.equals(&output.shape[1], self.classes.labels.len().to_dim())?;
            }
            s.given(&inputs[0].rank, move |s, rank| match rank {
                1 => s.equals(&output.shape[0], 1.to_dim()),
                2 => s.equals(&output.shape[0], &inputs[0].shape[0]),
                _ => bail!("expected an input [N, C] or [C], got rank {rank}"),
            })?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let accepted = [f32::datum_type(), f64::datum_type(), i64::datum_type(), i32::datum_type()];
        let input = attributes::wire_data(prefix, model, inputs, &accepted)?;
        let classes = Arc::clone(&self.classes);
        let outputs = if self.double || model.outlet_fact(input)?.datum_type == f64::datum_type() {
            model.wire_node(prefix, Classify { forest: Arc::clone(&self.forest), classes }, &[input])?
        } else {
            let forest = Arc::new(self.forest.narrowed());
            model.wire_node(prefix, Classify { forest, classes }, &[input])?
        };
        Ok(self.named.iter().map(|slot| outputs[*slot]).collect())
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.named.len())
    }
}

/// The operator that runs: trees in the type they are evaluated in.
#[derive(Debug)]
struct Classify<T> {
    forest: Arc<Forest<T>>,
    classes: Arc<Classes>,
}

impl<T> Clone for Classify<T> {
    fn clone(&self) -> Self {
        Self { forest: Arc::clone(&self.forest), classes: Arc::clone(&self.classes) }
    }
}

/// Only a clone is equal: comparing whole forests would cost more than merging two of them could save.
impl<T> PartialEq for Classify<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.forest, &other.forest) && Arc::ptr_eq(&self.classes, &other.classes)
    }
}

impl<T> Eq for Classify<T> {}

impl<T: Number> Op for Classify<T> {
    fn name(&self) -> StaticName {
        "TreeEnsembleClassifier".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![self.forest.describe()])
    }

    op_as_typed_op!();
}

impl<T: Number> EvalOp for Classify<T> {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let (rows, columns) = match *input.shape() {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => bail!("expected an input [N, C] or [C], got shape {:?}", input.shape()),
        };
        self.forest.check_columns(columns)?;
        let input = input.cast_to::<T>()?;
        let input = input.try_as_plain_ram()?.as_slice::<T>()?;

        let width = self.forest.columns();
        let classes = self.classes.labels.len();
        let mut scores = Tensor::zero::<f32>(&[rows, classes])?;
        let mut winners = Vec::with_capacity(rows);
        let mut view = scores.try_as_plain_ram_mut()?;
        let mut sums = vec![T::default(); rows.min(BLOCK) * width];
        let blocks =
            input.chunks(BLOCK * columns).zip(view.as_slice_mut::<f32>()?.chunks_mut(BLOCK * classes));
        for (block, scores) in blocks {
            let sums = &mut sums[..block.len() / columns * width];
            sums.fill(T::default());
            self.forest.sum(block, columns, sums);
            for (sums, scores) in sums.chunks_exact_mut(width).zip(scores.chunks_exact_mut(classes)) {
                winners.push(self.classes.scoring.finish(sums, scores));
            }
        }
        Ok(tvec!(self.classes.labels(&winners).into_tvalue(), scores.into_tvalue()))
    }
}

impl<T: Number> TypedOp for Classify<T> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = &inputs[0].shape;
        let (rows, columns) = match shape.dims() {
            [columns] => (1.to_dim(), columns),
            [rows, columns] => (rows.clone(), columns),
            _ => bail!("expected an input [N, C] or [C], got shape {shape:?}"),
        };
        if let Ok(columns) = columns.to_usize() {
            self.forest.check_columns(columns)?;
        }
        let labels = self.classes.labels.datum_type().fact([rows.clone()]);
        Ok(tvec!(labels, f32::fact([rows, self.classes.labels.len().to_dim()])))
    }

    as_op!();
}

impl Classes {
    fn labels(&self, winners: &[usize]) -> Tensor {
        match &self.labels {
            // With a single integer label onnxruntime answers whether the score is positive, not the label.
            IntsOrStrings::Ints(ints) if ints.len() == 1 => {
                tensor1(&winners.iter().map(|w| *w as i64).collect::<Vec<_>>())
            }
            IntsOrStrings::Ints(ints) => tensor1(&winners.iter().map(|w| ints[*w]).collect::<Vec<_>>()),
            IntsOrStrings::Strings(strings) => {
                let last = strings.len() - 1;
                tensor1(&winners.iter().map(|w| strings[last.min(*w)].clone()).collect::<Vec<_>>())
            }
        }
    }
}
