//! How far a window is from its baseline, and whether that is far.

use serde::Serialize;

use super::baseline::{Distribution, Kind, Value, Values, bin};
use super::window::{Code, Ring, Window};
use super::{chi_square, jensen_shannon, kolmogorov_smirnov, population_stability};

/// From when on a difference is a drift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The least rows of a window that is judged.
    pub rows: u64,
    /// The least population stability index.
    pub index: f64,
    /// The largest probability that it is chance, over all columns together: each gets its part (Bonferroni).
    pub significance: f64,
}

/// A test of whether two samples come from one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Test {
    /// Which.
    pub name: &'static str,
    /// Its statistic.
    pub statistic: f64,
    /// The probability of one as large by chance.
    pub p_value: f64,
}

/// A bin of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// The category, or the range of numbers.
    pub name: String,
    /// The baseline's rows in it.
    pub baseline: u64,
    /// The window's.
    pub window: u64,
}

/// How far a column has drifted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// The column.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether that is more than chance and more than slight.
    pub drifted: bool,
    /// The population stability index over the bins.
    pub psi: Option<f64>,
    /// The distance of Jensen and Shannon over the bins.
    pub jensen_shannon: Option<f64>,
    /// Of numbers the test of Kolmogorov and Smirnov, of categories Pearson's.
    pub test: Option<Test>,
    /// Pearson's test of whether as many values are missing as in the baseline.
    pub missing_test: Option<Test>,
    /// Rows of the baseline.
    pub baseline_rows: u64,
    /// Rows of the window.
    pub window_rows: u64,
    /// The part of the baseline's rows without a value.
    pub baseline_missing_rate: f64,
    /// The part of the window's rows without a value.
    pub missing_rate: f64,
    /// The part of the window's numbers outside of the baseline's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_range_rate: Option<f64>,
    /// The part of the window's rows with a category that the baseline does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen_rate: Option<f64>,
    /// Some of these categories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// The rows by bin; those without a value are the last one.
    pub bins: Vec<Bin>,
}

impl Distribution {
    /// How far other values of the column are from these; judged by itself.
    pub fn drift<'a>(&self, values: impl ExactSizeIterator<Item = Value<'a>>, limits: &Limits) -> Drift {
        let mut window = Window::new(self, values.len());
        values.for_each(|value| window.push(self, value));
        Drift::new(self, &window, limits, 1)
    }
}

impl Drift {
    /// Of one of so many columns that are judged together.
    pub(super) fn new(column: &Distribution, window: &Window, limits: &Limits, columns: usize) -> Drift {
        let Counted { bins, test, out_of_range, unseen, rows } = Counted::new(column, window);
        let before = bins.iter().map(|bin| bin.baseline).collect::<Vec<_>>();
        let now = bins.iter().map(|bin| bin.window).collect::<Vec<_>>();
        let missing = now.last().copied().unwrap_or(0);
        let baseline_rows = column.rows();
        let missing_test =
            chi_square(&[column.missing, baseline_rows - column.missing], &[missing, rows - missing]);
        let psi = population_stability(&before, &now);
        let significance = limits.significance / columns.max(1) as f64;
        let significant = |test: &Option<Test>| test.is_some_and(|test| test.p_value < significance);
        let large = psi.is_some_and(|psi| psi >= limits.index);
        Drift {
            name: column.name.clone(),
            kind: column.kind(),
            drifted: rows >= limits.rows && large && (significant(&test) || significant(&missing_test)),
            psi,
            jensen_shannon: jensen_shannon(&before, &now),
            test,
            missing_test,
            baseline_rows,
            window_rows: rows,
            baseline_missing_rate: rate(column.missing, baseline_rows),
            missing_rate: rate(missing, rows),
            out_of_range_rate: out_of_range.map(|count| rate(count, rows - missing)),
            unseen_rate: unseen.map(|count| rate(count, rows)),
            unseen: window.unseen.clone(),
            bins,
        }
    }
}

fn rate(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

/// Both by bin, and the test that goes with the kind.
struct Counted {
    bins: Vec<Bin>,
    test: Option<Test>,
    out_of_range: Option<u64>,
    unseen: Option<u64>,
    rows: u64,
}

impl Counted {
    fn new(column: &Distribution, window: &Window) -> Counted {
        match (&column.values, &window.values) {
            (Values::Numbers { quantiles, edges, counts, .. }, Ring::Numbers(numbers)) => {
                let mut sorted =
                    numbers.iter().copied().filter(|number| !number.is_nan()).collect::<Vec<_>>();
                sorted.sort_by(f64::total_cmp);
                let mut now = vec![0; counts.len()];
                sorted.iter().for_each(|number| now[bin(edges, *number)] += 1);
                let inside =
                    |number: &&f64| quantiles.first() <= Some(*number) && Some(*number) <= quantiles.last();
                let outside = sorted.len() - sorted.iter().filter(inside).count();
                let names = (0..counts.len()).map(|ix| range(edges, ix));
                let bins = names.zip(counts).zip(&now).map(|((name, before), now)| Bin {
                    name,
                    baseline: *before,
                    window: *now,
                });
                let missing = (numbers.len() - sorted.len()) as u64;
                Counted {
                    bins: with_missing(bins, column.missing, missing),
                    test: kolmogorov_smirnov(quantiles, &sorted),
                    out_of_range: Some(outside as u64),
                    unseen: None,
                    rows: numbers.len() as u64,
                }
            }
            (Values::Categories { counts, others }, Ring::Categories(codes)) => {
                let count = |code: Code| codes.iter().filter(|found| **found == code).count() as u64;
                let unseen = count(Code::Unseen);
                let known = counts.iter().enumerate().map(|(ix, (name, before))| Bin {
                    name: name.clone(),
                    baseline: *before,
                    window: count(Code::Known(ix as u16)),
                });
                let rest = Bin { name: "others".into(), baseline: *others, window: unseen };
                let rest = Some(rest).filter(|bin| bin.baseline + bin.window > 0);
                let bins = with_missing(known.chain(rest), column.missing, count(Code::Missing));
                let before = bins.iter().map(|bin| bin.baseline).collect::<Vec<_>>();
                let now = bins.iter().map(|bin| bin.window).collect::<Vec<_>>();
                let test = chi_square(&before, &now);
                Counted { bins, test, out_of_range: None, unseen: Some(unseen), rows: codes.len() as u64 }
            }
            _ => Counted { bins: vec![], test: None, out_of_range: None, unseen: None, rows: 0 },
        }
    }
}

fn with_missing(bins: impl Iterator<Item = Bin>, baseline: u64, window: u64) -> Vec<Bin> {
    bins.chain([Bin { name: "missing".into(), baseline, window }]).collect()
}

/// The numbers of a bin, in words.
fn range(edges: &[f64], ix: usize) -> String {
    let (from, to) = (ix.checked_sub(1).and_then(|before| edges.get(before)), edges.get(ix));
    match (from.map(short), to.map(short)) {
        (None, None) => "all".into(),
        (None, Some(to)) => format!("up to {to}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("over {from}"),
    }
}

/// With four digits that count.
fn short(number: &f64) -> String {
    if *number == 0.0 || !number.is_finite() {
        return "0".into();
    }
    let digits = 3 - number.abs().log10().floor() as i32;
    if !(-6..=9).contains(&digits) {
        return format!("{number:.3e}");
    }
    let text = format!("{number:.*}", digits.max(0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::drift::{Baseline, Windows};

    const LIMITS: Limits = Limits { rows: 50, index: 0.2, significance: 0.01 };

    fn windows(capacity: usize) -> Windows {
        let number =
            Distribution::new("x", Kind::Number, (0..1000).map(|ix| Value::Number(f64::from(ix % 100))));
        let categories = ["a", "b"].into_iter().cycle().take(1000).map(|text| Value::Category(text.into()));
        let category = Distribution::new("c", Kind::Category, categories);
        let (digest, created, source) = (String::new(), String::new(), String::new());
        let features = vec![number, category];
        let baseline = Baseline { digest, created, source, rows: 1000, features, predictions: vec![] };
        Windows::new(Arc::new(baseline), capacity)
    }

    fn compare(rows: impl IntoIterator<Item = (Value<'static>, Value<'static>)>) -> (Drift, Drift) {
        let mut windows = windows(200);
        for (x, c) in rows {
            windows.push(|ix| if ix == 0 { x.clone() } else { c.clone() }, |_| Value::Missing);
        }
        let mut features = windows.compare(&LIMITS).0.into_iter();
        (features.next().unwrap(), features.next().unwrap())
    }

    fn row(ix: u32) -> (Value<'static>, Value<'static>) {
        (
            Value::Number(f64::from(ix * 37 % 100)),
            Value::Category(if ix.is_multiple_of(2) { "a" } else { "b" }.into()),
        )
    }

    #[test]
    fn the_same_is_no_drift_and_another_is() {
        let (x, c) = compare((0..200).map(row));
        assert!(!x.drifted && !c.drifted && x.psi < Some(0.05), "{x:?}");
        let (x, c) =
            compare((0..200).map(|ix| (Value::Number(f64::from(ix) / 4.0), Value::Category("a".into()))));
        assert!(x.drifted && c.drifted, "{x:?} {c:?}");
        assert!(x.test.unwrap().p_value < 1e-9 && c.test.unwrap().p_value < 1e-9);
    }

    #[test]
    fn a_few_rows_are_not_judged() {
        let (x, c) = compare((0..49).map(|_| (Value::Number(0.0), Value::Category("a".into()))));
        assert!(!x.drifted && !c.drifted && x.psi > Some(1.0));
    }

    #[test]
    fn only_the_last_rows_count() {
        let far = (0..500).map(|_| (Value::Number(1e6), Value::Category("z".into())));
        let (x, c) = compare(far.chain((0..200).map(row)));
        assert_eq!((x.window_rows, x.out_of_range_rate, c.unseen_rate), (200, Some(0.0), Some(0.0)));
        assert!(!x.drifted && !c.drifted);
    }

    #[test]
    fn missing_values_unseen_categories_and_wild_numbers_are_told() {
        let (x, c) = compare((0..200).map(|ix| match ix % 4 {
            0 => (Value::Missing, Value::Missing),
            1 => (Value::Number(-5.0), Value::Category("new".into())),
            _ => row(ix),
        }));
        assert_eq!((x.missing_rate, x.baseline_missing_rate, c.missing_rate), (0.25, 0.0, 0.25));
        assert_eq!((x.out_of_range_rate, c.unseen_rate), (Some(1.0 / 3.0), Some(0.25)));
        assert_eq!(c.unseen, ["new"]);
        assert!(x.missing_test.unwrap().p_value < 1e-9 && x.drifted && c.drifted);
        assert_eq!(x.bins.last().unwrap(), &Bin { name: "missing".into(), baseline: 0, window: 50 });
    }

    #[test]
    fn ranges_are_written_short() {
        let edges = [0.123_456, 20.0, 8672.45, 3e12];
        let names = (0..5).map(|ix| range(&edges, ix)).collect::<Vec<_>>();
        assert_eq!(
            names,
            ["up to 0.1235", "0.1235 to 20", "20 to 8672", "8672 to 3.000e12", "over 3.000e12"]
        );
        assert_eq!(range(&[], 0), "all");
    }
}
