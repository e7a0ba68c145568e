//! `ai.onnx.ml.OneHotEncoder`: a value becomes a vector with a single one.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_OneHotEncoder.html>.
//! Input `[N, C]` or `[C]` of string (with `cats_strings`), int64, int32, float or double (with `cats_int64s`; floats are
//! truncated to integers). Output float with one more axis of K categories: `[N, C, K]`. A value that is no category
//! gives zeros, or an error when the attribute `zeros` is 0. NaN and infinities are no category.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::lookup::Lookup;
use crate::attributes::IntsOrStrings;
use crate::kernel::{self, Built, Kernel, Lengths};

pub(crate) fn one_hot_encoder(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let categories = IntsOrStrings::read(node, "cats_int64s", "cats_strings")?;
    let accepted: &[DatumType] = match categories {
        IntsOrStrings::Ints(_) => &[DatumType::I64, DatumType::I32, DatumType::F32, DatumType::F64],
        IntsOrStrings::Strings(_) => &[DatumType::String],
    };
    let len = categories.len();
    let categories = match categories {
        IntsOrStrings::Ints(ints) => Lookup::new(&tensor1(&ints))?,
        IntsOrStrings::Strings(strings) => Lookup::new(&tensor1(&strings))?,
    };
    let refuse_unknown = node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) == 0;
    kernel::wire(ctx, node, OneHotEncoder { categories, accepted, len, refuse_unknown })
}

#[derive(Debug)]
pub(super) struct OneHotEncoder {
    categories: Lookup,
    accepted: &'static [DatumType],
    len: usize,
    refuse_unknown: bool,
}

impl Kernel for OneHotEncoder {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        kernel::accept("an input", x, self.accepted)?;
        Ok(tvec!(f32::fact(x.shape.iter().cloned().chain([self.len.to_dim()]).collect::<TVec<_>>())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let mut shape: TVec<usize> = x.shape().into();
        shape.push(self.len);
        kernel::checked_len(&shape)?;
        let mut output = Tensor::zero::<f32>(&shape)?;
        self.write(x, output.try_as_plain_ram_mut()?.as_slice_mut()?, 0, self.len)?;
        Ok(tvec!(output))
    }
}

impl OneHotEncoder {
    /// The number of categories.
    pub(super) fn width(&self) -> usize {
        self.len
    }

    /// Writes the ones for every element of `x` into rows of `width` zeros, its own from column `at` on.
    pub(super) fn write(&self, x: &Tensor, rows: &mut [f32], at: usize, width: usize) -> TractResult<()> {
        let rows = rows.chunks_exact_mut(width);
        for (ix, (position, row)) in self.categories.positions(x)?.into_iter().zip(rows).enumerate() {
            match position {
                Some(position) => row[at + position] = 1.0,
                None if self.refuse_unknown => {
                    bail!("{} is none of the {} categories", super::lookup::show(x, ix), self.len)
                }
                None => (),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, check, int, ints, model, node, refuse, run_model, strings};

    fn encoder(attributes: Vec<tract_onnx::pb::AttributeProto>) -> NodeProto {
        node("ai.onnx.ml", "OneHotEncoder", attributes)
    }

    fn text(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn strings_get_one_more_axis_and_unknown_ones_are_zeros() {
        let node = encoder(vec![strings("cats_strings", &["b", "a", "c"])]);
        let x = text(&["a", "b", "?", "c"]).into_shape(&[2, 2]).unwrap();
        let expect = tensor3(&[[[0f32, 1., 0.], [1., 0., 0.]], [[0., 0., 0.], [0., 0., 1.]]]);
        check(node, x, expect);
    }

    #[test]
    fn numbers_are_looked_up_as_integers() {
        let node = || encoder(vec![ints("cats_int64s", &[4, -2])]);
        let expect = || tensor2(&[[1f32, 0.], [0., 1.], [0., 0.]]);
        check(node(), tensor1(&[4i64, -2, i64::MIN]), expect());
        check(node(), tensor1(&[4i32, -2, 0]), expect());
        check(node(), tensor1(&[4.9f32, -2.0, f32::NAN]), expect());
        check(node(), tensor1(&[4f64, -2.5, f64::INFINITY]), expect());
    }

    #[test]
    fn an_unknown_category_is_an_error_when_zeros_is_0() {
        let node = encoder(vec![strings("cats_strings", &["a", "b"]), int("zeros", 0)]);
        refuse(node, text(&["c"]), "\"c\" is none of the 2 categories");
    }

    #[test]
    fn categories_of_another_type_than_the_input_are_refused() {
        refuse(encoder(vec![ints("cats_int64s", &[1])]), text(&["1"]), "got String");
        refuse(encoder(vec![strings("cats_strings", &["1"])]), tensor1(&[1i64]), "got I64");
        refuse(encoder(vec![]), tensor1(&[1i64]), "both are absent");
    }

    #[test]
    fn of_a_category_listed_twice_the_last_position_counts() {
        check(encoder(vec![ints("cats_int64s", &[1, 2, 1])]), tensor1(&[1i64]), tensor2(&[[0f32, 0., 1.]]));
    }

    /// skl2onnx casts to int64 before, and concatenates and reshapes after.
    #[test]
    fn what_skl2onnx_puts_around_it_runs_with_a_symbolic_batch() {
        let mut cast = node("", "Cast", vec![int("to", 7)]);
        cast.output = vec!["i".into()];
        let encode = |name: &str, cats: &[i64]| {
            let mut encode = encoder(vec![ints("cats_int64s", cats)]);
            (encode.name, encode.input, encode.output) = (name.into(), vec!["i".into()], vec![name.into()]);
            encode
        };
        let mut concat = node("", "Concat", vec![int("axis", -1)]);
        (concat.input, concat.output) = (vec!["a".into(), "b".into()], vec!["c".into()]);
        let mut constant = node("", "Constant", vec![ints("value_ints", &[-1, 3])]);
        (constant.name, constant.input, constant.output) = ("shape".into(), vec![], vec!["shape".into()]);
        let mut reshape = node("", "Reshape", vec![]);
        (reshape.name, reshape.input) = ("reshape".into(), vec!["c".into(), "shape".into()]);
        (concat.name, cast.name) = ("concat".into(), "cast".into());
        let x = tensor2(&[[3f32], [9.0]]);
        let nodes = vec![cast, encode("a", &[3, 9]), encode("b", &[9]), constant, concat, reshape];
        let outputs = run_model(model(nodes, &x, true, &["y"]), &x).unwrap();
        assert_eq!(outputs[0], tensor2(&[[1f32, 0., 0.], [0., 1., 1.]]));
    }

    #[test]
    fn strings_are_concatenated_by_tract_itself() {
        let mut concat = testing::node("", "Concat", vec![int("axis", 1)]);
        concat.input = vec!["x".into(), "x".into()];
        let x = text(&["a", "b"]).into_shape(&[2, 1]).unwrap();
        check(concat, x, text(&["a", "a", "b", "b"]).into_shape(&[2, 2]).unwrap());
    }
}
