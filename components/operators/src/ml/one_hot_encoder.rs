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

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
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
