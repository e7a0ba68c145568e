//! `ai.onnx.TfIdfVectorizer`: how often each n-gram of a pool occurs in a row of tokens.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html>.
//! Input `[C]` or `[N, C]` of string (with `pool_strings`), int64 or int32 (with `pool_int64s`); output float `[K]` or
//! `[N, K]`, where K is the greatest of `ngram_indexes` and 1. The tokens of an n-gram may be `max_skip_count` apart, all
//! at the same distance; single tokens count once. `TF` counts, `IDF` gives the weight of what occurs, `TFIDF` count times
//! weight; the weight of the i-th n-gram is the i-th, or 1 without `weights`. Errors: bounds and lists that contradict each
//! other, an n-gram listed twice, tokens of another type.

use std::ops::Range;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::attributes::{self, IntsOrStrings};
use crate::kernel::{self, Built, Kernel, Lengths, elements};

/// More would be a way to ask for any amount of memory.
const MAX_COLUMNS: usize = 1 << 24;

pub(crate) fn tf_idf_vectorizer(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let natural = |name: &str| -> TractResult<usize> {
        let value = node.get_attr::<i64>(name)?;
        usize::try_from(value).map_err(|_| format_err!("expected {name} of at least 0, got {value}"))
    };
    let (min, max) = (natural("min_gram_length")?, natural("max_gram_length")?);
    ensure!(0 < min && min <= max, "expected 0 < min_gram_length <= max_gram_length, got {min} and {max}");
    let columns = columns(node)?;
    let weights = weights(node, &columns)?;
    let mode = match node.get_attr::<&str>("mode")? {
        "TF" => Mode::Count,
        "IDF" => Mode::Weight,
        "TFIDF" => Mode::Both,
        other => bail!("expected the mode TF, IDF or TFIDF, got {other:?}"),
    };
    let pool = IntsOrStrings::read(node, "pool_int64s", "pool_strings")?;
    let ranges = ranges(node, pool.len(), min..max.saturating_add(1), &columns)?;
    let pool = match pool {
        IntsOrStrings::Ints(ints) => Pool::Ints(Grams::new(ints, ranges)?),
        IntsOrStrings::Strings(strings) => Pool::Strings(Grams::new(strings, ranges)?),
    };
    let width = columns.iter().max().map_or(0, |max| max + 1);
    let max_distance = natural("max_skip_count")?.saturating_add(1);
    kernel::wire(ctx, node, TfIdfVectorizer { pool, width, weights, mode, min, max_distance })
}

/// The output's column of each n-gram.
fn columns(node: &NodeProto) -> TractResult<Vec<usize>> {
    let indexes = attributes::ints(node, "ngram_indexes")?;
    ensure!(!indexes.is_empty(), "expected ngram_indexes, they are absent or empty");
    let column = |index: &i64| {
        let column = usize::try_from(*index).ok().filter(|column| *column < MAX_COLUMNS);
        column.with_context(|| format!("expected ngram_indexes from 0 to below {MAX_COLUMNS}, got {index}"))
    };
    indexes.iter().map(column).collect()
}

/// The weight of each column; empty where all are 1.
fn weights(node: &NodeProto, columns: &[usize]) -> TractResult<Vec<f32>> {
    let given = attributes::floats(node, "weights")?;
    if given.is_empty() {
        return Ok(given);
    }
    ensure!(
        given.len() == columns.len(),
        "expected as many weights as ngram_indexes, got {} and {}",
        given.len(),
        columns.len()
    );
    let mut weights = vec![1.0; columns.iter().max().map_or(0, |max| max + 1)];
    columns.iter().zip(given).for_each(|(column, weight)| weights[*column] = weight);
    Ok(weights)
}

/// Where in the pool the n-grams of the `wanted` lengths are, and their columns.
fn ranges(
    node: &NodeProto,
    pool: usize,
    wanted: Range<usize>,
    columns: &[usize],
) -> TractResult<Vec<(Range<usize>, usize)>> {
    let starts = attributes::ints(node, "ngram_counts")?;
    ensure!(
        wanted.end <= starts.len() + 1,
        "expected max_gram_length up to the {} ngram_counts, got {}",
        starts.len(),
        wanted.end - 1
    );
    let mut ranges = vec![];
    let mut columns = columns.iter();
    for (ix, start) in starts.iter().enumerate() {
        let len = ix + 1;
        let end = starts.get(len).copied().unwrap_or(pool as i64);
        let (Ok(start), Ok(end)) = (usize::try_from(*start), usize::try_from(end)) else {
            bail!("expected ngram_counts of at least 0, got {starts:?}")
        };
        ensure!(
            start <= end && end <= pool && (end - start) % len == 0,
            "expected ngram_counts that part the pool of {pool} into whole n-grams, got {starts:?}"
        );
        for from in (start..end).step_by(len) {
            let column = columns.next().context("expected an index of ngram_indexes for every n-gram")?;
            if wanted.contains(&len) {
                ranges.push((from..from + len, *column));
            }
        }
    }
    Ok(ranges)
}

#[derive(Debug)]
struct TfIdfVectorizer {
    pool: Pool,
    width: usize,
    weights: Vec<f32>,
    mode: Mode,
    min: usize,
    max_distance: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Count,
    Weight,
    Both,
}

#[derive(Debug)]
enum Pool {
    Ints(Grams<i64>),
    Strings(Grams<String>),
}

/// N-grams in order, so that a binary search per token narrows them down to those with the tokens so far.
#[derive(Debug)]
struct Grams<T> {
    tokens: Vec<T>,
    sorted: Vec<(Range<usize>, usize)>,
}

impl<T: Ord> Grams<T> {
    fn new(tokens: Vec<T>, mut sorted: Vec<(Range<usize>, usize)>) -> TractResult<Self> {
        sorted.sort_by(|(a, _), (b, _)| tokens[a.clone()].cmp(&tokens[b.clone()]));
        let twice = sorted.windows(2).any(|pair| tokens[pair[0].0.clone()] == tokens[pair[1].0.clone()]);
        ensure!(!twice, "expected every n-gram once in the pool, one is listed twice");
        Ok(Self { tokens, sorted })
    }

    /// Adds 1 to the column of every n-gram in `row`.
    fn count(&self, row: &[T], min: usize, max_distance: usize, counts: &mut [f32]) {
        for distance in 1..=max_distance.min(row.len()) {
            for start in 0..row.len() {
                let mut narrowed = &self.sorted[..];
                for (depth, token) in row[start..].iter().step_by(distance).enumerate() {
                    // Within `narrowed`, all begin with the same `depth` tokens; the n-gram that has no more is first.
                    let next = |(range, _): &(Range<usize>, usize)| self.tokens[range.clone()].get(depth);
                    let from = narrowed.partition_point(|gram| next(gram) < Some(token));
                    let to = narrowed.partition_point(|gram| next(gram) <= Some(token));
                    narrowed = &narrowed[from..to];
                    let Some((range, column)) = narrowed.first() else { break };
                    let len = depth + 1;
                    if range.len() == len && len >= min && (len > 1 || distance == 1) {
                        counts[*column] += 1.0;
                    }
                }
            }
        }
    }
}

impl Kernel for TfIdfVectorizer {
    fn facts(&self, inputs: &[Option<&TypedFact>], _: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let accepted: &[DatumType] = match self.pool {
            Pool::Ints(_) => &[DatumType::I64, DatumType::I32],
            Pool::Strings(_) => &[DatumType::String],
        };
        kernel::accept("tokens", x, accepted)?;
        ensure!(matches!(x.rank(), 1 | 2), "expected an input [C] or [N, C], got shape {:?}", x.shape);
        let batch = x.shape[..x.rank() - 1].iter().cloned();
        Ok(tvec!(f32::fact(batch.chain([self.width.to_dim()]).collect::<TVec<_>>())))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let Some((columns, batch)) = x.shape().split_last() else { bail!("expected an input [C] or [N, C]") };
        let shape: TVec<usize> = batch.iter().copied().chain([self.width]).collect();
        kernel::checked_len(&shape)?;
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut view = output.try_as_plain_ram_mut()?;
        let data = view.as_slice_mut::<f32>()?;
        match &self.pool {
            Pool::Ints(grams) => self.fill(grams, elements(x.cast_to::<i64>()?.as_ref())?, *columns, data),
            Pool::Strings(grams) => self.fill(grams, elements(x)?, *columns, data),
        }
        Ok(tvec!(output))
    }
}

impl TfIdfVectorizer {
    fn fill<T: Ord>(&self, grams: &Grams<T>, tokens: &[T], columns: usize, output: &mut [f32]) {
        let rows = tokens.chunks(columns.max(1));
        for (row, output) in rows.zip(output.chunks_exact_mut(self.width)) {
            grams.count(row, self.min, self.max_distance, output);
            if self.mode == Mode::Weight {
                output.iter_mut().for_each(|count| *count = count.min(1.0));
            }
            if self.mode != Mode::Count {
                output.iter_mut().zip(&self.weights).for_each(|(count, weight)| *count *= weight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{expect, floats, int, ints, node, refuse, string, strings};

    fn text(values: &[&str]) -> Tensor {
        tensor1(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn vectorizer(
        mode: &str,
        grams: (i64, i64, i64),
        counts: &[i64],
        more: Vec<AttributeProto>,
    ) -> NodeProto {
        let (min, max, skip) = grams;
        let mut attributes = vec![
            string("mode", mode),
            int("min_gram_length", min),
            int("max_gram_length", max),
            int("max_skip_count", skip),
            ints("ngram_counts", counts),
        ];
        attributes.extend(more);
        node("", "TfIdfVectorizer", attributes)
    }

    fn check(node: NodeProto, x: Tensor, y: Tensor) {
        expect(node, &[Some(x)], &[y]);
    }

    /// The numbers are onnxruntime's.
    #[test]
    fn weights_belong_to_n_grams_and_not_to_columns() {
        let of = |mode, weights: &[f32]| {
            let pool = vec![ints("pool_int64s", &[1, 2]), ints("ngram_indexes", &[1, 0])];
            vectorizer(mode, (1, 1, 0), &[0], [pool, vec![floats("weights", weights)]].concat())
        };
        let x = || tensor1(&[1i64, 2, 1]);
        check(of("TF", &[2.0, 3.0]), x(), tensor1(&[1f32, 2.0]));
        check(of("IDF", &[2.0, 3.0]), x(), tensor1(&[3f32, 2.0]));
        check(of("TFIDF", &[2.0, 3.0]), x(), tensor1(&[3f32, 4.0]));
        check(of("IDF", &[]), x(), tensor1(&[1f32, 1.0]));
        check(of("TFIDF", &[]), tensor2(&[[2i32, 2], [1, 0]]), tensor2(&[[2f32, 0.0], [0.0, 1.0]]));
    }

    #[test]
    fn tokens_of_an_n_gram_may_be_apart_and_single_ones_count_once() {
        let pool = strings("pool_strings", &["a", "a", "b", "a", "c", "a", "b", "c", "a", "c", "d"]);
        let all = || vec![pool.clone(), ints("ngram_indexes", &[0, 1, 2, 3, 4])];
        let x = || text(&["a", "b", "c", "d"]);
        let counts = &[0, 1, 5];
        check(vectorizer("TF", (1, 3, 1), counts, all()), x(), tensor1(&[1f32, 1.0, 1.0, 1.0, 0.0]));
        check(vectorizer("TF", (1, 3, 0), counts, all()), x(), tensor1(&[1f32, 1.0, 0.0, 1.0, 0.0]));
        check(vectorizer("TF", (2, 3, i64::MAX), counts, all()), x(), tensor1(&[0f32, 1.0, 1.0, 1.0, 0.0]));
        check(vectorizer("TF", (3, 3, 0), counts, all()), x(), tensor1(&[0f32, 0.0, 0.0, 1.0, 0.0]));
    }

    #[test]
    fn columns_may_be_shared_and_left_out() {
        let of = |indexes: &[i64]| {
            let more = vec![ints("pool_int64s", &[1, 2]), ints("ngram_indexes", indexes)];
            vectorizer("TF", (1, 1, 0), &[0], more)
        };
        check(of(&[0, 0]), tensor1(&[1i64, 2, 1]), tensor1(&[3f32]));
        check(of(&[0, 3]), tensor1(&[1i64, 2, 1]), tensor1(&[2f32, 0.0, 0.0, 1.0]));
        let empty = |shape: &[usize]| Tensor::zero::<i64>(shape).unwrap();
        check(of(&[0, 1]), empty(&[0]), tensor1(&[0f32, 0.0]));
        check(of(&[0, 1]), empty(&[2, 0]), tensor2(&[[0f32, 0.0], [0.0, 0.0]]));
    }

    #[test]
    fn lists_that_contradict_each_other_are_refused() {
        let of = |grams, counts: &[i64], pool: &[&str], indexes: &[i64]| {
            vectorizer(
                "TF",
                grams,
                counts,
                vec![strings("pool_strings", pool), ints("ngram_indexes", indexes)],
            )
        };
        let check = |node, message| refuse(node, text(&["a"]), message);
        check(of((1, 1, 0), &[0], &["a", "a"], &[0, 1]), "listed twice");
        check(of((1, 2, 0), &[0], &["a"], &[0]), "up to the 1 ngram_counts, got 2");
        check(of((0, 1, 0), &[0], &["a"], &[0]), "got 0 and 1");
        check(of((2, 1, 0), &[0], &["a"], &[0]), "got 2 and 1");
        check(of((1, i64::MAX, 0), &[0], &["a"], &[0]), "up to the 1 ngram_counts");
        check(of((1, 2, 0), &[0, 2], &["a", "b", "c"], &[0, 1, 2]), "whole n-grams");
        check(of((1, 2, 0), &[1, 0], &["a", "b"], &[0, 1]), "whole n-grams");
        check(of((1, 1, 0), &[-1], &["a"], &[0]), "of at least 0");
        check(of((1, 1, 0), &[0], &["a", "b"], &[0]), "for every n-gram");
        check(of((1, 1, 0), &[0], &["a"], &[-1]), "from 0 to below");
        check(of((1, 1, 0), &[0], &["a"], &[i64::MAX]), "from 0 to below");
        check(of((1, 1, -1), &[0], &["a"], &[0]), "max_skip_count of at least 0");
        let weights =
            vec![ints("pool_int64s", &[1]), ints("ngram_indexes", &[0]), floats("weights", &[1.0, 2.0])];
        check(vectorizer("TF", (1, 1, 0), &[0], weights), "as many weights");
        let numbers = vec![ints("pool_int64s", &[1]), ints("ngram_indexes", &[0])];
        check(vectorizer("TF", (1, 1, 0), &[0], numbers.clone()), "got String");
        check(vectorizer("tf", (1, 1, 0), &[0], numbers), "got \"tf\"");
    }
}
