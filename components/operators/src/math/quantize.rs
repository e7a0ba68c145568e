//! `ai.onnx.QuantizeLinear` and `DequantizeLinear`: `saturate(round(x / scale) + zero point)` and
//! `(x - zero point) * scale`.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html> and
//! <https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html>.
//! Inputs: x of any shape, a scale and optionally a zero point of its shape: one for all, one for each index
//! along `axis`, or, with `block_size`, one for each block along `axis`. Quantizes f16, float and int32 to
//! int8, uint8, int16 and uint16, the type of the zero point or `output_dtype`, else uint8, and rounds half
//! to even. Dequantizes those and int32 to the scale's type or `output_dtype`. The quotient and the product
//! are float, or half if the scale is. tract multiplies by the reciprocal of the scale, which rounds
//! differently, and knows neither blocks nor 16 bits nor scales that are computed; its `DequantizeLinear` is
//! used where it is right. Errors: other types, shapes that do not fit, an axis out of range.

use edgewit_kernels::int8::{self, Side};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements, optional};
use crate::upstream;

const QUANTIZED: [DatumType; 5] =
    [DatumType::I8, DatumType::U8, DatumType::I16, DatumType::U16, DatumType::I32];

pub(super) fn quantize_linear(ctx: &ParsingContext, node: &NodeProto) -> Built {
    kernel::wire(ctx, node, Linear::read(node, false)?)
}

pub(super) fn dequantize_linear(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let own = Linear::read(node, true)?;
    // tract refuses blocks when it reads the node.
    if own.block > 0 || own.output.is_some() {
        return kernel::wire(ctx, node, own);
    }
    let suits = |inputs: &[TypedFact]| match inputs {
        [x, scale, rest @ ..] => {
            let given = |fact: &TypedFact| fact.konst.is_some() && fact.rank() <= 1;
            scale.datum_type == f32::datum_type()
                && given(scale)
                && rest.iter().all(given)
                && [DatumType::I8, DatumType::U8].contains(&x.datum_type)
        }
        _ => false,
    };
    upstream::build_if(ctx, node, suits, own)
}

#[derive(Debug)]
struct Linear {
    back: bool,
    axis: i64,
    block: usize,
    output: Option<DatumType>,
    /// Of the quotient, if not the scale's.
    half: Option<bool>,
}

impl Linear {
    fn read(node: &NodeProto, back: bool) -> TractResult<Self> {
        let data_type = |name: &str| -> TractResult<Option<DatumType>> {
            match node.get_attr_opt::<i64>(name)?.unwrap_or(0) {
                0 => Ok(None),
                code => {
                    let code = i32::try_from(code).ok().and_then(|code| DataType::try_from(code).ok());
                    Ok(Some(code.with_context(|| format!("expected a type as {name}"))?.try_into()?))
                }
            }
        };
        let output = data_type("output_dtype")?;
        if let Some(output) = output {
            let known: &[_] = if back { &[DatumType::F16, DatumType::F32] } else { &QUANTIZED[..4] };
            ensure!(known.contains(&output), "expected an output_dtype of {known:?}, got {output:?}");
        }
        let half = data_type("precision")?.map(|dt| dt == f16::datum_type());
        let block = node.get_attr_opt("block_size")?.unwrap_or(0usize);
        Ok(Self { back, axis: node.get_attr_opt("axis")?.unwrap_or(1), block, output, half })
    }

    fn output(&self, scale: DatumType, zero: Option<DatumType>) -> DatumType {
        match self.output {
            Some(output) => output,
            None if self.back => scale,
            None => zero.unwrap_or(DatumType::U8),
        }
    }

    /// Floats as bytes of one scale, the usual case, eight at a time.
    fn bytes(&self, x: &Tensor, scale: &Tensor, zero: Option<&Tensor>) -> TractResult<Option<Tensor>> {
        let output = self.output(scale.datum_type(), zero.map(Tensor::datum_type));
        let floats = x.datum_type() == DatumType::F32 && scale.datum_type() == DatumType::F32;
        let plain = floats && scale.len() == 1 && self.block == 0 && self.half != Some(true);
        if self.back || !plain || ![DatumType::I8, DatumType::U8].contains(&output) {
            return Ok(None);
        }
        let zero = zero.map(|zero| zero.cast_to::<i32>()).transpose()?;
        let zero = zero.as_ref().map(|zero| elements::<i32>(zero)).transpose()?;
        let side = Side { zero: zero.map_or(0, |zero| zero[0]), signed: output == DatumType::I8 };
        let mut y = Tensor::zero_dt(output, x.shape())?;
        let scale = elements::<f32>(scale)?[0];
        int8::quantize(elements::<f32>(x)?, scale, side, y.try_as_plain_ram_mut()?.as_bytes_mut());
        Ok(Some(y))
    }

    /// For the index of an element the index of its scale.
    fn scale_at(&self, x: &[usize], scale: &[usize]) -> TractResult<Box<dyn Fn(usize) -> usize>> {
        if scale.iter().product::<usize>() == 1 {
            return Ok(Box::new(|_| 0));
        }
        let rank = x.len();
        let axis = if self.axis < 0 { self.axis.saturating_add(rank as i64) } else { self.axis };
        // A vector has no axis but one.
        let axis = if rank == 1 { 0 } else { usize::try_from(axis).unwrap_or(rank) };
        ensure!(axis < rank, "expected an axis of an input of rank {rank}, got {}", self.axis);
        let (len, inner) = (x[axis], x[axis + 1..].iter().product::<usize>());
        if self.block == 0 {
            ensure!(scale == [len], "expected {len} scales along axis {axis}, got shape {scale:?}");
            return Ok(Box::new(move |ix| ix / inner % len));
        }
        let block = self.block;
        let mut expected = x.to_vec();
        expected[axis] = len.div_ceil(block);
        ensure!(scale == expected, "expected scales {expected:?} for blocks of {block}, got {scale:?}");
        let blocks = expected[axis];
        Ok(Box::new(move |ix| {
            let (outer, along) = (ix / inner / len, ix / inner % len);
            (outer * blocks + along / block) * inner + ix % inner
        }))
    }
}

impl Kernel for Linear {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, scale] = kernel::required(inputs)?;
        let zero = optional(inputs, 2);
        let floats = [DatumType::F16, DatumType::F32, DatumType::I32];
        if self.back {
            kernel::accept("the input", x, &QUANTIZED)?;
            kernel::accept("a scale", scale, &floats[..2])?;
        } else {
            kernel::accept("the input", x, &floats)?;
            kernel::accept("a scale", scale, &floats)?;
        }
        if let Some(zero) = zero {
            let expected = if self.back { x.datum_type } else { self.output.unwrap_or(zero.datum_type) };
            ensure!(QUANTIZED.contains(&expected), "expected a quantized type, got {expected:?}");
            kernel::accept("a zero point", zero, &[expected])?;
        }
        let output = self.output(scale.datum_type, zero.map(|zero| zero.datum_type));
        Ok(tvec!(output.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, scale] = kernel::required(&inputs)?;
        let zero = optional(&inputs, 2);
        if let Some(zero) = zero {
            ensure!(
                zero.len() == scale.len(),
                "expected a zero point for each scale, got {:?} and {:?}",
                zero.shape(),
                scale.shape()
            );
        }
        if let Some(y) = self.bytes(x, scale, zero)? {
            return Ok(tvec!(y));
        }
        let at = self.scale_at(x.shape(), scale.shape())?;
        let output = self.output(scale.datum_type(), zero.map(Tensor::datum_type));
        let scales = scale.cast_to::<f32>()?;
        let scales = elements::<f32>(&scales)?;
        let zeros = zero.map(|zero| zero.cast_to::<i32>()).transpose()?;
        let zeros = zeros.as_ref().map(|zeros| elements::<i32>(zeros)).transpose()?;
        let zero_at = |ix: usize| zeros.map_or(0, |zeros| i64::from(zeros[ix]));
        let y = if self.back {
            let x = x.cast_to::<i32>()?;
            let product = |(ix, x): (usize, &i32)| (i64::from(*x) - zero_at(at(ix))) as f32 * scales[at(ix)];
            let y = elements::<i32>(&x)?.iter().enumerate().map(product);
            kernel::tensor_of(x.shape(), y.collect())?
        } else {
            let half = self.half.unwrap_or(scale.datum_type() == f16::datum_type());
            let (low, high) = match output {
                DatumType::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
                DatumType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
                DatumType::U16 => (0, i64::from(u16::MAX)),
                _ => (0, i64::from(u8::MAX)),
            };
            let quantum = |(ix, x): (usize, &f32)| {
                let mut quotient = x / scales[at(ix)];
                if half {
                    quotient = f16::from_f32(quotient).to_f32();
                }
                // No quotient is out of the range of 64 bits: it saturates.
                let quantum = (quotient.round_ties_even() as i64).saturating_add(zero_at(at(ix)));
                quantum.clamp(low, high) as i32
            };
            let x = x.cast_to::<f32>()?;
            let y = elements::<f32>(&x)?.iter().enumerate().map(quantum);
            kernel::tensor_of(x.shape(), y.collect())?
        };
        Ok(tvec!(y.cast_to_dt(output)?.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    #[test]
    fn a_quotient_is_rounded_half_to_even_and_saturated() {
        let x = Some(tensor1(&[1f32, 3.0, -300.0, 1e30, f32::NEG_INFINITY]));
        let inputs = [x, Some(tensor0(2f32)), Some(tensor0(10i8))];
        expect(node("", "QuantizeLinear", vec![]), &inputs, &[tensor1(&[10i8, 12, -128, 127, -128])]);
    }

    #[test]
    fn without_a_zero_point_bytes_are_unsigned() {
        let inputs = [Some(tensor1(&[1f32, -3.0])), Some(tensor0(1f32))];
        expect(node("", "QuantizeLinear", vec![]), &inputs, &[tensor1(&[1u8, 0])]);
        let wide = node("", "QuantizeLinear", vec![int("output_dtype", 5)]);
        expect(wide, &inputs, &[tensor1(&[1i16, -3])]);
    }

    #[test]
    fn each_index_of_the_axis_may_have_its_scale() {
        let scale = || Some(tensor1(&[1f32, 10.0]));
        let zero = || Some(tensor1(&[0u16, 5]));
        let x = tensor2(&[[30f32, 30.0], [50.0, 50.0]]);
        let q = tensor2(&[[30u16, 8], [50, 10]]);
        expect(
            node("", "QuantizeLinear", vec![]),
            &[Some(x.clone()), scale(), zero()],
            std::slice::from_ref(&q),
        );
        expect(node("", "DequantizeLinear", vec![]), &[Some(q), scale(), zero()], std::slice::from_ref(&x));
        let q = tensor2(&[[30u16, 30], [10, 10]]);
        let rows = node("", "QuantizeLinear", vec![int("axis", -2)]);
        expect(rows, &[Some(x), scale(), zero()], &[q]);
    }

    #[test]
    fn each_block_of_the_axis_may_have_its_scale() {
        let scale = || Some(tensor2(&[[1f32, 10.0], [2.0, 5.0]]));
        let x = tensor2(&[[10f32, 20.0, 30.0], [10.0, 20.0, 30.0]]);
        let q = tensor2(&[[10i8, 20, 3], [5, 10, 6]]);
        let zero = || Some(tensor2(&[[0i8, 0], [0, 0]]));
        let blocked = |op: &str| node("", op, vec![int("block_size", 2)]);
        expect(blocked("QuantizeLinear"), &[Some(x.clone()), scale(), zero()], std::slice::from_ref(&q));
        expect(blocked("DequantizeLinear"), &[Some(q), scale(), zero()], &[x]);
    }

    #[test]
    fn half_precision_is_kept() {
        let half = |x: f32| tensor0(f16::from_f32(x));
        let dequantize = node("", "DequantizeLinear", vec![]);
        expect(dequantize, &[Some(tensor0(4i32)), Some(half(0.5))], &[half(2.0)]);
    }

    #[test]
    fn scales_that_do_not_fit_are_refused() {
        let refused = |node, scale, expected: &str| {
            let inputs = [Some(tensor2(&[[1f32, 2.0]])), Some(scale)];
            let error = format!("{:#}", compute(node, &inputs).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        let quantize = |attributes| node("", "QuantizeLinear", attributes);
        refused(quantize(vec![]), tensor1(&[1f32, 2.0, 3.0]), "expected 2 scales along axis 1");
        refused(quantize(vec![int("axis", 2)]), tensor1(&[1f32, 2.0]), "axis of an input of rank 2, got 2");
        refused(quantize(vec![int("block_size", 2)]), tensor1(&[1f32, 2.0]), "expected scales [1, 1]");
        refused(quantize(vec![int("output_dtype", 1)]), tensor0(1f32), "expected an output_dtype");
    }
}
