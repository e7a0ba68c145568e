//! `ai.onnx.CausalConvWithState`: a convolution of each channel with its own past, whose end is kept for the
//! next call.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html>.
//! Inputs: `[B, C, L]`, weights `[C, 1, K]`, then optionally a bias `[C]` and the past `[B, C, K - 1]` (else
//! zeros); f16 or float. Outputs: `[B, C, L]`, through SiLU if `activation` is `silu` or `swish`, and the
//! last K - 1 positions of past and input, `[B, C, K - 1]`. Computed as float.
//! Errors: shapes that do not fit each other, an empty kernel, an unknown activation.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn causal_conv_with_state(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let silu = match node.get_attr_opt("activation")?.unwrap_or("none") {
        "none" => false,
        "silu" | "swish" => true,
        other => bail!("expected the activation none, silu or swish, got {other}"),
    };
    kernel::wire(ctx, node, CausalConvWithState { silu })
}

#[derive(Debug)]
struct CausalConvWithState {
    silu: bool,
}

impl Kernel for CausalConvWithState {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x, weight] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F16, DatumType::F32])?;
        for (what, ix) in [("weights", 1), ("a bias", 2), ("a past", 3)] {
            if let Some(fact) = kernel::optional(inputs, ix) {
                kernel::accept(what, fact, &[x.datum_type])?;
            }
        }
        ensure!(
            x.rank() == 3 && weight.rank() == 3,
            "expected an input [B, C, L] and weights [C, 1, K], got {:?} and {:?}",
            x.shape,
            weight.shape
        );
        let kept = weight.shape[2].clone() - 1;
        let state = x.datum_type.fact(&[x.shape[0].clone(), x.shape[1].clone(), kept]);
        Ok(tvec!(x.datum_type.fact(x.shape.iter()), state))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x, weight] = kernel::required(&inputs)?;
        let (&[batch, channels, length], &[outputs, 1, size]) = (x.shape(), weight.shape()) else {
            bail!(
                "expected an input [B, C, L] and weights [C, 1, K], got {:?} and {:?}",
                x.shape(),
                weight.shape()
            )
        };
        ensure!(size > 0, "expected a kernel of at least one position");
        ensure!(outputs == channels, "expected weights for {channels} channels, got {outputs}");
        let kept = size - 1;
        let bias = kernel::optional(&inputs, 2);
        if let Some(bias) = bias {
            ensure!(bias.shape() == [channels], "expected a bias [{channels}], got {:?}", bias.shape());
        }
        let dt = x.datum_type();
        let past = match kernel::optional(&inputs, 3) {
            Some(past) => past.clone(),
            None => Tensor::zero_dt(dt, &[batch, channels, kept])?,
        };
        let expected = [batch, channels, kept];
        ensure!(past.shape() == expected, "expected a past {expected:?}, got {:?}", past.shape());
        let whole = Tensor::stack_tensors(2, &[&past, x])?;
        // tract cuts no empty slice off the end.
        let state = if kept == 0 { past } else { whole.slice(2, length, length + kept)? };

        let [whole, weight] = [whole.cast_to::<f32>()?, weight.cast_to::<f32>()?];
        let [whole, weight] = [elements::<f32>(&whole)?, elements::<f32>(&weight)?];
        let bias = bias.map(|bias| bias.cast_to::<f32>()).transpose()?;
        let bias = bias.as_ref().map(|bias| elements::<f32>(bias)).transpose()?;
        let mut output = Vec::with_capacity(x.len());
        if length > 0 {
            for (ix, past) in whole.chunks_exact(length + kept).enumerate() {
                let channel = ix % channels;
                let weight = &weight[channel * size..][..size];
                let start = bias.map_or(0.0, |bias| bias[channel]);
                let sums =
                    past.windows(size).map(|x| x.iter().zip(weight).fold(start, |sum, (x, w)| sum + x * w));
                if self.silu {
                    output.extend(sums.map(|sum| sum / (1.0 + (-sum).exp())));
                } else {
                    output.extend(sums);
                }
            }
        }
        let output = kernel::tensor_of(x.shape(), output)?;
        Ok(tvec!(output.cast_to_dt(dt)?.into_owned(), state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node, string};

    fn conv(activation: &str) -> NodeProto {
        let mut node = node("", "CausalConvWithState", vec![string("activation", activation)]);
        node.output = vec!["y".into(), "state".into()];
        node
    }

    #[test]
    fn a_channel_is_convolved_with_its_own_past() {
        let x = tensor3(&[[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
        let weight = tensor3(&[[[10f32, 1.0]], [[0.0, 2.0]]]);
        let output = tensor3(&[[[1f32, 12.0, 23.0], [8.0, 10.0, 12.0]]]);
        let state = tensor3(&[[[3f32], [6.0]]]);
        expect(conv("none"), &[Some(x), Some(weight)], &[output, state]);
    }

    #[test]
    fn the_state_of_a_call_is_the_past_of_the_next() {
        let weight = Some(tensor3(&[[[100f32, 10.0, 1.0]]]));
        let bias = Some(tensor1(&[0.5f32]));
        let past = Some(tensor3(&[[[1f32, 2.0]]]));
        let outputs = [tensor3(&[[[123.5f32]]]), tensor3(&[[[2f32, 3.0]]])];
        expect(conv("none"), &[Some(tensor3(&[[[3f32]]])), weight, bias, past], &outputs);
    }

    #[test]
    fn silu_follows_if_asked_for() {
        let inputs = [Some(tensor3(&[[[2f32]]])), Some(tensor3(&[[[0.5f32]]]))];
        let state = Tensor::zero::<f32>(&[1, 1, 0]).unwrap();
        for activation in ["silu", "swish"] {
            expect(conv(activation), &inputs, &[tensor3(&[[[0.731_058_6f32]]]), state.clone()]);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |node, inputs: &[Tensor], expected: &str| {
            let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
            let error = format!("{:#}", compute(node, &inputs).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        let x = tensor3(&[[[2f32]]]);
        refused(conv("relu"), &[x.clone(), x.clone()], "none, silu or swish, got relu");
        refused(conv("none"), &[x.clone(), tensor3(&[[[1f32]], [[1.0]]])], "1 channels, got 2");
        refused(conv("none"), &[x.clone(), x.clone(), tensor1(&[1f32]), x], "expected a past [1, 1, 0]");
    }
}
