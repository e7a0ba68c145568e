//! What tract's operators on single elements lack: doubles, and `Equal` of bools.
//!
//! Sources: <https://onnx.ai/onnx/operators/>, the pages `Erf`, `Gelu`, `HardSwish`, `IsInf`, `IsNaN`,
//! `LeakyRelu`, `Round`, `Sigmoid` and `Equal`.
//! Input and output of the same shape, double; of `IsInf` and `IsNaN` the output is bool. `Equal` compares
//! two inputs that broadcast to each other. Other types are left to tract.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

/// The operators that [`on_doubles`] builds.
pub(super) const ON_DOUBLES: [&str; 8] =
    ["Erf", "Gelu", "HardSwish", "IsInf", "IsNaN", "LeakyRelu", "Round", "Sigmoid"];

pub(super) fn on_doubles(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let function = match &*node.op_type {
        "Erf" => Function::Erf,
        "Gelu" => match node.get_attr_opt("approximate")?.unwrap_or("none") {
            "tanh" => Function::GeluByTanh,
            _ => Function::Gelu,
        },
        "HardSwish" => Function::HardSwish,
        "IsInf" => {
            let detects = |name: &str| Ok::<_, TractError>(node.get_attr_opt(name)?.unwrap_or(1i64) != 0);
            Function::IsInf { positive: detects("detect_positive")?, negative: detects("detect_negative")? }
        }
        "IsNaN" => Function::IsNan,
        "LeakyRelu" => Function::LeakyRelu(node.get_attr_opt::<f32>("alpha")?.unwrap_or(0.01)),
        "Round" => Function::Round,
        "Sigmoid" => Function::Sigmoid,
        other => bail!("expected a function of one number, got {other}"),
    };
    let not_double = |inputs: &[TypedFact]| inputs.iter().all(|fact| fact.datum_type != f64::datum_type());
    upstream::build_if(ctx, node, not_double, function)
}

#[derive(Debug)]
enum Function {
    Erf,
    Gelu,
    GeluByTanh,
    HardSwish,
    IsInf { positive: bool, negative: bool },
    IsNan,
    LeakyRelu(f32),
    Round,
    Sigmoid,
}

impl Kernel for Function {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("the input", x, &[DatumType::F64])?;
        let test = matches!(self, Self::IsInf { .. } | Self::IsNan);
        let output = if test { bool::datum_type() } else { f64::datum_type() };
        Ok(tvec!(output.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let xs = elements::<f64>(x)?.iter().copied();
        let numbers = |f: fn(f64) -> f64| kernel::tensor_of(x.shape(), xs.clone().map(f).collect());
        Ok(tvec!(match *self {
            Self::Erf => numbers(erf)?,
            Self::Gelu => numbers(|x| 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2)))?,
            Self::GeluByTanh => {
                numbers(|x| 0.5 * x * (1.0 + (FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x)).tanh()))?
            }
            Self::HardSwish => numbers(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))?,
            Self::Round => numbers(f64::round_ties_even)?,
            Self::Sigmoid => numbers(|x| 1.0 / (1.0 + (-x).exp()))?,
            Self::LeakyRelu(alpha) => {
                let leak = |x: f64| if x < 0.0 { f64::from(alpha) * x } else { x };
                kernel::tensor_of(x.shape(), xs.map(leak).collect())?
            }
            Self::IsInf { positive, negative } => {
                let test = |x: f64| x.is_infinite() && if x > 0.0 { positive } else { negative };
                kernel::tensor_of(x.shape(), xs.map(test).collect())?
            }
            Self::IsNan => kernel::tensor_of(x.shape(), xs.map(f64::is_nan).collect())?,
        }))
    }
}

/// The series `2 / sqrt(pi) * exp(-x^2) * sum(2^n x^(2n+1) / (2n+1)!!)`, whose terms have all the same sign.
fn erf(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > f64::EPSILON * 0.25 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

pub(super) fn equal(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let not_bool = |inputs: &[TypedFact]| inputs.iter().all(|fact| fact.datum_type != bool::datum_type());
    upstream::build_if(ctx, node, not_bool, EqualBools)
}

#[derive(Debug)]
struct EqualBools;

impl Kernel for EqualBools {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [a, b] = kernel::required(inputs)?;
        for fact in [a, b] {
            kernel::accept("bools", fact, &[DatumType::Bool])?;
        }
        Ok(tvec!(bool::fact(multi_broadcast(&[a.shape.dims(), b.shape.dims()])?)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [a, b] = kernel::required(&inputs)?;
        let shape = multi_broadcast(&[a.shape(), b.shape()])?;
        let [a, b] = [a.broadcast_to_shape(&shape)?, b.broadcast_to_shape(&shape)?];
        let pairs = elements::<bool>(&a)?.iter().zip(elements::<bool>(&b)?);
        Ok(tvec!(kernel::tensor_of(&shape, pairs.map(|(a, b)| a == b).collect())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expect, float, int, node, string};
    use tract_onnx::pb::AttributeProto;

    fn check(op: &str, attributes: Vec<AttributeProto>, x: &[f64], y: Tensor) {
        expect(node("", op, attributes), &[Some(tensor1(x))], &[y]);
    }

    #[test]
    fn doubles_are_computed_as_doubles() {
        let erf = tensor1(&[0.520_499_877_813_046_5f64, -0.995_322_265_018_952_7, 1.0, 0.0]);
        check("Erf", vec![], &[0.5, -2.0, 7.0, 0.0], erf);
        check("Gelu", vec![], &[1.0], tensor1(&[0.841_344_746_068_542_9f64]));
        check("Gelu", vec![string("approximate", "tanh")], &[1.0], tensor1(&[0.841_191_990_608_302_8f64]));
        check("HardSwish", vec![], &[1.0, -4.0, 4.0], tensor1(&[2f64 / 3.0, 0.0, 4.0]));
        check("LeakyRelu", vec![float("alpha", 0.5)], &[-2.0, 2.0], tensor1(&[-1f64, 2.0]));
        check("Round", vec![], &[0.5, 1.5, -2.7], tensor1(&[0f64, 2.0, -3.0]));
        check("Sigmoid", vec![], &[0.0, 1.0], tensor1(&[0.5f64, 0.731_058_578_630_004_9]));
    }

    #[test]
    fn doubles_are_tested() {
        let x = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0];
        check("IsInf", vec![], &x, tensor1(&[true, true, false, false]));
        check("IsInf", vec![int("detect_negative", 0)], &x, tensor1(&[true, false, false, false]));
        check("IsNaN", vec![], &x, tensor1(&[false, false, true, false]));
    }

    #[test]
    fn single_precision_is_left_as_it_was() {
        expect(node("", "Sigmoid", vec![]), &[Some(tensor1(&[0f32]))], &[tensor1(&[0.5f32])]);
    }

    #[test]
    fn bools_are_compared() {
        let inputs = [Some(tensor2(&[[true], [false]])), Some(tensor1(&[true, false]))];
        expect(node("", "Equal", vec![]), &inputs, &[tensor2(&[[true, false], [false, true]])]);
    }
}
