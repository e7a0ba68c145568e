//! The innermost loop: a tile of 4 rows by 8 columns of a matrix product.
//!
//! Why so small: x86-64 under Cranelift has 16 vector registers. Eight hold the sums, three a step's operands, and the
//! rest what is broadcast; a larger tile spills a sum at every step. Eight sums are also what keeps two fused
//! multiply-adds of four cycles busy.

use crate::simd::F32x4;

/// Rows of a tile.
pub(crate) const ROWS: usize = 4;
/// Columns of a tile.
pub(crate) const COLUMNS: usize = 8;

/// The sums of a tile: a row is two vectors.
pub(crate) type Sums = [[F32x4; 2]; ROWS];

/// Adds `a^T b` to `sums`: a step of `a` is a column of 4 rows, a step of `b` a row of 8 columns.
///
/// The host may interrupt a prediction at the head of any loop, and around that call every sum lives in memory. So a
/// turn of the loop is 32 steps. Each step asks anew whether there is another: without these exits the compilers
/// would compute one sum after the other, all steps of it, and spill what the others wait for.
#[inline(never)]
pub(crate) fn multiply(a: &[[f32; ROWS]], b: &[[f32; COLUMNS]], sums: &mut Sums) {
    let count = a.len().min(b.len());
    let (a, b) = (&a[..count], &b[..count]);
    let mut ix = 0;
    let mut own = *sums;
    macro_rules! four_steps {
        ($($turn:block)*) => {
            $($turn four_steps!(@one); four_steps!(@one); four_steps!(@one); four_steps!(@one);)*
        };
        (@one) => {
            if ix >= count {
                break;
            }
            step(&a[ix], &b[ix], &mut own);
            ix += 1;
        };
    }
    loop {
        four_steps!({} {} {} {} {} {} {} {});
    }
    *sums = own;
}

#[inline(always)]
fn step(a: &[f32; ROWS], b: &[f32; COLUMNS], sums: &mut Sums) {
    let a = F32x4::load(a);
    let (left, right) = halves(b);
    row::<0>(a, left, right, sums);
    row::<1>(a, left, right, sums);
    row::<2>(a, left, right, sums);
    row::<3>(a, left, right, sums);
}

#[inline(always)]
fn row<const ROW: usize>(a: F32x4, left: F32x4, right: F32x4, sums: &mut Sums) {
    sums[ROW][0] = a.lane::<ROW>().mul_add(left, sums[ROW][0]);
    sums[ROW][1] = a.lane::<ROW>().mul_add(right, sums[ROW][1]);
}

/// The two vectors of a row of a tile.
#[inline(always)]
pub(crate) fn halves(row: &[f32; COLUMNS]) -> (F32x4, F32x4) {
    let ([left, right], _) = row.as_chunks() else { unreachable!("8 floats are two vectors") };
    (F32x4::load(left), F32x4::load(right))
}

/// Writes the two vectors of a row of a tile.
#[inline(always)]
pub(crate) fn write(row: &mut [f32; COLUMNS], [left, right]: [F32x4; 2]) {
    let ([to_left, to_right], _) = row.as_chunks_mut() else { unreachable!("8 floats are two vectors") };
    left.store(to_left);
    right.store(to_right);
}
