//! `ai.onnx.Attention`: `softmax(scale * Q K^T, masked) V` for each head.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Attention.html>.
//! Inputs: query `[B, Hq, S, D]`, key `[B, Hkv, T, D]` and value `[B, Hkv, T, E]`, or `[B, S, Hq * D]`,
//! `[B, T, Hkv * D]` and `[B, T, Hkv * E]` with the attributes `q_num_heads` and `kv_num_heads`; Hq is a
//! multiple of Hkv, and neighbouring heads of the query share one of key and value. Then optionally: a mask,
//! bool or numbers to add, that broadcasts to `[B, Hq, S, P + T]`; past key `[B, Hkv, P, D]` and value `[B,
//! Hkv, P, E]`, which go before the new ones; the number of keys that are no padding, int64 `[B]`. Types:
//! f16, float, double. Outputs: `[B, Hq, S, E]` or `[B, S, Hq * E]`, present key and value, and the scores
//! `[B, Hq, S, P + T]` at the step that `qk_matmul_output_mode` tells, of the query's type.
//! Computed as float; as double if an input or `softmax_precision` is. A query that may attend no key gives
//! zeros. From opset 24 on, a mask that is shorter than the keys hides the rest of them.
//! Errors: shapes that do not fit each other, a past key without a past value, unknown attribute values.

#[cfg(test)]
mod tests;

use std::ops::Range;

use tract_ndarray::linalg::general_mat_mul;
use tract_ndarray::{Array2, Array4, ArrayD, ArrayView1, ArrayView4, ArrayViewMut1, LinalgScalar, s};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_num_traits::{AsPrimitive, Float};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

const FLOATS: [DatumType; 3] = [DatumType::F16, DatumType::F32, DatumType::F64];

pub(crate) fn attention(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let at_least = |name: &str, least: i64| -> TractResult<Option<i64>> {
        let value = node.get_attr_opt::<i64>(name)?;
        ensure!(value.is_none_or(|v| v >= least), "expected {name} to be at least {least}, got {value:?}");
        Ok(value)
    };
    let heads = match (at_least("q_num_heads", 0)?.unwrap_or(0), at_least("kv_num_heads", 0)?.unwrap_or(0)) {
        (0, _) | (_, 0) => None,
        (query, shared) => Some([usize::try_from(query)?, usize::try_from(shared)?]),
    };
    let window = |name: &str| Ok::<_, TractError>(at_least(name, -1)?.filter(|size| *size >= 0));
    let precision = node.get_attr_opt("softmax_precision")?.unwrap_or(0i64);
    ensure!(
        matches!(precision, 0 | 1 | 10 | 11 | 16),
        "expected softmax_precision 1, 10, 11 or 16, got {precision}"
    );
    let step = match node.get_attr_opt("qk_matmul_output_mode")?.unwrap_or(0i64) {
        0 => Step::Product,
        1 => Step::Capped,
        2 => Step::Masked,
        3 => Step::Softmax,
        other => bail!("expected qk_matmul_output_mode 0 to 3, got {other}"),
    };
    let kernel = Attention {
        heads,
        scale: node.get_attr_opt("scale")?,
        cap: node.get_attr_opt("softcap")?.filter(|cap| *cap > 0.0),
        causal: node.get_attr_opt("is_causal")?.unwrap_or(0i64) != 0,
        before: window("left_window_size")?,
        after: window("right_window_size")?,
        in_double: precision == 11,
        short_mask_hides: ctx.onnx_operator_set_version >= 24,
        scores: Some(step).filter(|_| node.output.get(3).is_some_and(|name| !name.is_empty())),
    };
    kernel::wire(ctx, node, kernel)
}

#[derive(Debug)]
struct Attention {
    /// Of the query, and of key and value.
    heads: Option<[usize; 2]>,
    scale: Option<f32>,
    cap: Option<f32>,
    causal: bool,
    /// How many keys before and after a query's own position it may attend.
    before: Option<i64>,
    after: Option<i64>,
    in_double: bool,
    short_mask_hides: bool,
    /// Which scores the fourth output shows, if the node has it.
    scores: Option<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Product,
    Capped,
    Masked,
    Softmax,
}

impl Kernel for Attention {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [query, key, value] = kernel::required(inputs)?;
        for (what, fact) in [("a query", query), ("a key", key), ("a value", value)] {
            kernel::accept(what, fact, &FLOATS)?;
        }
        let q = self.split(query.shape.dims(), 0)?;
        let [k, v] = [self.split(key.shape.dims(), 1)?, self.split(value.shape.dims(), 1)?];
        let past = |ix: usize| -> TractResult<TDim> {
            let Some(past) = kernel::optional(inputs, ix) else { return Ok(0.to_dim()) };
            ensure!(past.rank() == 4, "expected a past key or value of rank 4, got {:?}", past.shape);
            Ok(past.shape[2].clone())
        };
        let [keys, values] = [past(4)? + &k[2], past(5)? + &v[2]];
        let output = if query.rank() == 4 {
            tvec!(q[0].clone(), q[1].clone(), q[2].clone(), v[3].clone())
        } else {
            tvec!(q[0].clone(), q[2].clone(), q[1].clone() * &v[3])
        };
        Ok(tvec!(
            query.datum_type.fact(output),
            key.datum_type.fact(&[k[0].clone(), k[1].clone(), keys.clone(), k[3].clone()]),
            value.datum_type.fact(&[v[0].clone(), v[1].clone(), values, v[3].clone()]),
            query.datum_type.fact(&[q[0].clone(), q[1].clone(), q[2].clone(), keys])
        ))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [query, key, value] = kernel::required(&inputs)?;
        let packed = query.rank() == 3;
        let query = self.unpack(query, 0)?;
        let [key, value] = [self.unpack(key, 1)?, self.unpack(value, 1)?];
        let [past_key, past_value] = [kernel::optional(&inputs, 4), kernel::optional(&inputs, 5)];
        ensure!(
            past_key.is_some() == past_value.is_some(),
            "expected a past key and a past value, one is missing"
        );
        let extend = |past: Option<&Tensor>, new: Tensor| match past {
            Some(past) => Tensor::stack_tensors(2, &[past, &new]),
            None => Ok(new),
        };
        let past = past_key.map_or(0, |past| past.shape().get(2).copied().unwrap_or(0));
        let [key, value] = [extend(past_key, key)?, extend(past_value, value)?];
        let [mask, valid] = [kernel::optional(&inputs, 3), kernel::optional(&inputs, 6)];
        let task = Task { query, key, value, mask, past, valid, packed };
        let is_double = |tensor: &Tensor| tensor.datum_type() == f64::datum_type();
        let double = self.in_double || [&task.query, &task.key, &task.value].into_iter().any(is_double);
        let [output, scores] = if double { self.compute::<f64>(&task)? } else { self.compute::<f32>(&task)? };
        Ok(tvec!(output, task.key, task.value, scores))
    }
}

/// The tensors of one run, each with an axis for its heads; the past is in `key` and `value`.
struct Task<'a> {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Option<&'a Tensor>,
    past: usize,
    /// How many keys are no padding, for each of the batch.
    valid: Option<&'a Tensor>,
    /// Whether the output's heads belong into its last axis.
    packed: bool,
}

impl Attention {
    /// The shape of a query (0), or of a key or value (1), with an axis for its heads.
    fn split<D: DimLike>(&self, shape: &[D], which: usize) -> TractResult<[D; 4]> {
        match (shape, self.heads) {
            ([batch, heads, length, size], _) => {
                Ok([batch.clone(), heads.clone(), length.clone(), size.clone()])
            }
            ([batch, length, hidden], Some(heads)) => {
                let heads = heads[which];
                ensure!(
                    hidden.as_usize().is_none_or(|hidden| hidden % heads == 0),
                    "expected the size of all {heads} heads together, got {hidden}"
                );
                Ok([batch.clone(), heads.into(), length.clone(), hidden.clone() / heads])
            }
            ([_, _, _], None) => {
                bail!("expected q_num_heads and kv_num_heads for inputs of rank 3")
            }
            _ => bail!("expected query, key and value of rank 3 or 4, got shape {shape:?}"),
        }
    }

    fn unpack(&self, tensor: &Tensor, which: usize) -> TractResult<Tensor> {
        let [batch, heads, length, size] = self.split(tensor.shape(), which)?;
        if tensor.rank() == 4 {
            return Ok(tensor.clone());
        }
        tensor.clone().into_shape(&[batch, length, heads, size])?.permute_axes(&[0, 2, 1, 3])
    }

    /// The output, and the scores if they are one; else these are empty.
    fn compute<C>(&self, task: &Task) -> TractResult<[Tensor; 2]>
    where
        C: Datum + Float + LinalgScalar,
        f64: AsPrimitive<C>,
    {
        let typed = [task.query.cast_to::<C>()?, task.key.cast_to::<C>()?, task.value.cast_to::<C>()?];
        let [query, key, value] =
            [with_heads::<C>(&typed[0])?, with_heads(&typed[1])?, with_heads(&typed[2])?];
        let (batch, heads, length, size) = query.dim();
        let (_, shared, keys, _) = key.dim();
        let value_size = value.dim().3;
        ensure!(
            shared > 0
                && heads % shared == 0
                && key.dim() == (batch, shared, keys, size)
                && value.dim() == (batch, shared, keys, value_size),
            "expected query, key and value that fit each other, got {:?}, {:?} and {:?}",
            query.shape(),
            key.shape(),
            value.shape()
        );
        let valid = task.valid.map(elements::<i64>).transpose()?;
        ensure!(valid.is_none_or(|v| v.len() == batch), "expected {batch} lengths in nonpad_kv_seqlen");
        let mask = task.mask.map(bias_of::<C>).transpose()?;
        let mask = match &mask {
            Some(mask) => {
                let width = mask.shape().last().filter(|width| self.short_mask_hides && **width < keys);
                let shape = (batch, heads, length, width.copied().unwrap_or(keys));
                let wide = mask.broadcast(shape);
                Some(wide.with_context(|| format!("expected a mask for {shape:?}, got {:?}", mask.shape()))?)
            }
            None => None,
        };
        let visible = mask.as_ref().map_or(keys, |mask| mask.dim().3);

        let scale = self.scale.map_or_else(|| (size as f64).sqrt().recip(), f64::from).as_();
        let mut output = if task.packed {
            Array4::zeros((batch, length, heads, value_size)).permuted_axes([0, 2, 1, 3])
        } else {
            Array4::zeros((batch, heads, length, value_size))
        };
        let shown_keys = if self.scores.is_some() { keys } else { 0 };
        let mut shown = Array4::<C>::zeros((batch, heads, length, shown_keys));
        for b in 0..batch {
            let valid = valid.map(|valid| valid[b]);
            let reach = |i: usize| self.reach(i, length, task.past, valid, visible);
            // Nothing after what the last query may attend matters, unless all scores are an output.
            let width = if self.scores.is_some() { keys } else { reach(length.saturating_sub(1)).end };
            let mut scores = Array2::<C>::zeros((length, width));
            for h in 0..heads {
                let group = h / (heads / shared);
                let key = key.slice(s![b, group, ..width, ..]);
                general_mat_mul(scale, &query.slice(s![b, h, .., ..]), &key.t(), C::zero(), &mut scores);
                for (i, row) in scores.outer_iter_mut().enumerate() {
                    let row = row.into_slice().context("expected contiguous scores")?;
                    let bias = mask.as_ref().map(|mask| mask.slice_move(s![b, h, i, ..]));
                    self.weigh(row, reach(i), bias, shown.slice_mut(s![b, h, i, ..]));
                }
                let value = value.slice(s![b, group, ..width, ..]);
                let mut output = output.slice_mut(s![b, h, .., ..]);
                general_mat_mul(C::one(), &scores, &value, C::zero(), &mut output);
            }
        }
        let mut output = if task.packed { output.permuted_axes([0, 2, 1, 3]) } else { output }.into_tensor();
        if task.packed {
            let hidden = heads.checked_mul(value_size).context("too many heads")?;
            output = output.into_shape(&[batch, length, hidden])?;
        }
        let dt = task.query.datum_type();
        Ok([output.cast_to_dt(dt)?.into_owned(), shown.into_tensor().cast_to_dt(dt)?.into_owned()])
    }

    /// The keys that the query at `i` may attend, as far as positions tell.
    fn reach(
        &self,
        i: usize,
        queries: usize,
        past: usize,
        valid: Option<i64>,
        visible: usize,
    ) -> Range<usize> {
        let offset = match valid {
            Some(valid) => valid.saturating_sub(queries as i64),
            None => past as i64,
        };
        let position = offset.saturating_add(i as i64);
        let start = self.before.map_or(0, |before| position.saturating_sub(before));
        let mut end = valid.unwrap_or(i64::MAX).min(visible as i64);
        if self.causal {
            end = end.min(position.saturating_add(1));
        }
        if let Some(after) = self.after {
            end = end.min(position.saturating_add(after).saturating_add(1));
        }
        let end = end.max(0) as usize;
        (start.max(0) as usize).min(end)..end
    }

    /// Turns a query's products with the keys into their weights.
    fn weigh<C>(
        &self,
        row: &mut [C],
        reach: Range<usize>,
        bias: Option<ArrayView1<C>>,
        mut shown: ArrayViewMut1<C>,
    ) where
        C: Float + 'static,
        f64: AsPrimitive<C>,
    {
        let mut show = |row: &[C], step: Step| {
            if self.scores == Some(step) {
                shown.iter_mut().zip(row).for_each(|(shown, score)| *shown = *score);
            }
        };
        show(row, Step::Product);
        if let Some(cap) = self.cap {
            let cap = f64::from(cap).as_();
            row.iter_mut().for_each(|score| *score = (*score / cap).tanh() * cap);
        }
        show(row, Step::Capped);
        row[..reach.start].fill(C::neg_infinity());
        row[reach.end..].fill(C::neg_infinity());
        let mut attended = !reach.is_empty();
        if let Some(bias) = bias {
            attended = false;
            for j in reach {
                let hidden = bias[j] == C::neg_infinity();
                attended |= !hidden;
                // Hidden is hidden, even if the product is no number.
                row[j] = if hidden { bias[j] } else { row[j] + bias[j] };
            }
        }
        show(row, Step::Masked);
        let max = row.iter().fold(C::neg_infinity(), |max, score| max.max(*score));
        if attended && (max > C::neg_infinity() || row.iter().any(|score| score.is_nan())) {
            let mut sum = C::zero();
            for score in row.iter_mut() {
                *score = (*score - max).exp();
                sum = sum + *score;
            }
            row.iter_mut().for_each(|score| *score = *score / sum);
        } else {
            row.fill(C::zero());
        }
        show(row, Step::Softmax);
    }
}

fn with_heads<C: Datum>(tensor: &Tensor) -> TractResult<ArrayView4<'_, C>> {
    Ok(tensor.to_plain_array_view::<C>()?.into_dimensionality()?)
}

/// What a mask adds to the scores.
fn bias_of<C: Datum + Float>(mask: &Tensor) -> TractResult<ArrayD<C>> {
    if mask.datum_type() != bool::datum_type() {
        return Ok(mask.cast_to::<C>()?.to_plain_array_view::<C>()?.to_owned());
    }
    let bias = |attend: &bool| if *attend { C::zero() } else { C::neg_infinity() };
    Ok(mask.to_plain_array_view::<bool>()?.map(bias))
}
