//! `ai.onnx.Cast`: upstream's, without its two losses on data.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Cast.html>.
//! tract casts to int64 by way of `TDim`, the type of its shape arithmetic, which it fills through int32: large values
//! are cut, and strings cannot be parsed. Here a cast to int64 is exact when what it casts is data. It is data when
//! nothing it is computed from is a shape; otherwise, and inside loops, upstream's way stays, for tract follows symbolic
//! dimensions through it. Strings are parsed as every number type, and NaN and infinities are written as ONNX has them.
//! Errors: a string that is no number of the type.

use std::collections::{HashMap, HashSet};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::tract_core::ops::cast::cast as core_cast;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Kernel, Lengths};

pub(crate) fn cast(
    ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    if node.get_attr::<i64>("to")? == DataType::Bfloat16 as i64 {
        return kernel::wire(ctx, node, RoundToBfloat16);
    }
    let mut to = node.get_attr::<DatumType>("to")?;
    if to == i64::datum_type() && !is_data(ctx, node) {
        to = TDim::datum_type();
    }
    Ok((expand(Cast { to }), vec![]))
}

/// Whether everything that `node` is computed from is a graph input or a constant, by way of nodes that read no shape.
fn is_data(ctx: &ParsingContext, node: &NodeProto) -> bool {
    let graph = match ctx.parent_graphs[..] {
        // The interpreter: every value is at hand, no dimension is symbolic.
        [] => return true,
        [graph] => graph,
        _ => return false,
    };
    let producers: HashMap<&str, &NodeProto> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let mut seen = HashSet::new();
    let mut todo = vec![node];
    while let Some(node) = todo.pop() {
        let has_body = node.attribute.iter().any(|attribute| attribute.g.is_some());
        if has_body || matches!(node.op_type.as_str(), "Shape" | "Size") {
            return false;
        }
        let inputs = node.input.iter().filter(|name| seen.insert(name.as_str()));
        todo.extend(inputs.filter_map(|name| producers.get(name.as_str())));
    }
    true
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cast {
    to: DatumType,
}

impl Expansion for Cast {
    fn name(&self) -> StaticName {
        "onnx.Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, self.to)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let from = model.outlet_fact(inputs[0])?.datum_type;
        let string = String::datum_type();
        if from == string && self.to.is_tdim() {
            let parsed = Text { to: i64::datum_type() };
            let wire = model.wire_node(format!("{prefix}.parse"), parsed, inputs)?;
            model.wire_node(prefix, core_cast(self.to), &wire)
        } else if (from == string) != (self.to == string) && (from.is_float() || self.to.is_number()) {
            model.wire_node(prefix, Text { to: self.to }, inputs)
        } else {
            model.wire_node(prefix, core_cast(self.to), inputs)
        }
    }
}

/// Strings to numbers, floats to strings.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    to: DatumType,
}

impl Op for Text {
    fn name(&self) -> StaticName {
        "onnx.Cast(Text)".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Text {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let output = match self.to {
            DatumType::F32 => parse::<f32>(&input)?,
            DatumType::F64 => parse::<f64>(&input)?,
            DatumType::F16 => parse::<f32>(&input)?.cast_to_dt(self.to)?.into_owned(),
            DatumType::I64 => parse::<i64>(&input)?,
            DatumType::I32 => parse::<i32>(&input)?,
            DatumType::I16 => parse::<i16>(&input)?,
            DatumType::I8 => parse::<i8>(&input)?,
            DatumType::U64 => parse::<u64>(&input)?,
            DatumType::U32 => parse::<u32>(&input)?,
            DatumType::U16 => parse::<u16>(&input)?,
            DatumType::U8 => parse::<u8>(&input)?,
            DatumType::String if input.datum_type() == f64::datum_type() => {
                write(&input, |v: f64| text(v, format!("{v}"), format!("{v:e}"), 17))?
            }
            DatumType::String => {
                let input = input.cast_to::<f32>()?;
                write(&input, |v: f32| text(v.into(), format!("{v}"), format!("{v:e}"), 8))?
            }
            other => bail!("cannot cast {:?} to {other:?}", input.datum_type()),
        };
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for Text {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(self.to.fact(inputs[0].shape.iter())))
    }

    as_op!();
}

/// Rust reads `NaN`, `INF` and their signs in any case, as ONNX asks.
fn parse<T: Datum + std::str::FromStr>(input: &Tensor) -> TractResult<Tensor> {
    let number =
        |s: &String| s.trim().parse().ok().with_context(|| format!("{s:?} is no {:?}", T::datum_type()));
    let values = input.try_as_plain_ram()?.as_slice::<String>()?.iter().map(number);
    shaped(input.shape(), values.collect::<TractResult<Vec<T>>>()?)
}

fn write<T: Datum + Copy>(input: &Tensor, text: impl Fn(T) -> String) -> TractResult<Tensor> {
    let values = input.try_as_plain_ram()?.as_slice::<T>()?.iter().map(|v| text(*v));
    shaped(input.shape(), values.collect::<Vec<_>>())
}

/// As C's `%g`: plain from 1e-4 up to `digits` digits, else with an exponent of two digits.
fn text(value: f64, plain: String, scientific: String, digits: i32) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.into();
    }
    match scientific.split_once('e').map(|(mantissa, exponent)| (mantissa, exponent.parse::<i32>())) {
        Some((mantissa, Ok(exponent))) if !(-4..digits).contains(&exponent) => {
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => plain,
    }
}

/// `Tensor::from_shape` takes only what is `Copy`, which strings are not.
fn shaped<T: Datum>(shape: &[usize], values: Vec<T>) -> TractResult<Tensor> {
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, values)?.into_tensor())
}

/// To the nearest bfloat16, halfway to the even one. A tensor of them is one of floats here.
#[derive(Debug)]
struct RoundToBfloat16;

impl Kernel for RoundToBfloat16 {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        Ok(tvec!(f32::fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let mut output = x.cast_to::<f32>()?.into_owned();
        for value in output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()? {
            let bits = value.to_bits();
            let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
            // Rounding up the bits of NaN could make it an infinity.
            *value = if value.is_nan() { f32::NAN } else { f32::from_bits(rounded) };
        }
        Ok(tvec!(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, int, model, node, refuse, run_model};

    const FLOAT: i64 = 1;
    const INT32: i64 = 6;
    const INT64: i64 = 7;
    const STRING: i64 = 8;
    const DOUBLE: i64 = 11;

    fn cast(to: i64) -> NodeProto {
        node("", "Cast", vec![int("to", to)])
    }

    fn strings(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn data_is_cast_to_int64_exactly() {
        check(cast(INT64), tensor1(&[1e15f64, -2.9]), tensor1(&[1_000_000_000_000_000i64, -2]));
        check(cast(INT64), tensor1(&[i64::MAX, i64::MIN]), tensor1(&[i64::MAX, i64::MIN]));
        check(cast(INT64), tensor1(&[1.5f32]), tensor1(&[1i64]));
    }

    #[test]
    fn strings_are_parsed_as_every_number_type() {
        check(cast(INT64), strings(&["9007199254740993", "-1"]), tensor1(&[9_007_199_254_740_993i64, -1]));
        check(cast(INT32), strings(&["7"]), tensor1(&[7i32]));
        check(cast(FLOAT), strings(&["1e-5", "INF", "-inf", "NaN"]), {
            tensor1(&[1e-5f32, f32::INFINITY, f32::NEG_INFINITY, f32::NAN])
        });
        check(cast(DOUBLE), strings(&["0.1"]), tensor1(&[0.1f64]));
    }

    #[test]
    fn a_string_that_is_no_number_is_refused_by_its_text() {
        refuse(cast(FLOAT), strings(&["one"]), "\"one\" is no F32");
        refuse(cast(INT64), strings(&["1.5"]), "\"1.5\" is no I64");
    }

    #[test]
    fn numbers_are_written_as_onnx_has_them() {
        let x = tensor1(&[0.1f32, 1e20, 2.5e-7, 100.0, f32::NAN, f32::NEG_INFINITY]);
        check(cast(STRING), x, strings(&["0.1", "1e+20", "2.5e-07", "100", "NaN", "-INF"]));
        check(cast(STRING), tensor1(&[1e16f64]), strings(&["10000000000000000"]));
        check(cast(STRING), tensor1(&[i64::MIN]), strings(&["-9223372036854775808"]));
    }

    #[test]
    fn a_symbolic_dimension_survives_a_cast_of_a_shape() {
        let mut shape = node("", "Shape", vec![]);
        (shape.name, shape.output) = ("shape".into(), vec!["s".into()]);
        let mut cast = cast(INT64);
        (cast.input, cast.output) = (vec!["s".into()], vec!["t".into()]);
        let mut reshape = node("", "Reshape", vec![]);
        (reshape.name, reshape.input) = ("reshape".into(), vec!["x".into(), "t".into()]);
        let x = tensor2(&[[1f32, 2.0]]);
        let outputs = run_model(model(vec![shape, cast, reshape], &x, true, &["y"]), &x).unwrap();
        assert_eq!(outputs[0], x);
    }
}
