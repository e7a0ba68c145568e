//! What a model was trained on, kept small: the file `drift.json` beside its manifest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Quantiles that are kept of a number.
const QUANTILES: usize = 1000;
/// Bins of a number, of about as many values each.
const BINS: usize = 10;
/// Categories that are kept; the rarer ones are counted together.
const CATEGORIES: usize = 200;

/// What each feature, the prediction and its score looked like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// SHA-256 of the model whose predictions these are.
    pub digest: String,
    /// When it was made, as RFC 3339 has it.
    pub created: String,
    /// The file it was made of.
    pub source: String,
    /// The rows of that.
    pub rows: u64,
    /// The features, in the manifest's order.
    pub features: Vec<Distribution>,
    /// What the model said of the rows: its classes and the score, or its values.
    pub predictions: Vec<Distribution>,
}

/// How one column was distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// The column.
    pub name: String,
    /// Rows without a value.
    pub missing: u64,
    /// The others.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Values {
    /// Numbers.
    Numbers {
        /// How many.
        count: u64,
        /// The arithmetic mean.
        mean: f64,
        /// The standard deviation.
        deviation: f64,
        /// From the smallest to the largest, evenly spaced by rank; all of them where they are few.
        quantiles: Vec<f64>,
        /// The upper ends of all bins but the last; a value belongs to the first bin that reaches to it.
        edges: Vec<f64>,
        /// Values in each bin.
        counts: Vec<u64>,
    },
    /// Categories.
    Categories {
        /// How often each came.
        counts: BTreeMap<String, u64>,
        /// How often those came that are not listed.
        others: u64,
    },
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    Number,
    /// One of several texts.
    Category,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// None, or a number that is none.
    Missing,
    /// A number.
    Number(f64),
    /// A category.
    Category(Cow<'a, str>),
}

impl Value<'_> {
    /// The value by itself.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Missing => Value::Missing,
            Value::Number(number) => Value::Number(number),
            Value::Category(text) => Value::Category(text.into_owned().into()),
        }
    }
}

impl Distribution {
    /// Of a column's values. Those of another kind count as missing.
    pub fn new<'a>(name: &str, kind: Kind, column: impl IntoIterator<Item = Value<'a>>) -> Distribution {
        let mut missing = 0;
        let (mut numbers, mut counts) = (vec![], BTreeMap::<String, u64>::new());
        for value in column {
            match (kind, value) {
                (Kind::Number, Value::Number(number)) if number.is_finite() => numbers.push(number),
                (Kind::Category, Value::Category(text)) => match counts.get_mut(&*text) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(text.into_owned(), 1)),
                },
                _ => missing += 1,
            }
        }
        let values = match kind {
            Kind::Number => of_numbers(numbers),
            Kind::Category => of_categories(counts),
        };
        Distribution { name: name.to_owned(), missing, values }
    }

    /// Rows, those without a value among them.
    pub fn rows(&self) -> u64 {
        self.missing
            + match &self.values {
                Values::Numbers { count, .. } => *count,
                Values::Categories { counts, others } => counts.values().sum::<u64>() + others,
            }
    }

    /// What the column holds.
    pub fn kind(&self) -> Kind {
        match self.values {
            Values::Numbers { .. } => Kind::Number,
            Values::Categories { .. } => Kind::Category,
        }
    }
}

fn of_numbers(mut numbers: Vec<f64>) -> Values {
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len();
    let mean = numbers.iter().sum::<f64>() / count.max(1) as f64;
    let squares = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>();
    let mut edges =
        (1..BINS).filter_map(|bin| numbers.get((count * bin).div_ceil(BINS).checked_sub(1)?).copied());
    let mut edges = edges.by_ref().collect::<Vec<_>>();
    edges.dedup();
    // Behind the largest value there is nothing to count.
    edges.retain(|edge| Some(edge) < numbers.last());
    let mut counts = vec![0; edges.len() + 1];
    numbers.iter().for_each(|number| counts[bin(&edges, *number)] += 1);
    let quantiles = if count <= QUANTILES {
        numbers
    } else {
        let rank = |ix: usize| (ix as f64 * (count - 1) as f64 / (QUANTILES - 1) as f64).round() as usize;
        (0..QUANTILES).map(|ix| numbers[rank(ix)]).collect()
    };
    let deviation = (squares / count.max(1) as f64).sqrt();
    Values::Numbers { count: count as u64, mean, deviation, quantiles, edges, counts }
}

fn of_categories(counts: BTreeMap<String, u64>) -> Values {
    let mut by_count = counts.into_iter().collect::<Vec<_>>();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let others = by_count.iter().skip(CATEGORIES).map(|(_, count)| count).sum();
    by_count.truncate(CATEGORIES);
    Values::Categories { counts: by_count.into_iter().collect(), others }
}

/// The bin of a number.
pub(super) fn bin(edges: &[f64], number: f64) -> usize {
    edges.partition_point(|edge| *edge < number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Distribution {
        Distribution::new("x", Kind::Number, values.iter().map(|value| Value::Number(*value)))
    }

    #[test]
    fn bins_hold_a_tenth_each_unless_values_repeat() {
        let edges_and_counts = |values: &[f64]| match numbers(values).values {
            Values::Numbers { edges, counts, .. } => (edges, counts),
            Values::Categories { .. } => unreachable!(),
        };
        let even = (1..=100).map(f64::from).collect::<Vec<_>>();
        let (edges, counts) = edges_and_counts(&even);
        assert_eq!((edges[0], edges[8], counts), (10.0, 90.0, vec![10; 10]));
        assert_eq!(edges_and_counts(&[3.0; 7]), (vec![], vec![7]));
        assert_eq!(edges_and_counts(&[0.0, 0.0, 0.0, 1.0]), (vec![0.0], vec![3, 1]));
        assert_eq!(edges_and_counts(&[]), (vec![], vec![0]));
    }

    #[test]
    fn many_numbers_are_kept_as_quantiles_with_both_ends() {
        let many = (0..5000).map(f64::from).collect::<Vec<_>>();
        let Values::Numbers { quantiles, count, mean, .. } = numbers(&many).values else { unreachable!() };
        assert_eq!((quantiles.len(), quantiles[0], quantiles[999]), (1000, 0.0, 4999.0));
        assert_eq!((count, mean), (5000, 2499.5));
    }

    #[test]
    fn what_is_no_value_is_missing() {
        let distribution = numbers(&[1.0, f64::NAN, f64::INFINITY]);
        assert_eq!((distribution.missing, distribution.rows()), (2, 3));
        let values =
            [Value::Category("a".into()), Value::Missing, Value::Category("a".into()), Value::Number(1.0)];
        let distribution = Distribution::new("x", Kind::Category, values);
        assert_eq!((distribution.missing, distribution.rows()), (2, 4));
    }

    #[test]
    fn a_baseline_comes_back_as_it_was() {
        let features = vec![numbers(&[0.1, 0.7, f64::NAN])];
        let category = Distribution::new("c", Kind::Category, [Value::Category("a".into())]);
        let (digest, created, source) = ("d".to_owned(), "now".to_owned(), "f.csv".to_owned());
        let baseline = Baseline { digest, created, source, rows: 3, features, predictions: vec![category] };
        let text = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
    }
}
