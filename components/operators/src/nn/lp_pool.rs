//! `ai.onnx.LpPool` and `ai.onnx.GlobalLpPool`: the p-norm of each window, or of each whole image.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__LpPool.html>,
//! <https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html>; upstream's of the latter is divided by the image's size.
//! Input `[N, C, D1, ..]` of a float type, output `[N, C, O1, ..]` of the same type; padding counts as zeros. With
//! `ceil_mode` a last window is added that begins within the input, as onnxruntime has it.
//! Errors: a kernel of another rank or larger than the padded input, p less than 1.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::window::{Axis, Window};
use super::{FLOATS, Real, dispatch_real};
use crate::array::pick::{advance, filled};
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn lp_pool(ctx: &ParsingContext, node: &NodeProto) -> Built {
    super::wire_real(ctx, node, LpPool { p: read_p(node)?, window: Window::read(node)? })
}

pub(crate) fn global_lp_pool(ctx: &ParsingContext, node: &NodeProto) -> Built {
    super::wire_real(ctx, node, GlobalLpPool { p: read_p(node)? })
}

fn read_p(node: &NodeProto) -> TractResult<f64> {
    // The first version has p as a float.
    let p = match node.get_attr_opt::<i64>("p") {
        Ok(p) => p.unwrap_or(2) as f64,
        Err(_) => f64::from(node.get_attr::<f32>("p")?),
    };
    ensure!(p >= 1.0, "expected p of 1 or more, got {p}");
    Ok(p)
}

fn norm<T: Real>(p: f64, values: impl Iterator<Item = T>) -> T {
    if p == 1.0 {
        values.fold(T::zero(), |sum, x| sum + x.abs())
    } else if p == 2.0 {
        values.fold(T::zero(), |sum, x| sum + x * x).sqrt()
    } else {
        let p = T::of(p);
        values.fold(T::zero(), |sum, x| sum + x.abs().powf(p)).powf(p.recip())
    }
}

#[derive(Debug)]
struct LpPool {
    p: f64,
    window: Window,
}

impl LpPool {
    fn axes(&self, rank: usize) -> TractResult<Vec<Axis>> {
        let kernel = &self.window.kernel;
        ensure!(
            !kernel.is_empty() && rank == kernel.len() + 2,
            "expected an input [N, C, ..] with the axes of the kernel {kernel:?}, got rank {rank}"
        );
        self.window.axes(kernel)
    }

    fn pool<T: Real>(&self, x: &Tensor) -> TractResult<Tensor> {
        let mut axes = self.axes(x.rank())?;
        let (outer, spatial) = x.shape().split_at(2);
        let mut shape = outer.to_vec();
        for (axis, len) in axes.iter_mut().zip(spatial) {
            shape.push(axis.resolve(*len)?);
        }
        let mut y = filled(&shape, T::zero())?;
        let (x, windows) = (elements::<T>(x)?, &shape[2..]);
        let (size, count): (usize, usize) = (spatial.iter().product(), windows.iter().product());
        if y.is_empty() || size == 0 {
            return tensor_of(&shape, y);
        }
        let mut at = vec![0; windows.len()];
        for window in 0..count {
            let mut places = vec![0];
            for ((axis, at), len) in axes.iter().zip(&at).zip(spatial) {
                let along: Vec<usize> = axis.places(*at, *len).collect();
                places = places
                    .iter()
                    .flat_map(|base| along.iter().map(move |place| base * len + place))
                    .collect();
            }
            for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(count)) {
                y[window] = norm(self.p, places.iter().map(|place| x[*place]));
            }
            advance(&mut at, windows);
        }
        tensor_of(&shape, y)
    }
}

impl Kernel for LpPool {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        let mut shape = x.shape.to_tvec();
        for (ix, axis) in self.axes(shape.len())?.iter().enumerate() {
            shape[ix + 2] = axis.windows(&shape[ix + 2])?.unwrap_or_else(|| lengths.unknown(0, ix + 2));
        }
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::pool(x.datum_type())(self, x))?))
    }
}

#[derive(Debug)]
struct GlobalLpPool {
    p: f64,
}

impl GlobalLpPool {
    fn pool<T: Real>(&self, x: &Tensor) -> TractResult<Tensor> {
        ensure!(x.rank() >= 2, "expected an input [N, C, ..], got shape {:?}", x.shape());
        let mut shape = x.shape().to_vec();
        shape[2..].fill(1);
        let mut y = filled(&shape, T::zero())?;
        let planes = elements::<T>(x)?.chunks_exact((x.len() / y.len().max(1)).max(1));
        y.iter_mut().zip(planes).for_each(|(y, plane)| *y = norm(self.p, plane.iter().copied()));
        tensor_of(&shape, y)
    }
}

impl Kernel for GlobalLpPool {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &FLOATS)?;
        let mut shape = x.shape.to_tvec();
        shape.iter_mut().skip(2).for_each(|len| *len = 1.to_dim());
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        Ok(tvec!(dispatch_real!(Self::pool(x.datum_type())(self, x))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, int, ints, node, refuse};

    fn pool(p: i64, kernel: &[i64], pads: &[i64], ceil: i64) -> NodeProto {
        let window =
            vec![int("p", p), ints("kernel_shape", kernel), ints("pads", pads), int("ceil_mode", ceil)];
        let mut node = node("", "LpPool", window);
        node.attribute.push(ints("strides", &vec![2; kernel.len()]));
        node
    }

    #[test]
    fn each_window_has_its_norm() {
        let x = || Some(tensor3(&[[[3f32, -4., 1., 2.]]]));
        expect(pool(1, &[2], &[], 0), &[x()], &[tensor3(&[[[7f32, 3.]]])]);
        expect(pool(2, &[2], &[], 0), &[x()], &[tensor3(&[[[5f32, 5f32.sqrt()]]])]);
        expect(pool(3, &[2], &[], 0), &[x()], &[tensor3(&[[[91f32.cbrt(), 9f32.cbrt()]]])]);
        expect(pool(2, &[2], &[1, 1], 0), &[x()], &[tensor3(&[[[3f32, 17f32.sqrt(), 2.]]])]);
    }

    #[test]
    fn the_ceiling_adds_a_window_within_the_input() {
        let x = || Some(tensor3(&[[[3f64, 4., 2.]]]));
        expect(pool(2, &[2], &[], 0), &[x()], &[tensor3(&[[[5f64]]])]);
        expect(pool(2, &[2], &[], 1), &[x()], &[tensor3(&[[[5f64, 2.]]])]);
    }

    #[test]
    fn a_whole_image_has_one_norm() {
        let x = || Some(tensor4(&[[[[3f32, -4.], [0., 0.]], [[1., 1.], [1., -1.]]]]));
        let global = |p: i64| node("", "GlobalLpPool", vec![int("p", p)]);
        expect(global(2), &[x()], &[tensor4(&[[[[5f32]], [[2.]]]])]);
        expect(global(1), &[x()], &[tensor4(&[[[[7f32]], [[4.]]]])]);
    }

    #[test]
    fn kernels_that_do_not_fit_are_refused() {
        refuse(pool(2, &[2, 2], &[], 0), tensor3(&[[[1f32]]]), "the axes of the kernel [2, 2], got rank 3");
        refuse(pool(2, &[2], &[], 0), tensor3(&[[[1f32]]]), "a window of 2 fits in");
        refuse(pool(2, &[i64::MAX], &[], 0), tensor3(&[[[1f32]]]), "in the range of int32");
    }
}
