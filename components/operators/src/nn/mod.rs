//! Operators of `ai.onnx` for networks, mostly on images, one file each.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_num_traits::Float;

use crate::kernel::{self, Built, Kernel, Lengths};

mod affine_grid;
mod batch_norm;
mod bernoulli;
mod col2im;
mod conv;
mod conv_transpose;
mod deform_conv;
mod dropout;
mod grid_sample;
mod loss;
mod lp_pool;
mod max_pool;
mod max_roi_pool;
mod max_unpool;
mod non_max_suppression;
mod random;
mod random_tensor;
mod resize;
mod roi_align;
mod upsample;
mod window;

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("AffineGrid", affine_grid::affine_grid);
    register.insert("BatchNormalization", batch_norm::batch_norm);
    register.insert("Bernoulli", bernoulli::bernoulli);
    register.insert("Col2Im", col2im::col2im);
    register.insert("Conv", conv::conv);
    register.insert("ConvTranspose", conv_transpose::conv_transpose);
    register.insert("DeformConv", deform_conv::deform_conv);
    register.insert("Dropout", dropout::dropout);
    register.insert("GlobalLpPool", lp_pool::global_lp_pool);
    register.insert("GridSample", grid_sample::grid_sample);
    register.insert("LpPool", lp_pool::lp_pool);
    register.insert("MaxPool", max_pool::max_pool);
    register.insert("MaxRoiPool", max_roi_pool::max_roi_pool);
    register.insert("MaxUnpool", max_unpool::max_unpool);
    register.insert("NegativeLogLikelihoodLoss", loss::negative_log_likelihood_loss);
    register.insert("NonMaxSuppression", non_max_suppression::non_max_suppression);
    for operator in ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"] {
        register.insert(operator, random_tensor::random_tensor);
    }
    register.insert("Resize", resize::resize);
    register.insert("RoiAlign", roi_align::roi_align);
    register.insert("SoftmaxCrossEntropyLoss", loss::softmax_cross_entropy_loss);
    register.insert("Upsample", upsample::upsample);
}

/// The types that ONNX calls floating-point and tract has.
pub(crate) const FLOATS: [DatumType; 3] = [DatumType::F16, DatumType::F32, DatumType::F64];

/// What kernels compute in.
pub(crate) trait Real: Datum + Float + std::ops::AddAssign {
    /// The nearest number.
    fn of(value: f64) -> Self;
    /// The number.
    fn to(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn to(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn to(self) -> f64 {
        self
    }
}

/// Calls a function of a [`Real`] type.
macro_rules! dispatch_real {
    ($($path:ident)::* ($datum_type:expr) ($($args:expr),*)) => {
        match $datum_type {
            DatumType::F32 => $($path)::*::<f32>($($args),*),
            DatumType::F64 => $($path)::*::<f64>($($args),*),
            other => bail!("expected float or double, got {other:?}"),
        }
    };
}
pub(crate) use dispatch_real;

/// Wraps `kernel`, whose first output has the type of its first input, so that it meets no half floats: where the first
/// input is one, the kernel computes with floats.
pub(crate) fn wire_real(ctx: &ParsingContext, node: &NodeProto, kernel: impl Kernel) -> Built {
    kernel::wire(ctx, node, HalfAsFloat(kernel))
}

#[derive(Debug)]
struct HalfAsFloat<K>(K);

impl<K: Kernel> Kernel for HalfAsFloat<K> {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        self.0.facts(inputs, lengths)
    }

    fn run(&self, mut inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let is_half = |tensor: &Tensor| tensor.datum_type() == f16::datum_type();
        if !inputs.first().and_then(Option::as_ref).is_some_and(|input| is_half(input)) {
            return self.0.run(inputs);
        }
        for input in inputs.iter_mut().flatten().filter(|input| is_half(input)) {
            *input = input.cast_to::<f32>()?.into_owned().into_tvalue();
        }
        let outputs = self.0.run(inputs)?.into_iter().map(|output| match output.datum_type() {
            DatumType::F32 => Ok(output.cast_to::<f16>()?.into_owned()),
            _ => Ok(output),
        });
        outputs.collect()
    }

    fn folds(&self) -> bool {
        self.0.folds()
    }

    fn plans_when_run(&self) -> bool {
        self.0.plans_when_run()
    }
}
