//! The functions by which gates and states are activated.
//!
//! Source: the descriptions of the activations in the operators' pages.

use tract_onnx::tract_hir::internal::tract_num_traits::{AsPrimitive, Float};
use tract_onnx::tract_hir::internal::*;

/// A function, with its alpha and beta where it has them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Activation {
    Affine(f32, f32),
    Elu(f32),
    HardSigmoid(f32, f32),
    LeakyRelu(f32),
    Relu,
    ScaledTanh(f32, f32),
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu(f32),
}

impl Activation {
    /// Takes the next of the alphas and betas if the function has such a parameter.
    pub(super) fn read(name: &str, [alphas, betas]: &mut [std::vec::IntoIter<f32>; 2]) -> TractResult<Self> {
        let mut alpha = |default: f32| alphas.next().unwrap_or(default);
        let mut beta = |default: f32| betas.next().unwrap_or(default);
        Ok(match &*name.to_ascii_lowercase() {
            "affine" => Self::Affine(alpha(1.0), beta(0.0)),
            "elu" => Self::Elu(alpha(1.0)),
            "hardsigmoid" => Self::HardSigmoid(alpha(0.2), beta(0.5)),
            "leakyrelu" => Self::LeakyRelu(alpha(0.01)),
            "relu" => Self::Relu,
            "scaledtanh" => Self::ScaledTanh(alpha(1.0), beta(1.0)),
            "sigmoid" => Self::Sigmoid,
            "softplus" => Self::Softplus,
            "softsign" => Self::Softsign,
            "tanh" => Self::Tanh,
            "thresholdedrelu" => Self::ThresholdedRelu(alpha(1.0)),
            _ => bail!("expected an activation that ONNX names, got {name}"),
        })
    }

    pub(super) fn apply<C: Float + 'static>(self, x: C) -> C
    where
        f32: AsPrimitive<C>,
    {
        let [zero, one] = [C::zero(), C::one()];
        match self {
            Self::Affine(alpha, beta) => alpha.as_() * x + beta.as_(),
            Self::Elu(alpha) if x < zero => alpha.as_() * x.exp_m1(),
            Self::LeakyRelu(alpha) if x < zero => alpha.as_() * x,
            Self::Elu(_) | Self::LeakyRelu(_) => x,
            Self::HardSigmoid(alpha, beta) => (alpha.as_() * x + beta.as_()).max(zero).min(one),
            Self::Relu => x.max(zero),
            Self::ScaledTanh(alpha, beta) => alpha.as_() * (beta.as_() * x).tanh(),
            Self::Sigmoid => one / (one + (-x).exp()),
            // Of a large x the exponential is infinite, and the logarithm x.
            Self::Softplus => x.max(zero) + (-x.abs()).exp().ln_1p(),
            Self::Softsign => x / (one + x.abs()),
            Self::Tanh => x.tanh(),
            Self::ThresholdedRelu(alpha) => {
                if x > alpha.as_() {
                    x
                } else {
                    zero
                }
            }
        }
    }
}
