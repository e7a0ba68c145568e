//! Walks through decision trees, several at once.
//!
//! A branch asks whether a value of the row is at most its threshold, and nothing else: whoever builds the trees
//! expresses other comparisons by values that it puts into the row. The two nodes below a branch lie side by side,
//! so a step is the place of the pair plus the answer, without a jump to predict. A leaf is its own next node: it
//! looks at a column that is NaN, which is at most nothing, so walks of different lengths take the same steps.
//! A step waits for two loads, one after the other; independent walks side by side hide most of that: eight trees
//! for a single row, eight rows for a tree where there are many.

mod build;
#[cfg(test)]
mod tests;

pub use build::{Builder, Tree};

/// How many walks go side by side.
pub const LANES: usize = 8;

/// Steps between two looks whether every walk is at its leaf.
const STEPS: u32 = 2;

/// What thresholds and the values of leaves are: `f32` or `f64`.
pub trait Number: Copy + PartialOrd + Default {
    /// The representation, by which nodes are compared.
    fn bits(self) -> u64;
}

impl Number for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Number for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// Trees, laid out for walking; a [`Builder`] makes them.
#[derive(Debug)]
pub struct Forest<T> {
    /// The roots come first, filled up with leaves to a multiple of [`LANES`].
    nodes: Nodes<T>,
    /// The longest walk of each tree in steps, for the filling, too.
    depths: Box<[u32]>,
    trees: usize,
    columns: usize,
}

/// Most forests have room for place and column in 32 bits, which makes a node of floats 8 bytes.
#[derive(Debug)]
enum Nodes<T> {
    Narrow(Box<[Node<T, u32>]>),
    Wide(Box<[Node<T, u64>]>),
}

#[derive(Clone, Copy, Debug)]
struct Node<T, L> {
    /// A leaf has its value here.
    threshold: T,
    link: L,
}

/// Which pair of nodes a branch leads to, by the place of the first, and which column it looks at.
trait Link: Copy {
    /// The bits for the column, the lowest. The same for every forest, for in a register they would push out a walk.
    const COLUMN_BITS: u32;
    fn new(place: usize, column: u32) -> Self;
    fn place(self) -> usize;
    fn column(self) -> usize;
}

impl Link for u32 {
    const COLUMN_BITS: u32 = 10;

    fn new(place: usize, column: u32) -> u32 {
        (place as u32) << Self::COLUMN_BITS | column
    }

    fn place(self) -> usize {
        (self >> Self::COLUMN_BITS) as usize
    }

    fn column(self) -> usize {
        (self & ((1 << Self::COLUMN_BITS) - 1)) as usize
    }
}

impl Link for u64 {
    const COLUMN_BITS: u32 = 32;

    fn new(place: usize, column: u32) -> u64 {
        (place as u64) << Self::COLUMN_BITS | u64::from(column)
    }

    fn place(self) -> usize {
        (self >> Self::COLUMN_BITS) as usize
    }

    fn column(self) -> usize {
        (self as u32) as usize
    }
}

impl<T: Number> Forest<T> {
    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.trees
    }

    /// The values that a row has, the last being NaN.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Writes the values of the leaves that `row` reaches, a leaf for each tree.
    ///
    /// # Panics
    /// When the row has not as many values as there are columns, its last is not NaN, or `leaves` has not as many as
    /// there are trees.
    pub fn walk_row(&self, row: &[T], leaves: &mut [T]) {
        assert_eq!(row.len(), self.columns, "values of a row");
        assert_nan(&row[self.columns - 1..]);
        assert_eq!(leaves.len(), self.trees, "leaves of a row");
        for (group, leaves) in leaves.chunks_mut(LANES).enumerate() {
            let first = group * LANES;
            let roots = std::array::from_fn(|lane| first + lane);
            let steps = self.depths[first..first + LANES].iter().fold(0, |most, depth| most.max(*depth));
            let reached = match &self.nodes {
                Nodes::Narrow(nodes) => walk::<_, _, false>(nodes, roots, steps, row),
                Nodes::Wide(nodes) => walk::<_, _, false>(nodes, roots, steps, row),
            };
            // Copying a slice would be a call out of the sandbox.
            for (leaf, reached) in leaves.iter_mut().zip(reached) {
                *leaf = reached;
            }
        }
    }

    /// The values of the leaves that [`LANES`] rows reach in one tree. `block` is `[columns, LANES]`: the rows side
    /// by side.
    ///
    /// # Panics
    /// When there is no such tree, the block has not as many values, or its last [`LANES`] are not NaN.
    pub fn walk_block(&self, tree: usize, block: &[T]) -> [T; LANES] {
        assert!(tree < self.trees, "tree {tree} of {}", self.trees);
        assert_eq!(block.len(), self.columns * LANES, "values of {LANES} rows");
        assert_nan(&block[(self.columns - 1) * LANES..]);
        let (roots, steps) = ([tree; LANES], self.depths[tree]);
        match &self.nodes {
            Nodes::Narrow(nodes) => walk::<_, _, true>(nodes, roots, steps, block),
            Nodes::Wide(nodes) => walk::<_, _, true>(nodes, roots, steps, block),
        }
    }
}

/// A leaf would leave its place for another if what it looks at were a number.
fn assert_nan<T: Number>(values: &[T]) {
    assert!(values.iter().all(|value| value.partial_cmp(value).is_none()), "the last column is NaN");
}

/// Walks from each of the nodes `at` to a leaf in at most `steps`. `values` are a row for all walks or, with `BLOCK`,
/// a row for each.
#[inline(always)]
fn walk<T: Number, L: Link, const BLOCK: bool>(
    nodes: &[Node<T, L>],
    mut at: [usize; LANES],
    steps: u32,
    values: &[T],
) -> [T; LANES] {
    let node = |at: usize| {
        debug_assert!(at < nodes.len());
        // SAFETY: the walks start at roots, and `Builder::finish` gives every link a place whose pair is in `nodes`.
        #[allow(unsafe_code, reason = "a check at each step would be a good part of the step")]
        unsafe {
            nodes.get_unchecked(at)
        }
    };
    let step = |at: usize, lane: usize| {
        let Node { threshold, link } = *node(at);
        let value = if BLOCK { link.column() * LANES + lane } else { link.column() };
        debug_assert!(value < values.len());
        // SAFETY: `Builder::branch` takes no column that a row has not, and the callers check the length of `values`.
        #[allow(unsafe_code, reason = "a check at each step would be a good part of the step")]
        let value = unsafe { *values.get_unchecked(value) };
        link.place() + usize::from(value <= threshold)
    };
    for _ in 0..steps.div_ceil(STEPS) {
        for _ in 1..STEPS {
            for (lane, at) in at.iter_mut().enumerate() {
                *at = step(*at, lane);
            }
        }
        let mut moved = 0;
        for (lane, at) in at.iter_mut().enumerate() {
            let next = step(*at, lane);
            moved |= next ^ *at;
            *at = next;
        }
        // Who stands still is at its leaf.
        if moved == 0 {
            break;
        }
    }
    at.map(|at| node(at).threshold)
}
