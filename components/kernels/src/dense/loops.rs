//! The loops along the depth: each gives the sums of a few rows by a few outputs.

use super::{Pair, STEPS, Single};
use crate::simd::{F32x4, each};
use crate::tile::{ROWS, halves};

/// Runs `$step` for `$ix` from 0 up to `$count`.
///
/// As in [`crate::tile`]: the sums live in memory around the head of a loop, so that a turn is many steps, and each
/// asks anew whether there is another, so that the compilers keep to their order.
macro_rules! steps {
    ($ix:ident < $count:expr => $step:expr) => {
        let mut $ix = 0;
        loop {
            steps!(@eight $ix $count, $step);
        }
    };
    (@eight $ix:ident $count:expr, $step:expr) => {
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
        steps!(@one $ix $count, $step);
    };
    (@one $ix:ident $count:expr, $step:expr) => {
        if $ix >= $count {
            break;
        }
        $step;
        $ix += 1;
    };
}

/// Four rows by a panel: `step` adds what four elements of each row make with the panel's next part.
#[inline(always)]
fn four_rows<P, S>(
    rows: [&[f32]; ROWS],
    panel: &[P],
    mut sums: S,
    step: impl Fn([F32x4; ROWS], &P, &mut S),
) -> S {
    let count = panel.len().min(rows[0].len() / STEPS);
    let [a, b, c, d] = each!(row in [0 1 2 3] => &rows[row].as_chunks::<STEPS>().0[..count]);
    let whole = &panel[..count];
    steps!(ix < count => {
        let rows = [F32x4::load(&a[ix]), F32x4::load(&b[ix]), F32x4::load(&c[ix]), F32x4::load(&d[ix])];
        step(rows, &whole[ix], &mut sums);
    });
    if let Some(rest) = panel.get(count) {
        let rows = each!(row in [0 1 2 3] => F32x4::load_part(&rows[row][count * STEPS..]));
        step(rows, rest, &mut sums);
    }
    sums
}

/// Four rows by eight columns.
#[inline(never)]
pub(super) fn tile(rows: [&[f32]; ROWS], panel: &[Pair]) -> [[F32x4; 2]; ROWS] {
    four_rows(rows, panel, [[F32x4::splat(0.0); 2]; ROWS], tile_step)
}

#[inline(always)]
fn tile_step(rows: [F32x4; ROWS], panel: &Pair, sums: &mut [[F32x4; 2]; ROWS]) {
    tile_lane::<0>(rows, panel, sums);
    tile_lane::<1>(rows, panel, sums);
    tile_lane::<2>(rows, panel, sums);
    tile_lane::<3>(rows, panel, sums);
}

#[inline(always)]
fn tile_lane<const L: usize>(rows: [F32x4; ROWS], panel: &Pair, sums: &mut [[F32x4; 2]; ROWS]) {
    let (left, right) = halves(&panel[L]);
    *sums = each!(row in [0 1 2 3] => [
        rows[row].lane::<L>().mul_add(left, sums[row][0]),
        rows[row].lane::<L>().mul_add(right, sums[row][1])
    ]);
}

/// A row by 32 columns: eight sums, which keep two fused multiply-adds of four cycles busy.
#[inline(never)]
pub(super) fn four_pairs(row: &[f32], panels: [&[Pair]; 4]) -> [[F32x4; 2]; 4] {
    let (row, rest) = row.as_chunks::<STEPS>();
    let count = row.len().min(panels[0].len());
    let row = &row[..count];
    let [a, b, c, d] = panels.map(|panel| &panel[..count]);
    let mut sums = [[F32x4::splat(0.0); 2]; 4];
    steps!(ix < count => {
        let row = F32x4::load(&row[ix]);
        pair_step(row, &[&a[ix], &b[ix], &c[ix], &d[ix]], &mut sums);
    });
    if let [Some(a), Some(b), Some(c), Some(d)] = panels.map(|panel| panel.get(count)) {
        pair_step(F32x4::load_part(rest), &[a, b, c, d], &mut sums);
    }
    sums
}

#[inline(always)]
fn pair_step(row: F32x4, panels: &[&Pair; 4], sums: &mut [[F32x4; 2]; 4]) {
    pair_lane::<0>(row, panels, sums);
    pair_lane::<1>(row, panels, sums);
    pair_lane::<2>(row, panels, sums);
    pair_lane::<3>(row, panels, sums);
}

#[inline(always)]
fn pair_lane<const L: usize>(row: F32x4, panels: &[&Pair; 4], sums: &mut [[F32x4; 2]; 4]) {
    let x = row.lane::<L>();
    *sums = each!(ix in [0 1 2 3] => {
        let (left, right) = halves(&panels[ix][L]);
        [x.mul_add(left, sums[ix][0]), x.mul_add(right, sums[ix][1])]
    });
}

/// A row by eight columns.
#[inline(never)]
pub(super) fn one_pair(row: &[f32], panel: &[Pair]) -> [F32x4; 2] {
    let (row, rest) = row.as_chunks::<STEPS>();
    let count = row.len().min(panel.len());
    let (row, whole) = (&row[..count], &panel[..count]);
    let mut sums = [F32x4::splat(0.0); 2];
    steps!(ix < count => one_step(F32x4::load(&row[ix]), &whole[ix], &mut sums));
    if let Some(panel) = panel.get(count) {
        one_step(F32x4::load_part(rest), panel, &mut sums);
    }
    sums
}

#[inline(always)]
fn one_step(row: F32x4, panel: &Pair, sums: &mut [F32x4; 2]) {
    let x = [row.lane::<0>(), row.lane::<1>(), row.lane::<2>(), row.lane::<3>()];
    for (x, panel) in x.into_iter().zip(panel) {
        let (left, right) = halves(panel);
        *sums = [x.mul_add(left, sums[0]), x.mul_add(right, sums[1])];
    }
}

/// A row by the only column, in the first lane. Sixteen sums: faster than one, and where large terms cancel each other
/// less is lost.
#[inline(never)]
pub(super) fn dot(row: &[f32], column: &[f32]) -> F32x4 {
    let (row, row_rest) = row.as_chunks::<STEPS>();
    let (column, column_rest) = column.as_chunks::<STEPS>();
    let count = row.len().min(column.len());
    let (row, column) = (&row[..count], &column[..count]);
    let mut sums = [F32x4::splat(0.0); 4];
    let mut ix = 0;
    while ix + 4 <= count {
        sums = each!(next in [0 1 2 3] => {
            F32x4::load(&row[ix + next]).mul_add(F32x4::load(&column[ix + next]), sums[next])
        });
        ix += 4;
    }
    while ix < count {
        sums[0] = F32x4::load(&row[ix]).mul_add(F32x4::load(&column[ix]), sums[0]);
        ix += 1;
    }
    sums[1] = F32x4::load_part(row_rest).mul_add(F32x4::load_part(column_rest), sums[1]);
    let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    (sum.lane::<0>() + sum.lane::<1>()) + (sum.lane::<2>() + sum.lane::<3>())
}

/// A row by the last four columns. Each sum is one chain, as in the other loops: four chains would take a quarter of the
/// time, but round otherwise than onnxruntime, and where large terms cancel each other that is seen.
#[inline(never)]
pub(super) fn last_four(row: &[f32], panel: &[Single]) -> F32x4 {
    let (row, rest) = row.as_chunks::<STEPS>();
    let count = row.len().min(panel.len());
    let (row, whole) = (&row[..count], &panel[..count]);
    let mut sum = F32x4::splat(0.0);
    steps!(ix < count => last_step(F32x4::load(&row[ix]), &whole[ix], &mut sum));
    if let Some(panel) = panel.get(count) {
        last_step(F32x4::load_part(rest), panel, &mut sum);
    }
    sum
}

/// As [`last_four`], of four rows: their chains are side by side.
#[inline(never)]
pub(super) fn last_of_four(rows: [&[f32]; ROWS], panel: &[Single]) -> [F32x4; ROWS] {
    four_rows(rows, panel, [F32x4::splat(0.0); ROWS], last_steps)
}

#[inline(always)]
fn last_steps(rows: [F32x4; ROWS], panel: &Single, sums: &mut [F32x4; ROWS]) {
    let panel = each!(step in [0 1 2 3] => F32x4::load(&panel[step]));
    *sums = each!(row in [0 1 2 3] => rows[row].lane::<0>().mul_add(panel[0], sums[row]));
    *sums = each!(row in [0 1 2 3] => rows[row].lane::<1>().mul_add(panel[1], sums[row]));
    *sums = each!(row in [0 1 2 3] => rows[row].lane::<2>().mul_add(panel[2], sums[row]));
    *sums = each!(row in [0 1 2 3] => rows[row].lane::<3>().mul_add(panel[3], sums[row]));
}

#[inline(always)]
fn last_step(row: F32x4, panel: &Single, sum: &mut F32x4) {
    let x = [row.lane::<0>(), row.lane::<1>(), row.lane::<2>(), row.lane::<3>()];
    for (x, panel) in x.into_iter().zip(panel) {
        *sum = x.mul_add(F32x4::load(panel), *sum);
    }
}
