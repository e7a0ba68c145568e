//! `ai.onnx.ml.OneHotEncoder`: a value becomes a vector with a single one.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx_aionnxml_OneHotEncoder.html>.
//! Input `[N, C]` or `[C]` of string (with `cats_strings`), int64, int32, float or double (with `cats_int64s`; floats are
//! truncated to integers). Output float with one more axis of K categories: `[N, C, K]`. A value that is no category
//! gives zeros, or an error when the attribute `zeros` is 0. NaN and infinities are no category.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes::{self, IntsOrStrings};

pub(crate) fn one_hot_encoder(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let categories = IntsOrStrings::read(node, "cats_int64s", "cats_strings")?;
    let len = categories.len();
    let categories = match categories {
        IntsOrStrings::Ints(ints) => Categories::Ints(index(ints)),
        IntsOrStrings::Strings(strings) => Categories::Strings(index(strings)),
    };
    let refuse_unknown = node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) == 0;
    Ok((expand(OneHotEncoder { categories, len, refuse_unknown }), vec![]))
}

/// Sorted for binary search: no hashing state, and a lookup touches few pages of a fresh sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Categories {
    Ints(Arc<[(i64, usize)]>),
    Strings(Arc<[(String, usize)]>),
}

/// Of a category listed twice the last position counts, as in onnxruntime.
fn index<T: Ord>(categories: Vec<T>) -> Arc<[(T, usize)]> {
    let mut index: Vec<_> = categories.into_iter().zip(0..).collect();
    index.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    index.dedup_by(|later, first| later.0 == first.0);
    index.into()
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OneHotEncoder {
    categories: Categories,
    len: usize,
    refuse_unknown: bool,
}

impl Expansion for OneHotEncoder {
    fn name(&self) -> StaticName {
        "OneHotEncoder".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        s.equals(&outputs[0].rank, inputs[0].rank.bex() + 1)?;
        s.given(&inputs[0].rank, move |s, rank| {
            let rank = rank as usize;
            for axis in 0..rank {
                s.equals(&outputs[0].shape[axis], &inputs[0].shape[axis])?;
            }
            s.equals(&outputs[0].shape[rank], self.len.to_dim())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let accepted: &[DatumType] = match self.categories {
            Categories::Ints(_) => &[DatumType::I64, DatumType::I32, DatumType::F32, DatumType::F64],
            Categories::Strings(_) => &[DatumType::String],
        };
        let input = attributes::wire_data(prefix, model, inputs, accepted)?;
        model.wire_node(prefix, self.clone(), &[input])
    }
}

impl Op for OneHotEncoder {
    fn name(&self) -> StaticName {
        "OneHotEncoder".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OneHotEncoder {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        shape.push(self.len);
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut view = output.try_as_plain_ram_mut()?;
        let data = view.as_slice_mut::<f32>()?;
        let input = input.try_as_plain_ram()?;
        match (&self.categories, input.datum_type()) {
            (Categories::Strings(index), DatumType::String) => {
                let find = |v: &String| position(index, |c| c.as_str().cmp(v.as_str()));
                self.encode(input.as_slice::<String>()?, data, find)?
            }
            (Categories::Ints(index), DatumType::I64) => {
                self.encode(input.as_slice::<i64>()?, data, |v| position(index, |c| c.cmp(v)))?
            }
            (Categories::Ints(index), DatumType::I32) => {
                self.encode(input.as_slice::<i32>()?, data, |v| position(index, |c| c.cmp(&i64::from(*v))))?
            }
            (Categories::Ints(index), DatumType::F32) => {
                self.encode(input.as_slice::<f32>()?, data, |v| truncated(index, f64::from(*v)))?
            }
            (Categories::Ints(index), DatumType::F64) => {
                self.encode(input.as_slice::<f64>()?, data, |v| truncated(index, *v))?
            }
            (_, other) => bail!("the categories do not fit an input of type {other:?}"),
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for OneHotEncoder {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = inputs[0].shape.iter().cloned().chain([self.len.to_dim()]);
        Ok(tvec!(f32::fact(shape.collect::<TVec<_>>())))
    }

    as_op!();
}

impl OneHotEncoder {
    fn encode<T: std::fmt::Debug>(
        &self,
        input: &[T],
        output: &mut [f32],
        find: impl Fn(&T) -> Option<usize>,
    ) -> TractResult<()> {
        for (value, row) in input.iter().zip(output.chunks_exact_mut(self.len)) {
            match find(value) {
                Some(position) => row[position] = 1.0,
                None if self.refuse_unknown => bail!("{value:?} is none of the {} categories", self.len),
                None => (),
            }
        }
        Ok(())
    }
}

fn position<T>(index: &[(T, usize)], compare: impl Fn(&T) -> std::cmp::Ordering) -> Option<usize> {
    index.binary_search_by(|(category, _)| compare(category)).ok().map(|found| index[found].1)
}

fn truncated(index: &[(i64, usize)], value: f64) -> Option<usize> {
    let value = value.is_finite().then_some(value as i64)?;
    position(index, |category| category.cmp(&value))
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
