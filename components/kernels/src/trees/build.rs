//! Trees from their leaves up, and their layout.

use std::collections::HashMap;

use super::{Forest, LANES, Link, Node, Nodes, Number};

/// A tree or a part of one, made by a [`Builder`].
#[derive(Clone, Copy, Debug)]
pub struct Tree<T> {
    /// A leaf has its value here.
    threshold: T,
    /// A leaf has none.
    below: Option<Below>,
    depth: u32,
}

/// What a branch looks at, and which pair of trees is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Below {
    column: u32,
    pair: u32,
}

/// A tree is as another where their branches and leaves are.
type Identity = (u64, Option<Below>);

impl<T: Number> Tree<T> {
    fn identity(&self) -> Identity {
        (self.threshold.bits(), self.below)
    }
}

/// Puts trees together from their leaves up, which rules out cycles. Parts that are equal are kept once.
#[derive(Debug)]
pub struct Builder<T> {
    /// The trees below a branch: where its test fails, then where it holds.
    pairs: Vec<[Tree<T>; 2]>,
    known: HashMap<[Identity; 2], u32>,
    columns: u32,
}

impl<T: Number> Builder<T> {
    /// A builder of trees that look at rows of `columns` values, the last of which is NaN.
    ///
    /// # Panics
    /// Without a column.
    pub fn new(columns: u32) -> Self {
        assert!(columns > 0, "rows end with a column of NaN");
        Self { pairs: vec![], known: HashMap::new(), columns }
    }

    /// A leaf that has `value`.
    pub fn leaf(&self, value: T) -> Tree<T> {
        Tree { threshold: value, below: None, depth: 0 }
    }

    /// A branch: to `holds` where the value in `column` is at most `threshold`, else, and for NaN, to `fails`.
    ///
    /// # Panics
    /// When a row has no such column, or a tree is of another builder. At 2^31 branches.
    pub fn branch(&mut self, column: u32, threshold: T, holds: Tree<T>, fails: Tree<T>) -> Tree<T> {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        let pair = [fails, holds];
        self.check(&pair);
        let identities = pair.map(|tree| tree.identity());
        if identities[0] == identities[1] {
            return holds;
        }
        let next = self.pairs.len() as u32;
        assert!(next < 1 << 31, "2^31 branches");
        let pair = *self.known.entry(identities).or_insert_with(|| {
            self.pairs.push(pair);
            next
        });
        let depth = 1 + holds.depth.max(fails.depth);
        Tree { threshold, below: Some(Below { column, pair }), depth }
    }

    /// Lays out the trees with these roots, for rows of the builder's columns.
    ///
    /// # Panics
    /// When a tree is of another builder. At 2^32 nodes.
    pub fn finish(self, roots: &[Tree<T>]) -> Forest<T> {
        self.check(roots);
        let places = self.places(roots);
        let depths = roots.iter().map(|root| root.depth).chain(std::iter::repeat(0));
        let filled = roots.len().next_multiple_of(LANES);
        let narrow = self.columns <= 1 << <u32 as Link>::COLUMN_BITS
            && places.end <= 1 << (u32::BITS - <u32 as Link>::COLUMN_BITS);
        Forest {
            nodes: if narrow {
                Nodes::Narrow(self.nodes(roots, &places))
            } else {
                Nodes::Wide(self.nodes(roots, &places))
            },
            depths: depths.take(filled).collect(),
            trees: roots.len(),
            columns: self.columns as usize,
        }
    }

    fn check(&self, trees: &[Tree<T>]) {
        let ours = |tree: &Tree<T>| tree.below.is_none_or(|below| (below.pair as usize) < self.pairs.len());
        assert!(trees.iter().all(ours), "a tree of another builder");
    }

    /// Where each pair goes: below the roots each tree in pre-order, so that the last steps of a walk, whose pairs
    /// are in no cache, are often neighbours.
    fn places(&self, roots: &[Tree<T>]) -> Places {
        let mut places =
            Places { of: vec![None; self.pairs.len()], end: roots.len().next_multiple_of(LANES) as u64 };
        for root in roots {
            let mut open = vec![*root];
            while let Some(tree) = open.pop() {
                let Some(below) = tree.below else { continue };
                let place = &mut places.of[below.pair as usize];
                if place.is_none() {
                    *place = Some(places.end as usize);
                    places.end += 2;
                    open.extend(self.pairs[below.pair as usize]);
                }
            }
        }
        assert!(places.end <= 1 << 32, "more than 2^32 nodes");
        places
    }

    fn nodes<L: Link>(&self, roots: &[Tree<T>], places: &Places) -> Box<[Node<T, L>]> {
        let node = |tree: &Tree<T>, at: usize| {
            let (place, column) = match tree.below {
                Some(below) => (places.of[below.pair as usize].unwrap_or(at), below.column),
                None => (at, self.columns - 1),
            };
            Node { threshold: tree.threshold, link: L::new(place, column) }
        };
        let filling = self.leaf(T::default());
        let mut nodes = (0..places.end as usize).map(|at| node(&filling, at)).collect::<Box<[_]>>();
        for (at, root) in roots.iter().enumerate() {
            nodes[at] = node(root, at);
        }
        for (pair, place) in self.pairs.iter().zip(&places.of) {
            for (tree, at) in pair.iter().zip(place.iter().flat_map(|place| [*place, place + 1])) {
                nodes[at] = node(tree, at);
            }
        }
        nodes
    }
}

struct Places {
    /// The place of each pair that a root leads to.
    of: Vec<Option<usize>>,
    /// The number of nodes.
    end: u64,
}
