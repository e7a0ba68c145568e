//! `ai.onnx.LinearAttention`: a state per head that each key and value is written to and each query reads.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__LinearAttention.html>.
//! Inputs: query `[B, T, Hq * D]`, key `[B, T, Hkv * D]`, value `[B, T, Hkv * E]`; optionally the past state
//! `[B, Hkv, D, E]`, else zeros; the decay, `[B, T, Hkv]` or `[B, T, Hkv * D]`, for the rules `gated` and
//! `gated_delta`; beta, `[B, T, Hkv]` or `[B, T, 1]`, for `delta` and `gated_delta`. f16 or float, the
//! state's type may be the other. Outputs: `[B, T, Hq * E]` of the query's type and the state, of the past
//! state's type if there is one. Computed token by token as float; `chunk_size` is only a hint.
//! Errors: an unknown rule, inputs that the rule lacks or does not use, shapes that do not fit each other.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements};

pub(crate) fn linear_attention(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let heads = [node.get_attr::<usize>("q_num_heads")?, node.get_attr::<usize>("kv_num_heads")?];
    ensure!(
        heads[1] > 0 && (1..=1 << 20).contains(&heads[0]) && heads[0] % heads[1] == 0,
        "expected q_num_heads to be a multiple of kv_num_heads, got {heads:?}"
    );
    let (gated, delta) = match node.get_attr_opt("update_rule")?.unwrap_or("gated_delta") {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => bail!("expected the rule linear, gated, delta or gated_delta, got {other}"),
    };
    let scale = node.get_attr_opt("scale")?.filter(|scale| *scale != 0f32);
    kernel::wire(ctx, node, LinearAttention { heads, scale, gated, delta })
}

#[derive(Debug)]
struct LinearAttention {
    /// Of the query, and of key and value.
    heads: [usize; 2],
    scale: Option<f32>,
    gated: bool,
    delta: bool,
}

impl Kernel for LinearAttention {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [query, key, value] = kernel::required(inputs)?;
        for fact in inputs.iter().flatten() {
            kernel::accept("an input", fact, &[DatumType::F16, DatumType::F32])?;
        }
        for (what, ix, used) in [("decay", 4, self.gated), ("beta", 5, self.delta)] {
            let given = kernel::optional(inputs, ix).is_some();
            ensure!(given == used, "expected {what} if the rule uses it, and only then");
        }
        let [q, k, v] = [query, key, value].map(|fact| fact.shape.dims());
        ensure!(
            q.len() == 3 && k.len() == 3 && v.len() == 3,
            "expected query, key and value of rank 3, got {q:?}, {k:?} and {v:?}"
        );
        let [query_heads, heads] = self.heads;
        let size = v[2].clone() / heads;
        let output = [q[0].clone(), q[1].clone(), size.clone() * query_heads];
        let state = [q[0].clone(), heads.to_dim(), k[2].clone() / heads, size];
        let state_type = kernel::optional(inputs, 3).map_or(query.datum_type, |past| past.datum_type);
        Ok(tvec!(query.datum_type.fact(output), state_type.fact(state)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [query, key, value] = kernel::required(&inputs)?;
        let [past, decay, beta] = [3, 4, 5].map(|ix| kernel::optional(&inputs, ix));
        let [query_heads, heads] = self.heads;
        let &[batch, time, hidden] = query.shape() else {
            bail!("expected a query of rank 3, got {:?}", query.shape())
        };
        let width = hidden / query_heads;
        let size = value.shape().last().map_or(0, |hidden| hidden / heads);
        let fits = |what: &str, tensor: Option<&Tensor>, widths: &[usize]| {
            let Some(tensor) = tensor else { return Ok(()) };
            ensure!(
                matches!(tensor.shape(), [b, t, w] if (b, t) == (&batch, &time) && widths.contains(w)),
                "expected {what} [{batch}, {time}, {widths:?}], got {:?}",
                tensor.shape()
            );
            Ok(())
        };
        fits("a query", Some(query), &[query_heads * width])?;
        fits("a key", Some(key), &[heads * width])?;
        fits("a value", Some(value), &[heads * size])?;
        fits("a decay", decay, &[heads, heads * width])?;
        fits("a beta", beta, &[heads, 1])?;
        let state_shape = [batch, heads, width, size];
        let state_type = past.map_or(query.datum_type(), |past| past.datum_type());
        let mut state = match past {
            Some(past) => {
                ensure!(
                    past.shape() == state_shape,
                    "expected a past {state_shape:?}, got {:?}",
                    past.shape()
                );
                past.cast_to::<f32>()?.into_owned()
            }
            None => Tensor::zero::<f32>(&state_shape)?,
        };
        let mut output = Tensor::zero::<f32>(&[batch, time, query_heads * size])?;

        let tokens = Tokens {
            query: floats_of(Some(query))?,
            key: floats_of(Some(key))?,
            value: floats_of(Some(value))?,
            decay: floats_of(decay)?,
            beta: floats_of(beta)?,
        };
        let scale = self.scale.unwrap_or_else(|| (width as f32).sqrt().recip());
        let mut states = state.try_as_plain_ram_mut()?;
        let mut outputs = output.try_as_plain_ram_mut()?;
        // The state of a head is one row per element of its keys; nothing is computed on empty rows.
        let states = states.as_slice_mut::<f32>()?.chunks_exact_mut((width * size).max(1));
        let outputs = outputs.as_slice_mut::<f32>()?;
        let group = query_heads / heads;
        let mut write = vec![0f32; size];
        for (ix, state) in states.enumerate() {
            let (b, head) = (ix / heads, ix % heads);
            for token in b * time..(b + 1) * time {
                self.write(&tokens, token, head, state, &mut write);
                for query_head in head * group..(head + 1) * group {
                    let at = token * query_heads + query_head;
                    let output = &mut outputs[at * size..][..size];
                    add_product(&tokens.query[at * width..][..width], state, output);
                    output.iter_mut().for_each(|y| *y *= scale);
                }
            }
        }
        let output = output.cast_to_dt(query.datum_type())?.into_owned();
        Ok(tvec!(output, state.cast_to_dt(state_type)?.into_owned()))
    }
}

/// The inputs, row by row for each token; empty where they are left out.
struct Tokens {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    decay: Vec<f32>,
    beta: Vec<f32>,
}

fn floats_of(tensor: Option<&Tensor>) -> TractResult<Vec<f32>> {
    let Some(tensor) = tensor else { return Ok(vec![]) };
    Ok(elements::<f32>(tensor.cast_to::<f32>()?.as_ref())?.to_vec())
}

impl LinearAttention {
    /// Lets the state of a head decay and adds what a token writes to it. `write` has room for a value.
    fn write(&self, tokens: &Tokens, token: usize, head: usize, state: &mut [f32], write: &mut [f32]) {
        let size = write.len();
        let width = state.len() / size;
        let heads = self.heads[1];
        let at = token * heads + head;
        if self.gated {
            // One decay for all rows of the head, or one for each.
            let per_row = tokens.decay.len() != tokens.key.len() / width;
            for (row, values) in state.chunks_exact_mut(size).enumerate() {
                let decay = tokens.decay[if per_row { at * width + row } else { at }].exp();
                values.iter_mut().for_each(|value| *value *= decay);
            }
        }
        let key = &tokens.key[at * width..][..width];
        let value = &tokens.value[at * size..][..size];
        if self.delta {
            let per_head = tokens.beta.len() != tokens.key.len() / (width * heads);
            let beta = tokens.beta[if per_head { at } else { token }];
            write.fill(0.0);
            add_product(key, state, write);
            write.iter_mut().zip(value).for_each(|(known, value)| *known = beta * (value - *known));
        } else {
            write.copy_from_slice(value);
        }
        for (key, row) in key.iter().zip(state.chunks_exact_mut(size)) {
            row.iter_mut().zip(&*write).for_each(|(state, value)| *state += key * value);
        }
    }
}

/// Adds a vector times a matrix of one row for each of its elements.
fn add_product(vector: &[f32], matrix: &[f32], sum: &mut [f32]) {
    for (factor, row) in vector.iter().zip(matrix.chunks_exact(sum.len())) {
        sum.iter_mut().zip(row).for_each(|(sum, element)| *sum += factor * element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node, string};

    fn attention(rule: &str, heads: [i64; 2]) -> NodeProto {
        let attributes =
            vec![string("update_rule", rule), int("q_num_heads", heads[0]), int("kv_num_heads", heads[1])];
        let mut node = node("", "LinearAttention", attributes);
        node.output = vec!["y".into(), "state".into()];
        node
    }

    /// One element per token in a batch of 1.
    fn tokens(values: &[f32]) -> Option<Tensor> {
        Some(tensor1(values).into_shape(&[1, values.len(), 1]).unwrap())
    }

    fn state(value: f32) -> Tensor {
        tensor4(&[[[[value]]]])
    }

    #[test]
    fn a_query_reads_the_sum_of_what_was_written() {
        let inputs = [tokens(&[1.0, 2.0]), tokens(&[3.0, 1.0]), tokens(&[2.0, 4.0]), Some(state(1.0))];
        let outputs = [tokens(&[7.0, 22.0]).unwrap(), state(11.0)];
        expect(attention("linear", [1, 1]), &inputs, &outputs);
    }

    #[test]
    fn what_was_written_decays() {
        let decay = tokens(&[0.5f32.ln(), 0.25f32.ln()]);
        let inputs = [tokens(&[1.0, 2.0]), tokens(&[3.0, 1.0]), tokens(&[2.0, 4.0]), Some(state(2.0)), decay];
        let outputs = [tokens(&[7.0, 11.5]).unwrap(), state(5.75)];
        expect(attention("gated", [1, 1]), &inputs, &outputs);
    }

    #[test]
    fn the_delta_rule_writes_what_the_state_lacks() {
        let inputs =
            [tokens(&[1.0]), tokens(&[1.0]), tokens(&[10.0]), Some(state(2.0)), None, tokens(&[0.5])];
        expect(attention("delta", [1, 1]), &inputs, &[tokens(&[6.0]).unwrap(), state(6.0)]);
        let mut inputs = inputs;
        inputs[4] = tokens(&[0.5f32.ln()]);
        expect(attention("gated_delta", [1, 1]), &inputs, &[tokens(&[5.5]).unwrap(), state(5.5)]);
    }

    #[test]
    fn heads_of_the_query_share_a_state_and_scale_by_their_width() {
        let query = tensor3(&[[[1f32, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]]);
        let key = tensor3(&[[[1f32, 2.0, 3.0, 4.0]]]);
        let value = tensor3(&[[[2f32]]]);
        let outputs = [tensor3(&[[[1f32, 3.0]]]), tensor4(&[[[[2f32], [4.0], [6.0], [8.0]]]])];
        expect(attention("linear", [2, 1]), &[Some(query), Some(key), Some(value)], &outputs);
    }

    #[test]
    fn the_state_may_have_its_own_type() {
        let half = |x: Option<Tensor>| Some(x?.cast_to::<f16>().unwrap().into_owned());
        let inputs = [half(tokens(&[1.0])), half(tokens(&[1.0])), half(tokens(&[1.0])), Some(state(1.0))];
        expect(attention("linear", [1, 1]), &inputs, &[half(tokens(&[2.0])).unwrap(), state(2.0)]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |node, inputs: &[Option<Tensor>], expected: &str| {
            let error = format!("{:#}", compute(node, inputs).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        let x = tokens(&[1.0]);
        let three = [x.clone(), x.clone(), x.clone()];
        refused(attention("delta", [1, 1]), &three, "expected beta if the rule uses it");
        refused(attention("softmax", [1, 1]), &three, "got softmax");
        refused(attention("linear", [3, 2]), &three, "multiple of kv_num_heads, got [3, 2]");
        refused(attention("linear", [1, 1]), &[x.clone(), x, tokens(&[1.0, 2.0])], "expected a value [1, 1");
    }
}
