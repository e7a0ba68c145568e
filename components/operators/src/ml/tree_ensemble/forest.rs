//! The trees: what a node asks, said in the comparisons of the walk, and the sums of the leaves.
//!
//! The walk of `edgewit_kernels::trees` knows `value <= threshold`. What else a node may ask is a matter of the value
//! (see [`view`](super::view)) or of two branches, so every forest takes the same walk, whatever its modes. Children
//! that do not exist and nodes that are their own descendants are refused here.

use std::collections::HashMap;

use edgewit_kernels::trees::{self, Builder, LANES, Tree};
use tract_onnx::tract_hir::internal::*;

use super::scoring::Aggregate;
use super::view::{Columns, Input, Test, Threshold, View};
use crate::ml::scores::Number;

/// How a node compares the feature with its threshold; `Leaf` compares nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    Leaf,
}

/// One node as the attributes give it; children are positions in the list of specifications.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeSpec {
    pub(super) mode: Mode,
    pub(super) feature: u32,
    pub(super) threshold: f64,
    pub(super) missing_is_true: bool,
    pub(super) on_true: usize,
    pub(super) on_false: usize,
}

const FEATURE_BITS: u32 = 24;

/// Lists are numbered in `f32`, which has every integer up to here.
const MOST_LISTS: usize = 1 << 24;

#[derive(Debug)]
pub(super) struct Forest<T> {
    trees: trees::Forest<T>,
    inputs: Columns,
    leaves: Leaves<T>,
    /// Columns of sums.
    columns: usize,
    /// Columns of input that the trees look at: one more than the highest feature id.
    features: usize,
}

/// Columns and weights.
type List<T> = Box<[(u32, T)]>;

/// What the values of the leaves are.
#[derive(Debug)]
enum Leaves<T> {
    /// Weights, all those of a tree for the same column, which is listed.
    Weights(Box<[u32]>),
    /// Positions among these lists.
    Lists(Box<[List<T>]>),
}

impl<T: Input<T> + trees::Number> Forest<T> {
    /// Lays out the trees rooted at `roots`. `weights[i]` are column and weight of the leaf `specs[i]`,
    /// columns counting up to `columns`.
    ///
    /// # Errors
    /// A child that is no node, a node that is its own descendant, a feature id of 2^24 or more.
    pub(super) fn new(
        specs: &[NodeSpec],
        roots: &[usize],
        weights: &[Vec<(u32, f64)>],
        columns: usize,
    ) -> TractResult<Self> {
        let branches = || specs.iter().filter(|spec| spec.mode != Mode::Leaf);
        if let Some(spec) = branches().find(|spec| spec.feature >= 1 << FEATURE_BITS) {
            bail!("feature id {} is not below 2^{FEATURE_BITS}", spec.feature);
        }
        let (inputs, places) = Columns::new(branches().flat_map(tests::<T>).flatten());
        let layout = |lists: bool| Layout {
            specs,
            weights,
            lists: lists.then(HashMap::new),
            flat: vec![],
            inputs: &places,
            builder: Builder::new(inputs.count() as u32),
            states: vec![State::Unseen; specs.len()],
        };
        let mut leaves = specs.iter().zip(weights).filter(|(spec, _)| spec.mode == Mode::Leaf);
        let mut made = layout(leaves.any(|(_, weights)| weights.len() != 1));
        let mut trees = roots.iter().map(|root| made.tree(*root)).collect::<TractResult<Vec<_>>>()?;
        if made.lists.is_none() && trees.iter().any(|(_, column)| column.is_none()) {
            made = layout(true);
            trees = roots.iter().map(|root| made.tree(*root)).collect::<TractResult<_>>()?;
        }
        let leaves = match made.lists {
            None => Leaves::Weights(trees.iter().map(|(_, column)| column.unwrap_or(0)).collect()),
            Some(_) => Leaves::Lists(made.flat.into()),
        };
        let features = branches().map(|spec| spec.feature as usize + 1).max().unwrap_or(0);
        let roots = trees.into_iter().map(|(tree, _)| tree).collect::<Vec<_>>();
        Ok(Self { trees: made.builder.finish(&roots), inputs, leaves, columns, features })
    }
}

impl<T: Number + trees::Number> Forest<T> {
    pub(super) fn trees(&self) -> usize {
        self.trees.trees()
    }

    /// The columns of sums that an input of `columns` columns gives.
    pub(super) fn check_columns(&self, columns: &TDim) -> TractResult<usize> {
        ensure!(
            columns.to_usize().map_or(true, |columns| columns >= self.features.max(1)),
            "the trees look at feature {}, the input has {columns} columns",
            self.features.saturating_sub(1)
        );
        Ok(self.columns)
    }

    /// Adds every tree's weights for every row of `input` to `sums`, `[rows, columns]`, tree by tree. The trees are
    /// walked in `T`, the sums are of the type of the input.
    pub(super) fn sum<S: Input<T>>(
        &self,
        input: &[S],
        features: usize,
        aggregate: Aggregate,
        sums: &mut [S],
    ) {
        let blocks = input.chunks_exact(LANES * features);
        let (rest, mut sums) = (blocks.remainder(), sums);
        if blocks.len() > 0 {
            let (of_blocks, of_rest) = sums.split_at_mut(blocks.len() * LANES * self.columns);
            sums = of_rest;
            let size = self.inputs.count() * LANES;
            let mut values = vec![T::default(); blocks.len() * size];
            for (rows, block) in blocks.zip(values.chunks_exact_mut(size)) {
                self.inputs.block(rows, features, block);
            }
            // A tree stays in the cache for all rows.
            for tree in 0..self.trees() {
                let rows = of_blocks.chunks_exact_mut(LANES * self.columns);
                for (block, sums) in values.chunks_exact(size).zip(rows) {
                    let leaves = self.trees.walk_block(tree, block);
                    for (leaf, sums) in leaves.into_iter().zip(sums.chunks_exact_mut(self.columns)) {
                        self.leaves.add(tree, leaf, aggregate, sums);
                    }
                }
            }
        }
        let mut row = vec![T::default(); self.inputs.count()];
        let mut leaves = vec![T::default(); self.trees()];
        for (input, sums) in rest.chunks_exact(features).zip(sums.chunks_exact_mut(self.columns)) {
            self.inputs.row(input, &mut row);
            self.trees.walk_row(&row, &mut leaves);
            for (tree, leaf) in leaves.iter().enumerate() {
                self.leaves.add(tree, *leaf, aggregate, sums);
            }
        }
    }
}

impl<T: Number> Leaves<T> {
    /// Adds to a row's sums what a tree gives.
    #[inline]
    fn add<S: Number>(&self, tree: usize, leaf: T, aggregate: Aggregate, sums: &mut [S]) {
        match self {
            Self::Weights(columns) => aggregate.add(&mut sums[columns[tree] as usize], S::of(leaf.into())),
            Self::Lists(lists) => {
                for (column, weight) in &lists[leaf.into() as usize] {
                    aggregate.add(&mut sums[*column as usize], S::of((*weight).into()));
                }
            }
        }
    }
}

/// What the branches of a node test: whether it holds, then whatever its kind needs besides.
fn tests<T: Threshold>(spec: &NodeSpec) -> [Option<Test<T>>; 3] {
    let threshold = T::of(spec.threshold);
    let test = |mode| Test::of(mode, spec.feature, threshold);
    match (spec.mode, spec.missing_is_true) {
        (Mode::Leaf, _) => [None; 3],
        // Whether there is a number at all.
        _ if spec.threshold.is_nan() => [Test::of(Mode::Leq, spec.feature, T::of(f64::INFINITY)), None, None],
        (Mode::Eq, true) => [test(Mode::Leq), test(Mode::Gte), test(Mode::Gt)],
        (Mode::Eq, false) | (Mode::Neq, _) => [test(Mode::Leq), test(Mode::Gte), None],
        (mode, false) => [test(mode), None, None],
        // What holds where the mode does not, but for NaN.
        (Mode::Leq, true) => [test(Mode::Gt), None, None],
        (Mode::Lt, true) => [test(Mode::Gte), None, None],
        (Mode::Gte, true) => [test(Mode::Lt), None, None],
        (Mode::Gt, true) => [test(Mode::Leq), None, None],
    }
}

/// A tree, and the column of all of its weights, where they have the same.
type Placed<T> = (Tree<T>, Option<u32>);

#[derive(Clone, Copy)]
enum State<T> {
    Unseen,
    /// On the way from the root to here: meeting it again is a cycle.
    Open,
    Done(Placed<T>),
}

struct Layout<'a, T> {
    specs: &'a [NodeSpec],
    weights: &'a [Vec<(u32, f64)>],
    /// The positions of the lists of the leaves, if leaves have such.
    lists: Option<HashMap<Vec<(u32, u64)>, usize>>,
    flat: Vec<List<T>>,
    inputs: &'a HashMap<View, u32>,
    builder: Builder<T>,
    states: Vec<State<T>>,
}

impl<T: Threshold + trees::Number> Layout<'_, T> {
    /// Builds what hangs on `root`. Iterative: a tree as deep as it has nodes must not overflow the stack.
    fn tree(&mut self, root: usize) -> TractResult<Placed<T>> {
        let mut path = vec![root];
        while let Some(at) = path.last().copied() {
            let spec = self.specs[at];
            let children = [spec.on_true, spec.on_false];
            let children = if spec.mode == Mode::Leaf { &[][..] } else { &children };
            self.states[at] = match self.states[at] {
                State::Done(_) => {
                    path.pop();
                    continue;
                }
                _ => State::Open,
            };
            let mut placed = vec![];
            for child in children {
                match self.states.get(*child) {
                    None => bail!("node {at} has a child {child} that is no node"),
                    Some(State::Open) => bail!("node {child} is its own descendant"),
                    Some(State::Unseen) => {
                        path.push(*child);
                        break;
                    }
                    Some(State::Done(tree)) => placed.push(*tree),
                }
            }
            if placed.len() == children.len() {
                self.states[at] = State::Done(match placed[..] {
                    [holds, fails] => self.branch(&spec, holds, fails),
                    _ => self.leaf(at)?,
                });
            }
        }
        match self.states[root] {
            State::Done(tree) => Ok(tree),
            _ => bail!("node {root} was not reached"),
        }
    }

    fn leaf(&mut self, at: usize) -> TractResult<Placed<T>> {
        let weights = &self.weights[at];
        let Some(lists) = &mut self.lists else {
            let (column, weight) = weights.first().copied().unwrap_or((0, 0.0));
            return Ok((self.builder.leaf(T::of(weight)), Some(column)));
        };
        let key = weights.iter().map(|(column, weight)| (*column, weight.to_bits())).collect();
        let flat = &mut self.flat;
        let number = *lists.entry(key).or_insert_with(|| {
            flat.push(weights.iter().map(|(column, weight)| (*column, T::of(*weight))).collect());
            flat.len() - 1
        });
        ensure!(number < MOST_LISTS, "more than {MOST_LISTS} leaves of several weights");
        Ok((self.builder.leaf(T::of(number as f64)), None))
    }

    /// A node as branches that test `value <= threshold`.
    fn branch(&mut self, spec: &NodeSpec, on_true: Placed<T>, on_false: Placed<T>) -> Placed<T> {
        let column = on_true.1.filter(|column| on_false.1 == Some(*column));
        let (on_true, on_false) = (on_true.0, on_false.0);
        let [first, second, third] = tests::<T>(spec);
        let mut test = |test: Option<Test<T>>, holds, fails| match test {
            Some(Test { view, threshold }) => {
                self.builder.branch(self.inputs[&view], threshold, holds, fails)
            }
            None => fails,
        };
        let tree = match (spec.mode, spec.missing_is_true) {
            // Not even NaN equals NaN.
            (Mode::Neq, _) if spec.threshold.is_nan() => on_true,
            (_, false) if spec.threshold.is_nan() => on_false,
            (_, true) if spec.threshold.is_nan() => test(first, on_false, on_true),
            (Mode::Eq, missing_is_true) => {
                let not_above = test(second, on_true, on_false);
                let not_below = if missing_is_true { test(third, on_false, on_true) } else { on_false };
                test(first, not_above, not_below)
            }
            (Mode::Neq, _) => {
                let not_above = test(second, on_false, on_true);
                test(first, not_above, on_true)
            }
            (_, false) => test(first, on_true, on_false),
            (_, true) => test(first, on_false, on_true),
        };
        (tree, column)
    }
}
