//! `ai.onnx.ml.Imputer`: replaces one value, often NaN, by a constant per column.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_Imputer.html>.
//! Input `[N, C]` or `[C]` of float, double, int64 or int32; the output has the same shape and type. Floats and doubles
//! use `imputed_value_floats` and `replaced_value_float`, integers the `int64` pair. Errors: neither or both lists, a
//! list whose length is not 1 or C, an input whose type has no list.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths};

pub(crate) fn imputer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let floats = attributes::floats(node, "imputed_value_floats")?;
    let ints = attributes::ints(node, "imputed_value_int64s")?;
    let imputer = match (floats.is_empty(), ints.is_empty()) {
        (false, true) => Imputer::Floats {
            replaced: node.get_attr_opt::<f32>("replaced_value_float")?.unwrap_or(0.0),
            imputed: floats,
        },
        (true, false) => Imputer::Ints {
            replaced: node.get_attr_opt::<i64>("replaced_value_int64")?.unwrap_or(0),
            imputed: ints,
        },
        (true, true) => {
            bail!("expected imputed_value_floats or imputed_value_int64s, both are absent or empty")
        }
        (false, false) => bail!("expected imputed_value_floats or imputed_value_int64s, both are set"),
    };
    kernel::wire(ctx, node, imputer)
}

#[derive(Debug)]
enum Imputer {
    Floats { replaced: f32, imputed: Vec<f32> },
    Ints { replaced: i64, imputed: Vec<i64> },
}

impl Imputer {
    fn len(&self) -> usize {
        match self {
            Self::Floats { imputed, .. } => imputed.len(),
            Self::Ints { imputed, .. } => imputed.len(),
        }
    }
}

impl Kernel for Imputer {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let accepted = match self {
            Self::Floats { .. } => [DatumType::F32, DatumType::F64],
            Self::Ints { .. } => [DatumType::I64, DatumType::I32],
        };
        kernel::accept("the input", x, &accepted)?;
        attributes::check_per_column_fact("the imputed value list", self.len(), x)?;
        Ok(tvec!(x.datum_type.fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let Some(x) = inputs.into_iter().flatten().next() else { bail!("expected 1 input, it is missing") };
        attributes::check_per_column("the imputed value list", self.len(), x.shape())?;
        let mut output = x.into_tensor();
        let datum_type = output.datum_type();
        let mut view = output.try_as_plain_ram_mut()?;
        match (self, datum_type) {
            (Self::Floats { replaced, imputed }, DatumType::F32) => {
                let same = |v: f32| v == *replaced || (v.is_nan() && replaced.is_nan());
                replace(view.as_slice_mut::<f32>()?, imputed, same, |v| v)
            }
            (Self::Floats { replaced, imputed }, DatumType::F64) => {
                let same = |v: f64| v == f64::from(*replaced) || (v.is_nan() && replaced.is_nan());
                replace(view.as_slice_mut::<f64>()?, imputed, same, f64::from)
            }
            (Self::Ints { replaced, imputed }, DatumType::I64) => {
                replace(view.as_slice_mut::<i64>()?, imputed, |v| v == *replaced, |v| v)
            }
            (Self::Ints { replaced, imputed }, DatumType::I32) => {
                // What an int32 column cannot hold, it neither contains nor can be given.
                if let Some(value) = imputed.iter().find(|value| i32::try_from(**value).is_err()) {
                    bail!("imputed value {value} does not fit an int32 input")
                }
                replace(view.as_slice_mut::<i32>()?, imputed, |v| i64::from(v) == *replaced, |v| v as i32)
            }
            (_, other) => bail!("the imputed value list does not fit an input of type {other:?}"),
        }
        Ok(tvec!(output))
    }
}

/// Overwrites in place; values cycle over `imputed`, which has one value or one per column.
fn replace<T: Copy, V: Copy>(
    data: &mut [T],
    imputed: &[V],
    same: impl Fn(T) -> bool,
    convert: impl Fn(V) -> T,
) {
    for (value, by) in data.iter_mut().zip(imputed.iter().cycle()) {
        if same(*value) {
            *value = convert(*by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, float, floats, int, ints, node, refuse};

    fn imputer(attributes: Vec<tract_onnx::pb::AttributeProto>) -> NodeProto {
        node("ai.onnx.ml", "Imputer", attributes)
    }

    #[test]
    fn each_column_has_its_own_value_for_nan() {
        let node = imputer(vec![
            floats("imputed_value_floats", &[7.0, 8.0]),
            float("replaced_value_float", f32::NAN),
        ]);
        let x = tensor2(&[[f32::NAN, 1.0], [2.0, f32::NAN], [0.0, f32::INFINITY]]);
        check(node, x, tensor2(&[[7f32, 1.0], [2.0, 8.0], [0.0, f32::INFINITY]]));
    }

    #[test]
    fn a_value_that_is_not_nan_is_replaced_and_nan_stays() {
        let node = imputer(vec![floats("imputed_value_floats", &[5.0]), float("replaced_value_float", -1.0)]);
        check(node, tensor1(&[-1f32, f32::NAN, 3.0]), tensor1(&[5f32, f32::NAN, 3.0]));
    }

    #[test]
    fn doubles_use_the_float_list() {
        let node =
            imputer(vec![floats("imputed_value_floats", &[5.0]), float("replaced_value_float", f32::NAN)]);
        check(node, tensor2(&[[f64::NAN, 1e300]]), tensor2(&[[5f64, 1e300]]));
    }

    #[test]
    fn integers_use_the_int_list() {
        let node = || imputer(vec![ints("imputed_value_int64s", &[10, 20]), int("replaced_value_int64", -9)]);
        let big = i64::MAX - 1;
        check(node(), tensor2(&[[-9i64, -9], [big, 4]]), tensor2(&[[10i64, 20], [big, 4]]));
        check(node(), tensor2(&[[-9i32, 3]]), tensor2(&[[10i32, 3]]));
    }

    #[test]
    fn a_list_that_fits_no_column_count_is_refused() {
        let node = imputer(vec![floats("imputed_value_floats", &[1.0, 2.0])]);
        refuse(node, tensor2(&[[1f32, 2.0, 3.0]]), "has 2 values, expected 1 or the input's 3 columns");
    }

    #[test]
    fn both_lists_none_and_the_wrong_one_are_refused() {
        refuse(imputer(vec![]), tensor1(&[1f32]), "both are absent");
        let both = vec![floats("imputed_value_floats", &[1.0]), ints("imputed_value_int64s", &[1])];
        refuse(imputer(both), tensor1(&[1f32]), "both are set");
        refuse(imputer(vec![ints("imputed_value_int64s", &[1])]), tensor1(&[1f32]), "got F32");
    }
}
