//! `ai.onnx.Upsample` (until opset 9) and `ai.onnx.Resize` of opset 10: axes get longer or shorter by scales.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Upsample.html>,
//! <https://onnx.ai/onnx/operators/text_diff_Resize_10_11.html>.
//! Input: any type; numbers for `linear`. The scales are an attribute or, from opset 9, an input of one float per axis.
//! Output: each axis as long as `floor(len * scale)`, its element `i` being that at `i / scale`: for `nearest` the one
//! before it, or after it where the axis gets shorter; for `linear` between both. Errors: scales of 0 or less, or less
//! than 1 for Upsample; more or fewer than axes.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{Real, dispatch_real};
use crate::array::pick::{filled, pick_along, volume};
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn upsample(ctx: &ParsingContext, node: &NodeProto) -> Built {
    read(ctx, node, 1.0)
}

pub(crate) fn resize_10(ctx: &ParsingContext, node: &NodeProto) -> Built {
    read(ctx, node, f32::MIN_POSITIVE)
}

fn read(ctx: &ParsingContext, node: &NodeProto, least: f32) -> Built {
    let linear = match node.get_attr_opt("mode")?.unwrap_or("nearest") {
        "nearest" => false,
        // The first versions call it bilinear.
        "linear" | "bilinear" => true,
        other => bail!("expected the mode nearest or linear, got {other:?}"),
    };
    let mut scales = attributes::floats(node, "scales")?;
    if let (Some(height), Some(width)) =
        (node.get_attr_opt("height_scale")?, node.get_attr_opt("width_scale")?)
    {
        scales = vec![1.0, 1.0, height, width];
    }
    kernel::wire(ctx, node, Upsample { linear, scales, least })
}

#[derive(Debug)]
struct Upsample {
    linear: bool,
    scales: Vec<f32>,
    /// The least scale that is allowed.
    least: f32,
}

impl Upsample {
    fn scales(&self, rank: usize, given: Option<&Tensor>) -> TractResult<Vec<f32>> {
        let scales = match given {
            Some(given) => elements::<f32>(given)?.to_vec(),
            None => self.scales.clone(),
        };
        ensure!(
            scales.len() == rank && scales.iter().all(|scale| *scale >= self.least && scale.is_finite()),
            "expected {rank} scales of {} or more, got {scales:?}",
            self.least
        );
        Ok(scales)
    }

    fn interpolate<T: Real>(x: &Tensor, shape: &[usize], scales: &[f32]) -> TractResult<Tensor> {
        let cast = x.cast_to::<T>()?;
        let (mut from, mut data) = (x.shape().to_vec(), elements::<T>(&cast)?.to_vec());
        for (axis, scale) in scales.iter().enumerate().filter(|(_, scale)| **scale != 1.0) {
            let (len, inner) = (from[axis], from[axis + 1..].iter().product::<usize>());
            from[axis] = shape[axis];
            let mut longer = filled(&from, T::zero())?;
            if !longer.is_empty() {
                let rows = longer.chunks_exact_mut(shape[axis] * inner);
                for (x, y) in data.chunks_exact(len * inner).zip(rows) {
                    for (to, y) in y.chunks_exact_mut(inner).enumerate() {
                        let at = (to as f32 / scale).min((len - 1) as f32);
                        let (low, part) = (at as usize, T::of(f64::from(at.fract())));
                        let (low, high) = (&x[low * inner..], &x[(low + 1).min(len - 1) * inner..]);
                        let pairs = low.iter().zip(high);
                        y.iter_mut()
                            .zip(pairs)
                            .for_each(|(y, (low, high))| *y = *low + (*high - *low) * part);
                    }
                }
            }
            data = longer;
        }
        Ok(tensor_of(shape, data)?.cast_to_dt(x.datum_type())?.into_owned())
    }
}

fn lengthened(len: usize, scale: f32) -> usize {
    (len as f32 * scale) as usize
}

impl Kernel for Upsample {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        ensure!(!self.linear || x.datum_type.is_number(), "expected numbers, got {:?}", x.datum_type);
        let given = kernel::optional(inputs, 1);
        if let Some(given) = given {
            kernel::accept("the scales", given, &[DatumType::F32])?;
        }
        let scales = match given.map(|given| given.konst.as_deref()) {
            Some(None) => None,
            known => Some(self.scales(x.rank(), known.flatten())?),
        };
        let shape = x.shape.iter().enumerate().map(|(axis, len)| {
            match (scales.as_ref().map(|scales| scales[axis]), len.to_usize()) {
                (Some(scale), Ok(len)) => lengthened(len, scale).to_dim(),
                (Some(scale), _) if scale.fract() == 0.0 && scale < 1e6 => len.clone() * scale as usize,
                _ => lengths.unknown(0, axis),
            }
        });
        Ok(tvec!(kernel::fact(x.datum_type, shape.collect())?))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let scales = self.scales(x.rank(), kernel::optional(&inputs, 1))?;
        let lens = x.shape().iter().zip(&scales);
        let shape: Vec<usize> = lens.clone().map(|(len, scale)| lengthened(*len, *scale)).collect();
        volume(&shape, size_of::<f64>())?;
        if self.linear {
            let wide = if x.datum_type() == f64::datum_type() { DatumType::F64 } else { DatumType::F32 };
            return Ok(tvec!(dispatch_real!(Self::interpolate(wide)(x, &shape, &scales))?));
        }
        let map = |((len, scale), to): ((&usize, &f32), &usize)| -> Vec<usize> {
            let whole = if *scale < 1.0 { f32::ceil } else { f32::floor };
            (0..*to).map(|at| (whole(at as f32 / scale) as usize).min(len - 1)).collect()
        };
        let maps: Vec<Vec<usize>> = lens.zip(&shape).map(map).collect();
        Ok(tvec!(pick_along(x, &maps, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn upsample(mode: &str) -> NodeProto {
        node("", "Upsample", vec![string("mode", mode)])
    }

    fn inputs(scales: [f32; 2]) -> [Option<Tensor>; 2] {
        [Some(tensor2(&[[1f32, 3.]])), Some(tensor1(&scales))]
    }

    #[test]
    fn elements_are_repeated_or_interpolated() {
        let repeated = tensor2(&[[1f32, 1., 3., 3.], [1., 1., 3., 3.]]);
        expect(upsample("nearest"), &inputs([2., 2.]), &[repeated]);
        expect(upsample("linear"), &inputs([1., 2.]), &[tensor2(&[[1f32, 2., 3., 3.]])]);
        expect(upsample("nearest"), &inputs([1., 1.5]), &[tensor2(&[[1f32, 1., 3.]])]);
    }

    #[test]
    fn an_axis_may_get_shorter_in_resize() {
        let x = tensor1(&[1f32, 2., 3., 4.]);
        let kernel = Upsample { linear: false, scales: vec![], least: 0.1 };
        let y = kernel.run(tvec!(Some(x.into_tvalue()), Some(tensor1(&[0.6f32]).into_tvalue()))).unwrap();
        assert_eq!(y[0], tensor1(&[1f32, 3.]));
    }

    #[test]
    fn scales_that_cannot_be_are_refused() {
        let refused =
            |scales: [f32; 2]| format!("{:#}", compute(upsample("linear"), &inputs(scales)).unwrap_err());
        assert!(refused([1., 0.5]).contains("expected 2 scales of 1 or more"));
        assert!(refused([1., f32::NAN]).contains("expected 2 scales of 1 or more"));
        assert!(refused([1., 1e12]).contains("less than 2 GiB"));
    }
}
