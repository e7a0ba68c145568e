//! `ai.onnx.Det`: determinants of square matrices.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Det.html>.
//! Input: `[.., M, M]` of a float type; half floats are computed as floats. Output: `[..]`; that of no rows is 1.
//! Errors: matrices that are not square.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};
use crate::nn::{FLOATS, Real, dispatch_real, wire_real};

pub(crate) fn det(ctx: &ParsingContext, node: &NodeProto) -> Built {
    wire_real(ctx, node, Det)
}

#[derive(Debug)]
struct Det;

impl Kernel for Det {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        ensure!(x.rank() >= 2, "expected matrices [.., M, M], got shape {:?}", x.shape);
        Ok(tvec!(x.datum_type.fact(&x.shape[..x.rank() - 2])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(determinants(x.datum_type())(x))?))
    }
}

fn determinants<T: Real>(x: &Tensor) -> TractResult<Tensor> {
    let [batch @ .., rows, columns] = x.shape() else {
        bail!("expected matrices, got shape {:?}", x.shape())
    };
    ensure!(rows == columns, "expected square matrices, got shape {:?}", x.shape());
    let mut x = elements::<T>(x)?.to_vec();
    let determinants = match rows * columns {
        0 => super::pick::filled(batch, T::one())?,
        size => x.chunks_exact_mut(size).map(|matrix| determinant(matrix, *rows)).collect(),
    };
    tensor_of(batch, determinants)
}

/// By elimination with the largest pivot of each column.
fn determinant<T: Real>(matrix: &mut [T], rows: usize) -> T {
    let mut product = T::one();
    for column in 0..rows {
        let mut pivot = column;
        for row in column + 1..rows {
            if matrix[row * rows + column].abs() > matrix[pivot * rows + column].abs() {
                pivot = row;
            }
        }
        if pivot != column {
            (column..rows).for_each(|ix| matrix.swap(pivot * rows + ix, column * rows + ix));
            product = -product;
        }
        let value = matrix[column * rows + column];
        product = product * value;
        if value == T::zero() {
            return product;
        }
        for row in column + 1..rows {
            let factor = matrix[row * rows + column] / value;
            for ix in column..rows {
                let above = matrix[column * rows + ix];
                matrix[row * rows + ix] = matrix[row * rows + ix] - factor * above;
            }
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, node, refuse};

    fn det() -> NodeProto {
        node("", "Det", vec![])
    }

    #[test]
    fn every_matrix_has_its_determinant() {
        expect(det(), &[Some(tensor2(&[[0f32, 1.], [2., 3.]]))], &[tensor0(-2f32)]);
        let batch = tensor3(&[[[1f64, 2.], [3., 4.]], [[1., 2.], [2., 4.]]]);
        expect(det(), &[Some(batch)], &[tensor1(&[-2f64, 0.])]);
        let three = tensor2(&[[2f32, -3., 1.], [2., 0., -1.], [1., 4., 5.]]);
        expect(det(), &[Some(three)], &[tensor0(49f32)]);
    }

    #[test]
    fn no_rows_give_one() {
        expect(det(), &[Some(Tensor::zero::<f32>(&[2, 0, 0]).unwrap())], &[tensor1(&[1f32, 1.])]);
    }

    #[test]
    fn matrices_that_are_not_square_are_refused() {
        refuse(det(), tensor2(&[[1f32, 2.]]), "expected square matrices, got shape [1, 2]");
        refuse(det(), tensor1(&[1f32]), "expected matrices");
    }
}
