//! Random trees against a walk that goes node by node.

use super::*;

/// A tree as text books have it.
enum Plain {
    Leaf(f32),
    Branch { column: u32, threshold: f32, holds: Box<Plain>, fails: Box<Plain> },
}

impl Plain {
    fn leaf_of(&self, row: &[f32]) -> f32 {
        match self {
            Plain::Leaf(value) => *value,
            Plain::Branch { column, threshold, holds, fails } => {
                (if row[*column as usize] <= *threshold { holds } else { fails }).leaf_of(row)
            }
        }
    }

    fn build(&self, builder: &mut Builder<f32>) -> Tree<f32> {
        match self {
            Plain::Leaf(value) => builder.leaf(*value),
            Plain::Branch { column, threshold, holds, fails } => {
                let (holds, fails) = (holds.build(builder), fails.build(builder));
                builder.branch(*column, *threshold, holds, fails)
            }
        }
    }
}

/// Numbers that look random (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % end
    }

    /// Few values, so that thresholds are met exactly; now and then one that is special.
    fn value(&mut self) -> f32 {
        match self.below(12) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => f32::NEG_INFINITY,
            3 => -0.0,
            _ => self.below(9) as f32 - 4.0,
        }
    }

    fn tree(&mut self, columns: u32, branches: u64) -> Plain {
        if branches == 0 {
            return Plain::Leaf(self.below(1000) as f32);
        }
        let below = self.below(branches);
        Plain::Branch {
            column: self.below(columns.into()) as u32,
            threshold: self.value(),
            holds: Box::new(self.tree(columns, below)),
            fails: Box::new(self.tree(columns, branches - 1 - below)),
        }
    }
}

/// Compares rows alone and side by side with the plain walk. Rows have `columns` values and NaN.
fn check(plain: &[Plain], columns: u32, numbers: &mut Numbers) {
    let mut builder = Builder::new(columns + 1);
    let roots = plain.iter().map(|tree| tree.build(&mut builder)).collect::<Vec<_>>();
    check_forest(&builder.finish(&roots), plain, numbers);
}

fn check_forest(forest: &Forest<f32>, plain: &[Plain], numbers: &mut Numbers) {
    let columns = forest.columns();
    assert_eq!(forest.trees(), plain.len());
    let rows: [Vec<f32>; LANES] =
        std::array::from_fn(|_| (1..columns).map(|_| numbers.value()).chain([f32::NAN]).collect());
    let block = (0..columns).flat_map(|column| rows.iter().map(move |row| row[column])).collect::<Vec<_>>();
    let mut leaves = vec![0.0; plain.len()];
    for row in &rows {
        forest.walk_row(row, &mut leaves);
        assert_eq!(leaves, plain.iter().map(|tree| tree.leaf_of(row)).collect::<Vec<_>>());
    }
    for (at, tree) in plain.iter().enumerate() {
        assert_eq!(forest.walk_block(at, &block), rows.each_ref().map(|row| tree.leaf_of(row)));
    }
}

fn nodes(forest: &Forest<f32>) -> usize {
    match &forest.nodes {
        Nodes::Narrow(nodes) => nodes.len(),
        Nodes::Wide(nodes) => nodes.len(),
    }
}

#[test]
fn random_trees_lead_where_a_plain_walk_does() {
    let mut numbers = Numbers(88_172_645_463_325_252);
    for trees in [1, 2, 7, 8, 9, 40] {
        for columns in [1, 2, 3, 30] {
            let plain = (0..trees)
                .map(|_| {
                    let branches = numbers.below(60);
                    numbers.tree(columns, branches)
                })
                .collect::<Vec<_>>();
            check(&plain, columns, &mut numbers);
        }
    }
}

#[test]
fn ten_thousand_nodes_and_a_deep_chain_are_walked_to_their_end() {
    let mut numbers = Numbers(1);
    let big = numbers.tree(20, 5_000);
    let mut chain = Plain::Leaf(-1.0);
    for at in 0..2_000 {
        let fails = Box::new(Plain::Leaf(at as f32));
        chain = Plain::Branch { column: 0, threshold: f32::INFINITY, holds: Box::new(chain), fails };
    }
    check(&[big, chain], 20, &mut numbers);
}

#[test]
fn more_columns_than_a_narrow_link_has_room_for_take_a_wide_one() {
    let mut numbers = Numbers(2);
    let plain = [numbers.tree(1 << 10, 300)];
    let mut builder = Builder::new((1 << 10) + 1);
    let root = plain[0].build(&mut builder);
    let forest = builder.finish(&[root]);
    assert!(matches!(forest.nodes, Nodes::Wide(_)));
    check_forest(&forest, &plain, &mut numbers);
}

#[test]
fn trees_that_are_leaves_have_their_values() {
    let mut numbers = Numbers(3);
    check(&[Plain::Leaf(7.0)], 2, &mut numbers);
    check(&[Plain::Leaf(1.0), Plain::Leaf(2.0), numbers.tree(2, 5)], 2, &mut numbers);
    let forest = Builder::new(1).finish(&[]);
    forest.walk_row(&[f32::NAN], &mut []);
}

#[test]
fn equal_parts_are_kept_once_and_a_branch_that_decides_nothing_is_left_out() {
    let mut builder = Builder::new(2);
    let mut part = |value: f32| {
        let (holds, fails) = (builder.leaf(value), builder.leaf(2.0));
        builder.branch(0, 0.5, holds, fails)
    };
    let (one, again, other) = (part(1.0), part(1.0), part(2.0));
    let root = builder.branch(0, 9.0, one, other);
    let forest = builder.finish(&[one, again, other, root]);
    // The roots, the pair of leaves, and the pair of the last root.
    assert_eq!(nodes(&forest), LANES + 2 + 2);
    let mut leaves = [0.0; 4];
    for (x, expect) in [(0.0, [1.0, 1.0, 2.0, 1.0]), (1.0, [2.0; 4]), (10.0, [2.0; 4])] {
        forest.walk_row(&[x, f32::NAN], &mut leaves);
        assert_eq!(leaves, expect);
    }
}

#[test]
fn doubles_are_compared_as_doubles() {
    let mut builder = Builder::<f64>::new(2);
    let (holds, fails) = (builder.leaf(1.0), builder.leaf(2.0));
    let root = builder.branch(0, 0.1, holds, fails);
    let forest = builder.finish(&[root]);
    let mut leaves = [0.0];
    for (x, expect) in [(0.1, 1.0), (0.1f64.next_up(), 2.0)] {
        forest.walk_row(&[x, f64::NAN], &mut leaves);
        assert_eq!(leaves, [expect]);
    }
}

#[test]
#[should_panic(expected = "the last column is NaN")]
fn a_row_whose_last_value_is_a_number_is_refused() {
    let builder = Builder::new(1);
    let root = builder.leaf(1.0);
    builder.finish(&[root]).walk_row(&[0.0], &mut [0.0]);
}

#[test]
#[should_panic(expected = "a tree of another builder")]
fn a_tree_of_another_builder_is_refused() {
    let mut one = Builder::new(2);
    let (holds, fails) = (one.leaf(1.0), one.leaf(2.0));
    let root = one.branch(0, 0.0, holds, fails);
    Builder::new(2).finish(&[root]);
}
