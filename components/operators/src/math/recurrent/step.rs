//! What a step of a sequence does to a state.

use tract_onnx::tract_hir::internal::tract_ndarray::linalg::general_mat_mul;
use tract_onnx::tract_hir::internal::tract_ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar};
use tract_onnx::tract_hir::internal::tract_num_traits::{AsPrimitive, Float};

use super::activation::Activation;
use super::{Cell, Recurrent};

/// One direction, and room for what its states add to the gates.
pub(super) struct Step<'a, C> {
    pub(super) of: &'a Recurrent,
    pub(super) activations: &'a [Activation],
    pub(super) hidden: usize,
    pub(super) recurrent: &'a [C],
    pub(super) bias: &'a [C],
    pub(super) peepholes: &'a [C],
    pub(super) scratch: Vec<C>,
}

impl<C: LinalgScalar + Float> Step<'_, C>
where
    f32: AsPrimitive<C>,
{
    /// Computes what the states of all sequences add to the gates.
    pub(super) fn prepare(&mut self, states: &[C]) {
        self.scratch.chunks_exact_mut(self.bias.len()).for_each(|row| row.copy_from_slice(self.bias));
        add_product(states, self.recurrent, self.hidden, &mut self.scratch);
    }

    fn activate(&self, which: usize, x: C) -> C {
        let x = match self.of.clip {
            Some(clip) => x.max((-clip).as_()).min(clip.as_()),
            None => x,
        };
        self.activations[which].apply(x)
    }

    /// Changes the state and cell of the sequence `b` by a step, to whose `gates` its input adds.
    pub(super) fn take(&self, b: usize, gates: &[C], state: &mut [C], cell: &mut [C]) {
        let hidden = self.hidden;
        let own = &self.scratch[b * self.bias.len()..][..self.bias.len()];
        let gate = |which: usize, i: usize| gates[which * hidden + i] + own[which * hidden + i];
        match self.of.cell {
            Cell::Rnn => {
                for (i, state) in state.iter_mut().enumerate() {
                    *state = self.activate(0, gate(0, i));
                }
            }
            Cell::Gru => {
                let update: Vec<C> = (0..hidden).map(|i| self.activate(0, gate(0, i))).collect();
                let reset = (0..hidden).map(|i| self.activate(0, gate(1, i)));
                let candidate: Vec<C> = if self.of.linear_before_reset {
                    reset.enumerate().map(|(i, r)| gates[2 * hidden + i] + r * own[2 * hidden + i]).collect()
                } else {
                    let kept: Vec<C> = reset.zip(&*state).map(|(r, state)| r * *state).collect();
                    let mut sums: Vec<C> =
                        (0..hidden).map(|i| gates[2 * hidden + i] + self.bias[2 * hidden + i]).collect();
                    add_product(&kept, &self.recurrent[2 * hidden * hidden..], hidden, &mut sums);
                    sums
                };
                for ((state, update), candidate) in state.iter_mut().zip(update).zip(candidate) {
                    *state = (C::one() - update) * self.activate(1, candidate) + update * *state;
                }
            }
            Cell::Lstm => {
                let peephole = |which: usize, i: usize| self.peepholes[which * hidden + i];
                for i in 0..hidden {
                    let input = self.activate(0, gate(0, i) + peephole(0, i) * cell[i]);
                    let forget = if self.of.coupled {
                        C::one() - input
                    } else {
                        self.activate(0, gate(2, i) + peephole(2, i) * cell[i])
                    };
                    cell[i] = forget * cell[i] + input * self.activate(1, gate(3, i));
                    let output = self.activate(0, gate(1, i) + peephole(1, i) * cell[i]);
                    state[i] = output * self.activations[2].apply(cell[i]);
                }
            }
        }
    }
}

/// Adds to the rows of `sums` the rows of `left` times the transposed `right`; all rows but those of `sums`
/// are `width` long.
pub(super) fn add_product<C: LinalgScalar>(left: &[C], right: &[C], width: usize, sums: &mut [C]) {
    if width == 0 || sums.is_empty() {
        return;
    }
    let (m, n) = (left.len() / width, right.len() / width);
    let views = (
        ArrayView2::from_shape((m, width), left),
        ArrayView2::from_shape((n, width), right),
        ArrayViewMut2::from_shape((m, n), sums),
    );
    if let (Ok(left), Ok(right), Ok(mut sums)) = views {
        general_mat_mul(C::one(), &left, &right.t(), C::one(), &mut sums);
    }
}
