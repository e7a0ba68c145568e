//! Dense layers of floats: rows by a matrix that is known before the run, then bias and a clamp.
//!
//! Steps: [`Weights::new`] lays the weights out once; [`multiply`] takes four rows at a time, and what is left one by
//! one. A row's answer is the same, bit for bit, whichever rows are beside it: each sum is taken in the same order in
//! both loops. One output alone is a product with a vector, which is summed along the depth.

mod loops;

use crate::simd::{F32x4, each};
use crate::tile::{COLUMNS, ROWS};

/// Steps along the depth for which a row is read at once.
const STEPS: usize = 4;
/// Four rows at a time are taken so many times before the next columns: they stay in the second cache meanwhile.
const TALL: usize = 64;

/// The weights of eight outputs for four steps.
type Pair = [[f32; COLUMNS]; STEPS];
/// The weights of four outputs for four steps.
type Single = [[f32; 4]; STEPS];

/// A matrix `[depth][outputs]`, laid out for [`multiply`]: eight outputs behind each other, the last four or fewer by
/// themselves, both axes padded to four with zeros. A single output is laid out as it comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// `[depth]` where there is one output, else nothing.
    vector: Vec<f32>,
    /// `[outputs / 8][depth / 4]`.
    pairs: Vec<Pair>,
    /// `[depth / 4]`, or nothing.
    last: Vec<Single>,
    depth: usize,
    outputs: usize,
}

impl Weights {
    /// Lays out `values`, `[depth][outputs]`, or where `transposed` `[outputs][depth]`.
    ///
    /// # Panics
    /// When there are not `depth * outputs` values.
    pub fn new(values: &[f32], depth: usize, outputs: usize, transposed: bool) -> Self {
        assert_eq!(values.len(), depth * outputs, "the matrix has another length");
        if outputs == 1 {
            return Self { vector: values.into(), pairs: vec![], last: vec![], depth, outputs };
        }
        let value = |step: usize, output: usize| match (step < depth && output < outputs, transposed) {
            (false, _) => 0.0,
            (true, false) => values[step * outputs + output],
            (true, true) => values[output * depth + step],
        };
        let quads = depth.div_ceil(STEPS);
        // More than four that are left take eight as well.
        let panels = outputs.div_ceil(4);
        let mut pairs = Vec::with_capacity(panels / 2 * quads);
        for first in (0..panels / 2).map(|pair| pair * COLUMNS) {
            pairs.extend((0..quads).map(|quad| {
                std::array::from_fn(|step| {
                    std::array::from_fn(|output| value(quad * STEPS + step, first + output))
                })
            }));
        }
        let first = panels / 2 * COLUMNS;
        let last = (0..if panels.is_multiple_of(2) { 0 } else { quads }).map(|quad| {
            std::array::from_fn(|step| {
                std::array::from_fn(|output| value(quad * STEPS + step, first + output))
            })
        });
        Self { vector: vec![], pairs, last: last.collect(), depth, outputs }
    }

    /// Inputs of a row.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Outputs of a row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The weights of the outputs from `8 * ix` on.
    fn pair(&self, ix: usize) -> &[Pair] {
        let quads = self.depth.div_ceil(STEPS);
        &self.pairs[ix * quads..][..quads]
    }
}

/// What is done to the sums before they are written.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// Added to each output; as many as there are outputs, or none.
    pub bias: &'a [f32],
    /// No output is lower; NaN stays NaN.
    pub floor: f32,
    /// No output is higher.
    pub ceiling: f32,
}

impl Finish<'_> {
    /// Adds the bias to the sums of the outputs from `first` on, clamps them and writes as many as `row` has.
    #[inline(always)]
    fn write(&self, sums: F32x4, first: usize, row: &mut [f32]) {
        let end = row.len().min(first + 4);
        let sums = match self.bias.get(first..end) {
            Some(bias) => sums + F32x4::load_part(bias),
            None => sums,
        };
        let sums = sums.at_least(F32x4::splat(self.floor)).at_most(F32x4::splat(self.ceiling));
        sums.store_part(&mut row[first..end]);
    }
}

/// `rows` (`[count][depth]`) by `weights`, to `output` (`[count][outputs]`).
///
/// # Panics
/// When the lengths do not agree.
pub fn multiply(weights: &Weights, rows: &[f32], finish: &Finish<'_>, output: &mut [f32]) {
    let &Weights { depth, outputs, .. } = weights;
    if output.is_empty() {
        return;
    }
    let count = output.len() / outputs;
    assert_eq!(output.len(), count * outputs, "the output has another length");
    assert_eq!(rows.len(), count * depth, "the input has another length");
    assert!(finish.bias.is_empty() || finish.bias.len() == outputs, "the bias has another length");
    if outputs == 1 {
        for (row, output) in output.iter_mut().enumerate() {
            let sums = loops::dot(&rows[row * depth..][..depth], &weights.vector);
            finish.write(sums, 0, std::slice::from_mut(output));
        }
        return;
    }
    let pairs = outputs.div_ceil(4) / 2;
    let in_fours = count / ROWS * ROWS;
    for top in (0..in_fours).step_by(TALL) {
        for pair in 0..pairs {
            let panel = weights.pair(pair);
            for first in (top..in_fours.min(top + TALL)).step_by(ROWS) {
                let four = each!(row in [0 1 2 3] => &rows[(first + row) * depth..][..depth]);
                for (row, [left, right]) in loops::tile(four, panel).into_iter().enumerate() {
                    let to = &mut output[(first + row) * outputs..][..outputs];
                    finish.write(left, pair * COLUMNS, to);
                    finish.write(right, pair * COLUMNS + 4, to);
                }
            }
        }
        if !weights.last.is_empty() {
            for first in (top..in_fours.min(top + TALL)).step_by(ROWS) {
                let four = each!(row in [0 1 2 3] => &rows[(first + row) * depth..][..depth]);
                for (row, sums) in loops::last_of_four(four, &weights.last).into_iter().enumerate() {
                    finish.write(sums, pairs * COLUMNS, &mut output[(first + row) * outputs..][..outputs]);
                }
            }
        }
    }
    for row in in_fours..count {
        let from = &rows[row * depth..][..depth];
        let to = &mut output[row * outputs..][..outputs];
        let mut pair = 0;
        while pair + 4 <= pairs {
            let panels = each!(next in [0 1 2 3] => weights.pair(pair + next));
            for (ix, [left, right]) in loops::four_pairs(from, panels).into_iter().enumerate() {
                finish.write(left, (pair + ix) * COLUMNS, to);
                finish.write(right, (pair + ix) * COLUMNS + 4, to);
            }
            pair += 4;
        }
        while pair < pairs {
            let [left, right] = loops::one_pair(from, weights.pair(pair));
            finish.write(left, pair * COLUMNS, to);
            finish.write(right, pair * COLUMNS + 4, to);
            pair += 1;
        }
        if !weights.last.is_empty() {
            finish.write(loops::last_four(from, &weights.last), pairs * COLUMNS, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|ix| ((ix * step) % 29) as f32 / 8.0 - 1.75).collect()
    }

    /// Sums of doubles.
    fn expected(
        weights: &[f32],
        rows: &[f32],
        finish: &Finish<'_>,
        depth: usize,
        outputs: usize,
    ) -> Vec<f32> {
        let count = rows.len() / depth;
        let at = |row: usize, output: usize| {
            let products = (0..depth).map(|step| {
                f64::from(rows[row * depth + step]) * f64::from(weights[step * outputs + output])
            });
            let bias = finish.bias.get(output).copied().unwrap_or(0.0);
            ((products.sum::<f64>() + f64::from(bias)) as f32).clamp(finish.floor, finish.ceiling)
        };
        (0..count * outputs).map(|ix| at(ix / outputs, ix % outputs)).collect()
    }

    const OPEN: Finish<'static> = Finish { bias: &[], floor: f32::NEG_INFINITY, ceiling: f32::INFINITY };

    #[test]
    fn sums_of_doubles_for_every_length() {
        for depth in [1, 3, 4, 7, 32, 65] {
            for outputs in [1, 2, 4, 5, 8, 11, 32, 44, 77] {
                let weights = numbers(depth * outputs, 7);
                let bias = numbers(outputs, 3);
                let packed = Weights::new(&weights, depth, outputs, false);
                for count in [1, 2, 4, 7, 69] {
                    let rows = numbers(count * depth, 5);
                    for finish in [
                        OPEN,
                        Finish { bias: &bias, ..OPEN },
                        Finish { bias: &bias, floor: 0.0, ceiling: 6.0 },
                    ] {
                        let mut output = vec![f32::NAN; count * outputs];
                        multiply(&packed, &rows, &finish, &mut output);
                        let expected = expected(&weights, &rows, &finish, depth, outputs);
                        for (got, expected) in output.iter().zip(expected) {
                            assert!((got - expected).abs() <= 1e-4, "{got} is not {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_one_answer_whatever_is_beside_it() {
        let (depth, outputs, count) = (37, 43, 9);
        let thirds =
            |count: usize, step| numbers(count, step).into_iter().map(|x| x / 3.0).collect::<Vec<_>>();
        let weights = Weights::new(&thirds(depth * outputs, 7), depth, outputs, false);
        let rows = thirds(count * depth, 5);
        let mut together = vec![0.0; count * outputs];
        multiply(&weights, &rows, &OPEN, &mut together);
        for (row, together) in rows.chunks(depth).zip(together.chunks(outputs)) {
            let mut alone = vec![0.0; outputs];
            multiply(&weights, row, &OPEN, &mut alone);
            assert_eq!(alone, together);
        }
    }

    #[test]
    fn a_transposed_matrix_is_laid_out_alike() {
        let values = numbers(5 * 6, 7);
        let transposed = (0..30).map(|ix| values[ix % 5 * 6 + ix / 5]).collect::<Vec<_>>();
        assert_eq!(Weights::new(&values, 5, 6, false), Weights::new(&transposed, 5, 6, true));
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let weights = Weights::new(&[1.0; 12], 2, 6, false);
        let mut output = [0.0; 6];
        multiply(&weights, &[f32::NAN, 1.0], &Finish { floor: 0.0, ..OPEN }, &mut output);
        assert!(output.iter().all(|value| value.is_nan()));
    }
}
