//! `ai.onnx.MaxUnpool`: puts what MaxPool kept back where it was, among zeros.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__MaxUnpool.html>.
//! Inputs: `[N, C, D1, ..]` of a float type, MaxPool's indices of the same shape, and the output's shape. Without that,
//! the shape is the smallest that MaxPool could have had; the indices count in this shape even where a larger one is
//! given, which then is filled from its first corner. Errors: an index or a shape that does not fit.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::window::Window;
use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{filled, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn max_unpool(ctx: &ParsingContext, node: &NodeProto) -> Built {
    super::wire_real(ctx, node, MaxUnpool { window: Window::read(node)? })
}

#[derive(Debug)]
struct MaxUnpool {
    window: Window,
}

impl MaxUnpool {
    fn shape(&self, x: &[TDim]) -> TractResult<TVec<TDim>> {
        let mut shape: TVec<TDim> = x.into();
        let axes = self.window.axes(&self.window.kernel)?;
        ensure!(
            !axes.is_empty() && axes.len() + 2 == x.len(),
            "expected an input [N, C, ..] with the axes of the kernel {:?}, got shape {x:?}",
            self.window.kernel
        );
        for (len, axis) in shape[2..].iter_mut().zip(axes) {
            *len = (len.clone() - 1) * axis.stride + (axis.kernel - axis.begin - axis.end);
        }
        Ok(shape)
    }

    fn place<T: Real>(&self, x: &Tensor, indices: &Tensor, given: Option<&Tensor>) -> TractResult<Tensor> {
        ensure!(
            x.shape() == indices.shape() && x.shape().iter().all(|len| *len <= i32::MAX as usize),
            "expected indices of shape {:?}, got {:?}",
            x.shape(),
            indices.shape()
        );
        let dims: TVec<TDim> = x.shape().iter().map(|len| len.to_dim()).collect();
        let own: TVec<usize> = self.shape(&dims)?.iter().map(TDim::to_usize).collect::<Result<_, _>>()?;
        let mut shape = own.clone();
        if let Some(given) = given {
            shape =
                elements::<i64>(given)?.iter().map(|len| usize::try_from(*len)).collect::<Result<_, _>>()?;
            ensure!(
                shape.len() == own.len() && shape.iter().zip(&own).all(|(given, own)| given >= own),
                "expected an output_shape of {own:?} or more, got {shape:?}"
            );
        }
        let count = volume(&own, size_of::<T>())?;
        let mut y = filled(&shape, T::zero())?;
        for (x, index) in elements::<T>(x)?.iter().zip(elements::<i64>(indices)?) {
            let Some(mut index) = usize::try_from(*index).ok().filter(|index| *index < count) else {
                bail!("expected indices of 0..{count}, got {index}")
            };
            let (mut place, mut step) = (0, 1);
            for (own, given) in own.iter().zip(&shape).rev() {
                place += index % own * step;
                index /= own;
                step *= given;
            }
            y[place] = *x;
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for MaxUnpool {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, indices] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        kernel::accept("the indices", indices, &[DatumType::I64])?;
        let own = self.shape(&x.shape.to_tvec())?;
        let shape = match kernel::optional(inputs, 2) {
            None => own,
            Some(given) => match kernel::ints_of(given) {
                Some(given) => given,
                None => (0..own.len()).map(|axis| lengths.unknown(0, axis)).collect(),
            },
        };
        Ok(tvec!(kernel::fact(x.datum_type, shape)?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, indices] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::place(x.datum_type())(
            self,
            x,
            indices,
            kernel::optional(&inputs, 2)
        ))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, ints, node};

    fn unpool() -> NodeProto {
        node("", "MaxUnpool", vec![ints("kernel_shape", &[2]), ints("strides", &[2])])
    }

    fn inputs(indices: [i64; 2]) -> [Option<Tensor>; 2] {
        [Some(tensor3(&[[[5f32, 6.]]])), Some(tensor3(&[[indices]]))]
    }

    #[test]
    fn what_was_kept_goes_back_among_zeros() {
        expect(unpool(), &inputs([1, 2]), &[tensor3(&[[[0f32, 5., 6., 0.]]])]);
        let [x, indices] = inputs([1, 2]);
        let larger = [x, indices, Some(tensor1(&[1i64, 1, 5]))];
        expect(unpool(), &larger, &[tensor3(&[[[0f32, 5., 6., 0., 0.]]])]);
    }

    #[test]
    fn indices_and_shapes_that_do_not_fit_are_refused() {
        let error = format!("{:#}", compute(unpool(), &inputs([1, 4])).unwrap_err());
        assert!(error.contains("indices of 0..4, got 4"), "{error}");
        let [x, indices] = inputs([1, 2]);
        let error = compute(unpool(), &[x, indices, Some(tensor1(&[1i64, 1, 3]))]).unwrap_err();
        assert!(format!("{error:#}").contains("output_shape of [1, 1, 4] or more"));
    }
}
