//! `ai.onnx.ml.LabelEncoder` and `ai.onnx.ml.CategoryMapper`: each element becomes the value of its key.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html>,
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_CategoryMapper.html>.
//! Input of any shape and of the keys' type; output of the same shape and of the values' type. Types are string, int64,
//! float, and with `keys_tensor` and `values_tensor` also int32, int16 and double. What is no key becomes the default:
//! `default_tensor`, else the `default_*` of the type, else "_Unused", -1 or -0. NaN is a key like another; of a key
//! listed twice the last counts, as the ONNX text has it (onnxruntime takes the first). CategoryMapper, and LabelEncoder
//! of version 1 with `classes_strings`, map strings to integers and integers to strings, by the input's type.
//! Errors: no or several lists of keys or of values, lists of different lengths, an input of another type.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::lookup::{Lookup, take};
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths};

pub(crate) fn label_encoder(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let classes = attributes::strings(node, "classes_strings")?;
    let tables = if classes.is_empty() {
        vec![Table::new(ctx, node, &list(ctx, node, "keys")?, list(ctx, node, "values")?)?]
    } else {
        both_ways(ctx, node, (0..classes.len() as i64).collect(), classes)?
    };
    kernel::wire(ctx, node, Mapper { tables })
}

pub(crate) fn category_mapper(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let ints = attributes::ints(node, "cats_int64s")?;
    let strings = attributes::strings(node, "cats_strings")?;
    kernel::wire(ctx, node, Mapper { tables: both_ways(ctx, node, ints, strings)? })
}

fn both_ways(
    ctx: &ParsingContext,
    node: &NodeProto,
    ints: Vec<i64>,
    strings: Vec<String>,
) -> TractResult<Vec<Table>> {
    let (ints, strings) = (tensor1(&ints), tensor1(&strings));
    Ok(vec![Table::new(ctx, node, &strings, ints.clone())?, Table::new(ctx, node, &ints, strings)?])
}

/// The list attribute of `keys` or `values` that is present, whatever its type.
fn list(ctx: &ParsingContext, node: &NodeProto, what: &str) -> TractResult<Tensor> {
    let ints = attributes::ints(node, &format!("{what}_int64s"))?;
    let floats = attributes::floats(node, &format!("{what}_floats"))?;
    let strings = attributes::strings(node, &format!("{what}_strings"))?;
    let tensor = tensor(ctx, node, &format!("{what}_tensor"))?;
    let lists = [tensor1(&ints), tensor1(&floats), tensor1(&strings)];
    let mut given: Vec<Tensor> = lists.into_iter().chain(tensor).filter(|list| list.len() > 0).collect();
    match (given.pop(), given.len()) {
        (Some(list), 0) if list.rank() == 1 => Ok(list),
        (Some(list), 0) => bail!("expected {what}_tensor of one dimension, got shape {:?}", list.shape()),
        (_, more) => bail!(
            "expected one of the attributes {what}_int64s, {what}_floats, {what}_strings and {what}_tensor, got {}",
            if more == 0 { "none" } else { "several" }
        ),
    }
}

fn tensor(ctx: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<Option<Tensor>> {
    let proto = node.get_attr_opt::<&TensorProto>(name)?;
    proto.map(|proto| ctx.load_tensor(proto).with_context(|| format!("attribute {name}"))).transpose()
}

/// What an element that is no key becomes.
fn default(ctx: &ParsingContext, node: &NodeProto, of: DatumType) -> TractResult<Tensor> {
    if let Some(tensor) = tensor(ctx, node, "default_tensor")? {
        ensure!(
            tensor.datum_type() == of && tensor.len() == 1,
            "expected default_tensor with one value of type {of:?}, got {:?} values of type {:?}",
            tensor.len(),
            tensor.datum_type()
        );
        return tensor.into_shape(&[1]);
    }
    let default = if of == DatumType::String {
        let string = node.get_attr_opt::<String>("default_string")?;
        tensor1(&[string.unwrap_or_else(|| "_Unused".into())])
    } else if of.is_float() {
        tensor1(&[node.get_attr_opt::<f32>("default_float")?.unwrap_or(-0.0)])
    } else {
        tensor1(&[node.get_attr_opt::<i64>("default_int64")?.unwrap_or(-1)])
    };
    default.cast_to_dt(of).map(Cow::into_owned)
}

#[derive(Debug)]
struct Mapper {
    /// The first whose keys have the input's type serves.
    tables: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    from: DatumType,
    keys: Lookup,
    /// One per key, and then the default.
    values: Tensor,
}

impl Table {
    fn new(ctx: &ParsingContext, node: &NodeProto, keys: &Tensor, values: Tensor) -> TractResult<Self> {
        ensure!(
            keys.len() == values.len(),
            "expected as many values as keys, got {} keys and {} values",
            keys.len(),
            values.len()
        );
        let default = default(ctx, node, values.datum_type())?;
        let values = Tensor::stack_tensors(0, &[values, default])?;
        take(&values, &[], &[0]).context("the values")?;
        Ok(Self { from: keys.datum_type(), keys: Lookup::new(keys)?, values })
    }
}

impl Mapper {
    fn table(&self, of: DatumType) -> TractResult<&Table> {
        self.tables.iter().find(|table| table.from == of).with_context(|| {
            let types: Vec<_> = self.tables.iter().map(|table| table.from).collect();
            format!("expected an input of the keys' type {types:?}, got {of:?}")
        })
    }
}

impl Kernel for Mapper {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        Ok(tvec!(self.table(x.datum_type)?.values.datum_type().fact(x.shape.iter())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let table = self.table(x.datum_type())?;
        let unknown = table.values.len() - 1;
        let positions = table.keys.positions(x)?.into_iter().map(|at| at.unwrap_or(unknown));
        Ok(tvec!(take(&table.values, &positions.collect::<Vec<_>>(), x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{check, doubles, float, floats, int, ints, node, refuse, string, strings};

    fn encoder(attributes: Vec<AttributeProto>) -> NodeProto {
        node("ai.onnx.ml", "LabelEncoder", attributes)
    }

    fn mapper(attributes: Vec<AttributeProto>) -> NodeProto {
        node("ai.onnx.ml", "CategoryMapper", attributes)
    }

    fn text(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn every_pair_of_types_is_mapped_and_the_rest_becomes_the_default() {
        let keys = [
            (strings("keys_strings", &["a", "b"]), text(&["b", "?", "a"])),
            (ints("keys_int64s", &[1, 2]), tensor1(&[2i64, 3, 1])),
            (floats("keys_floats", &[1.0, 2.0]), tensor1(&[2f32, 3.0, 1.0])),
            (doubles("keys_tensor", &[1.0, 2.0]), tensor1(&[2f64, 3.0, 1.0])),
        ];
        for (keys, x) in keys {
            let values = [
                (strings("values_strings", &["x", "y"]), text(&["y", "_Unused", "x"])),
                (ints("values_int64s", &[5, 6]), tensor1(&[6i64, -1, 5])),
                (floats("values_floats", &[5.0, 6.0]), tensor1(&[6f32, -0.0, 5.0])),
                (doubles("values_tensor", &[5.0, 6.0]), tensor1(&[6f64, -0.0, 5.0])),
            ];
            for (values, expect) in values {
                check(encoder(vec![keys.clone(), values]), x.clone(), expect);
            }
        }
    }

    #[test]
    fn nan_is_a_key_and_minus_zero_is_zero() {
        let node = encoder(vec![floats("keys_floats", &[f32::NAN, 0.0]), ints("values_int64s", &[4, 5])]);
        check(node, tensor1(&[1f32, f32::NAN, -f32::NAN, -0.0]), tensor1(&[-1i64, 4, 4, 5]));
    }

    #[test]
    fn the_default_is_the_attribute_of_the_values_type_or_default_tensor() {
        let keys = || strings("keys_strings", &["a"]);
        let with = |values, default| encoder(vec![keys(), values, default, float("default_float", 8.0)]);
        check(with(ints("values_int64s", &[1]), int("default_int64", 9)), text(&["?"]), tensor1(&[9i64]));
        let values = strings("values_strings", &["x"]);
        check(with(values, string("default_string", "D")), text(&["?"]), text(&["D"]));
        check(with(floats("values_floats", &[1.0]), int("default_int64", 9)), text(&["?"]), tensor1(&[8f32]));
        let values = doubles("values_tensor", &[1.0]);
        check(with(values, doubles("default_tensor", &[7.0])), text(&["?"]), tensor1(&[7f64]));
        let node = with(ints("values_int64s", &[1]), doubles("default_tensor", &[7.0]));
        refuse(node, text(&["?"]), "one value of type I64");
    }

    #[test]
    fn of_a_key_listed_twice_the_last_counts() {
        let node = encoder(vec![ints("keys_int64s", &[1, 1]), ints("values_int64s", &[4, 5])]);
        check(node, tensor1(&[1i64]), tensor1(&[5i64]));
    }

    #[test]
    fn version_1_maps_both_ways_by_the_position() {
        let node = || encoder(vec![strings("classes_strings", &["b", "a"]), string("default_string", "D")]);
        check(node(), text(&["a", "b", "c"]), tensor1(&[1i64, 0, -1]));
        let x = tensor2(&[[0i64, 1], [5, -1]]);
        check(node(), x, text(&["b", "a", "D", "D"]).into_shape(&[2, 2]).unwrap());
    }

    #[test]
    fn a_category_mapper_goes_by_the_type_of_its_input() {
        let categories = || vec![strings("cats_strings", &["cat", "dog"]), ints("cats_int64s", &[3, -4])];
        check(mapper(categories()), text(&["dog", "cow"]), tensor1(&[-4i64, -1]));
        check(mapper(categories()), tensor1(&[3i64, 0]), text(&["cat", "_Unused"]));
        refuse(mapper(categories()), tensor1(&[3i32]), "got I32");
        let uneven = vec![strings("cats_strings", &["cat"]), ints("cats_int64s", &[3, 4])];
        refuse(mapper(uneven), tensor1(&[3i64]), "as many values as keys, got 1 keys and 2 values");
    }

    #[test]
    fn lists_that_are_absent_twice_there_or_of_another_type_are_refused() {
        let keys = || ints("keys_int64s", &[1]);
        refuse(encoder(vec![keys()]), tensor1(&[1i64]), "values_tensor, got none");
        let twice = vec![keys(), floats("keys_floats", &[1.0]), ints("values_int64s", &[1])];
        refuse(encoder(twice), tensor1(&[1i64]), "keys_tensor, got several");
        let node = encoder(vec![keys(), ints("values_int64s", &[1])]);
        refuse(node, tensor1(&[1f32]), "the keys' type [I64], got F32");
    }
}
