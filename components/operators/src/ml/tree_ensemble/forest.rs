//! The trees, laid out for walking.
//!
//! All nodes are in one array, each tree in pre-order from its root, so that a walk mostly goes forward and a
//! fresh sandbox touches few pages. A node of float trees is 16 bytes. [`Forest::new`] proves that every walk
//! ends: children exist, and no node is its own descendant.

use tract_onnx::tract_hir::internal::*;

use super::scoring::Aggregate;
use crate::ml::scores::Number;

/// How a node compares the feature with its threshold; `Leaf` compares nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
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

#[derive(Clone, Copy, Debug)]
struct Node<T> {
    /// A leaf of a single weight has that weight here.
    threshold: T,
    feature: Feature,
    /// A leaf has the range of its weights in these two.
    on_true: u32,
    on_false: u32,
}

/// Feature id in the low 24 bits, mode above, and the top bit says that NaN goes to `on_true`.
#[derive(Clone, Copy, Debug)]
struct Feature(u32);

const FEATURE_BITS: u32 = 24;
const MISSING_IS_TRUE: u32 = 1 << 31;
const LEAF: u32 = (Mode::Leaf as u32) << FEATURE_BITS;

impl Feature {
    fn is_leaf(self) -> bool {
        self.0 >= LEAF && self.0 & MISSING_IS_TRUE == 0
    }

    fn id(self) -> usize {
        (self.0 & ((1 << FEATURE_BITS) - 1)) as usize
    }

    fn mode(self) -> u32 {
        (self.0 & !MISSING_IS_TRUE) >> FEATURE_BITS
    }

    fn missing_is_true(self) -> bool {
        self.0 & MISSING_IS_TRUE != 0
    }
}

#[derive(Debug)]
pub(super) struct Forest<T> {
    nodes: Box<[Node<T>]>,
    roots: Box<[u32]>,
    /// Column and weight.
    weights: Box<[(u32, T)]>,
    columns: usize,
    /// Columns of input that the trees look at: one more than the highest feature id.
    features: usize,
    /// Every branch is `<=` and none treats NaN specially: the fast walk.
    plain: bool,
    /// One column and one weight a leaf, which is then in the node.
    one_weight: bool,
}

impl Forest<f64> {
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
        let mut layout =
            Layout { specs, weights, places: vec![Place::Unseen; specs.len()], nodes: vec![], flat: vec![] };
        let roots = roots.iter().map(|root| layout.tree(*root)).collect::<TractResult<_>>()?;
        let branches = || specs.iter().filter(|spec| spec.mode != Mode::Leaf);
        let mut leaves = specs.iter().zip(weights).filter(|(spec, _)| spec.mode == Mode::Leaf);
        Ok(Self {
            nodes: layout.nodes.into(),
            roots,
            weights: layout.flat.into(),
            columns,
            features: branches().map(|spec| spec.feature as usize + 1).max().unwrap_or(0),
            plain: branches().all(|spec| spec.mode == Mode::Leq && !spec.missing_is_true),
            one_weight: columns == 1 && leaves.all(|(_, weights)| weights.len() == 1),
        })
    }
}

impl<T: Number> Forest<T> {
    /// The same trees in another type.
    pub(super) fn to<U: Number>(&self) -> Forest<U> {
        let to = |value: T| U::of(value.into());
        let node = |node: &Node<T>| Node {
            threshold: to(node.threshold),
            feature: node.feature,
            on_true: node.on_true,
            on_false: node.on_false,
        };
        Forest {
            nodes: self.nodes.iter().map(node).collect(),
            roots: self.roots.clone(),
            weights: self.weights.iter().map(|(column, weight)| (*column, to(*weight))).collect(),
            columns: self.columns,
            features: self.features,
            plain: self.plain,
            one_weight: self.one_weight,
        }
    }

    pub(super) fn trees(&self) -> usize {
        self.roots.len()
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

    /// Adds every tree's weights for every row of `input` to `sums`, `[rows, columns]`, tree by tree.
    pub(super) fn sum(&self, input: &[T], features: usize, aggregate: Aggregate, sums: &mut [T]) {
        for root in &self.roots {
            for (row, sums) in input.chunks_exact(features).zip(sums.chunks_exact_mut(self.columns)) {
                let leaf = if self.plain { self.walk_plain(*root, row) } else { self.walk(*root, row) };
                if self.one_weight {
                    aggregate.add(&mut sums[0], leaf.threshold);
                } else {
                    for (column, weight) in &self.weights[leaf.on_true as usize..leaf.on_false as usize] {
                        aggregate.add(&mut sums[*column as usize], *weight);
                    }
                }
            }
        }
    }

    fn walk_plain(&self, root: u32, row: &[T]) -> &Node<T> {
        let mut node = &self.nodes[root as usize];
        while node.feature.0 < LEAF {
            let holds = row[node.feature.0 as usize] <= node.threshold;
            node = &self.nodes[if holds { node.on_true } else { node.on_false } as usize];
        }
        node
    }

    fn walk(&self, root: u32, row: &[T]) -> &Node<T> {
        const LT: u32 = Mode::Lt as u32;
        const GTE: u32 = Mode::Gte as u32;
        const GT: u32 = Mode::Gt as u32;
        const EQ: u32 = Mode::Eq as u32;
        const NEQ: u32 = Mode::Neq as u32;
        let mut node = &self.nodes[root as usize];
        while !node.feature.is_leaf() {
            let value = row[node.feature.id()];
            let holds = match node.feature.mode() {
                LT => value < node.threshold,
                GTE => value >= node.threshold,
                GT => value > node.threshold,
                EQ => value == node.threshold,
                NEQ => value != node.threshold,
                _ => value <= node.threshold,
            };
            // A NaN is the one value that is not itself.
            let missing = || value.partial_cmp(&value).is_none();
            let holds = holds || (node.feature.missing_is_true() && missing());
            node = &self.nodes[if holds { node.on_true } else { node.on_false } as usize];
        }
        node
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Unseen,
    /// On the way from the root to here: meeting it again is a cycle.
    Open(u32),
    Done(u32),
}

struct Layout<'a> {
    specs: &'a [NodeSpec],
    weights: &'a [Vec<(u32, f64)>],
    places: Vec<Place>,
    nodes: Vec<Node<f64>>,
    flat: Vec<(u32, f64)>,
}

impl Layout<'_> {
    /// Places `root` and what hangs on it. Iterative: a tree as deep as it has nodes must not overflow the
    /// stack.
    fn tree(&mut self, root: usize) -> TractResult<u32> {
        let mut path = vec![(root, 0)];
        let place = self.place(root)?;
        while let Some((spec, child)) = path.last_mut() {
            let (spec, branch) = (*spec, self.specs[*spec]);
            let Place::Open(at) = self.places[spec] else { bail!("node {spec} was closed twice") };
            let next = match *child {
                _ if branch.mode == Mode::Leaf => None,
                0 => Some(branch.on_true),
                1 => Some(branch.on_false),
                _ => None,
            };
            let Some(next) = next else {
                self.places[spec] = Place::Done(at);
                path.pop();
                continue;
            };
            let on_true = *child == 0;
            *child += 1;
            let place = match self.places.get(next) {
                None => bail!("node {spec} has a child {next} that is no node"),
                Some(Place::Open(_)) => bail!("node {next} is its own descendant"),
                Some(Place::Done(place)) => *place,
                Some(Place::Unseen) => {
                    path.push((next, 0));
                    self.place(next)?
                }
            };
            let node = &mut self.nodes[at as usize];
            *(if on_true { &mut node.on_true } else { &mut node.on_false }) = place;
        }
        Ok(place)
    }

    fn place(&mut self, spec: usize) -> TractResult<u32> {
        let place = u32::try_from(self.nodes.len()).context("more than 2^32 nodes")?;
        self.places[spec] = Place::Open(place);
        let NodeSpec { mode, feature, threshold, missing_is_true, .. } = self.specs[spec];
        self.nodes.push(if mode == Mode::Leaf {
            let weights = &self.weights[spec];
            let on_true = u32::try_from(self.flat.len()).context("more than 2^32 weights")?;
            self.flat.extend(weights);
            let on_false = u32::try_from(self.flat.len()).context("more than 2^32 weights")?;
            let threshold = weights.first().map_or(0.0, |(_, weight)| *weight);
            Node { threshold, feature: Feature(LEAF), on_true, on_false }
        } else {
            ensure!(feature < 1 << FEATURE_BITS, "feature id {feature} is not below 2^{FEATURE_BITS}");
            let flag = if missing_is_true { MISSING_IS_TRUE } else { 0 };
            let feature = Feature(feature | ((mode as u32) << FEATURE_BITS) | flag);
            Node { threshold, feature, on_true: 0, on_false: 0 }
        });
        Ok(place)
    }
}
