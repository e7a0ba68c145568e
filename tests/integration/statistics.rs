//! Drift and quality against SciPy and scikit-learn, within 1e-9; how is in tests/statistics/check.py.

use std::sync::Arc;

use edgewit_statistics::drift::{Baseline, Distribution, Drift, Kind, Limits, Value, Values, Windows};
use edgewit_statistics::quality::{Classification, Outcome, Regression};
use edgewit_tests::root;
use serde_json::{Value as Json, json};
use xtask::python;

const LIMITS: Limits = Limits { rows: 1, index: 0.2, significance: 0.01 };

/// Numbers from 0 to 1 that are the same in every run (D. E. Knuth's MMIX).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() * end as f64) as usize
    }

    fn numbers(&mut self, count: usize, of: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..count).map(|_| of(self.next())).collect()
    }
}

/// The drift of a window from a baseline.
fn compare(kind: Kind, before: Vec<Value<'static>>, now: &[Value<'static>]) -> (Baseline, Drift) {
    let features = vec![Distribution::new("x", kind, before)];
    let (digest, created, source) = (String::new(), String::new(), String::new());
    let baseline = Baseline { digest, created, source, rows: 0, features, predictions: vec![] };
    let mut windows = Windows::new(Arc::new(baseline.clone()), now.len());
    now.iter().for_each(|value| windows.push(|_| value.clone(), |_| Value::Missing));
    (baseline, windows.compare(&LIMITS).0.remove(0))
}

fn case(name: String, drift: &Drift) -> Json {
    let bins = [
        drift.bins.iter().map(|bin| bin.baseline).collect::<Vec<_>>(),
        drift.bins.iter().map(|bin| bin.window).collect(),
    ];
    json!({ "name": name, "test": drift.test, "psi": drift.psi, "jensen_shannon": drift.jensen_shannon, "bins": bins })
}

fn numbers(random: &mut Random, sizes: (usize, usize), digits: f64, shift: f64) -> Json {
    let round = |value: f64| (value * digits).round() / digits;
    let before = random.numbers(sizes.0, |value| round(-value.ln()));
    let now = random.numbers(sizes.1, |value| round(shift - value.ln()));
    let values = |numbers: &[f64]| numbers.iter().map(|number| Value::Number(*number)).collect::<Vec<_>>();
    let (baseline, drift) = compare(Kind::Number, values(&before), &values(&now));
    let Values::Numbers { quantiles, .. } = &baseline.features[0].values else { panic!("numbers") };
    let mut case = case(format!("{sizes:?} numbers, {digits}, shifted by {shift}"), &drift);
    case["numbers"] = json!([quantiles, now]);
    case
}

fn categories(random: &mut Random, sizes: (usize, usize), kinds: usize, skew: f64) -> Json {
    let mut sample = |size: usize, skew: f64| {
        let category = |random: &mut Random| ((random.next().powf(skew)) * kinds as f64) as usize;
        (0..size).map(|_| Value::Category(category(random).to_string().into())).collect::<Vec<_>>()
    };
    let (before, now) = (sample(sizes.0, 1.0), sample(sizes.1, skew));
    case(format!("{sizes:?} of {kinds} categories, {skew}"), &compare(Kind::Category, before, &now).1)
}

fn classification_case(random: &mut Random, rows: usize, classes: usize) -> Json {
    let row = |random: &mut Random| {
        let weights = random.numbers(classes, |value| value + 0.01);
        let sum = weights.iter().sum::<f64>();
        // Few digits, so that scores are tied.
        let mut probabilities =
            weights.iter().map(|weight| (weight / sum * 50.0).round() / 50.0).collect::<Vec<_>>();
        probabilities[0] = (1.0 - probabilities[1..].iter().sum::<f64>()).max(0.0);
        let sum = probabilities.iter().sum::<f64>();
        probabilities.iter_mut().for_each(|probability| *probability /= sum);
        let largest = (0..classes).max_by(|one, other| probabilities[*one].total_cmp(&probabilities[*other]));
        let prediction = largest.expect("a class");
        let truth = if random.next() < 0.6 { prediction } else { random.below(classes) };
        Outcome { truth, prediction, probabilities }
    };
    let outcomes = (0..rows).map(|_| row(random)).collect::<Vec<_>>();
    let labels = (0..classes).map(|class| class.to_string()).collect::<Vec<_>>();
    json!({
        "name": format!("{rows} rows of {classes} classes"),
        "truth": outcomes.iter().map(|row| row.truth).collect::<Vec<_>>(),
        "predicted": outcomes.iter().map(|row| row.prediction).collect::<Vec<_>>(),
        "probabilities": outcomes.iter().map(|row| row.probabilities.clone()).collect::<Vec<_>>(),
        "found": Classification::new(&labels, &outcomes),
    })
}

fn regression(random: &mut Random, rows: usize) -> Json {
    let pairs = (0..rows).map(|_| (random.next() * 10.0, random.next() * 10.0)).collect::<Vec<_>>();
    let (predicted, truth) = pairs.iter().copied().unzip::<f64, f64, Vec<_>, Vec<_>>();
    let found = Regression::new(&pairs);
    json!({ "name": format!("{rows} rows"), "truth": truth, "predicted": predicted, "found": found })
}

#[test]
fn values_are_those_of_scipy_and_scikit_learn() {
    let folder = root().join("tests/statistics");
    let Some(python) = python::environment(&folder.join("requirements.txt"), false).expect("the packages")
    else {
        return;
    };
    let random = &mut Random(7);
    let mut drift = vec![];
    for sizes in [(1, 1), (7, 3), (50, 50), (100, 60), (997, 500), (5000, 2000)] {
        for (digits, shift) in [(1e9, 0.0), (2.0, 0.0), (1e9, 0.05), (10.0, 0.3)] {
            drift.push(numbers(random, sizes, digits, shift));
        }
        for (kinds, skew) in [(2, 1.0), (3, 1.1), (12, 1.5), (60, 1.0)] {
            if sizes.0 > 3 {
                drift.push(categories(random, sizes, kinds, skew));
            }
        }
    }
    let classification = [(40, 2), (2000, 2), (300, 3), (2000, 7)];
    let classification = classification.map(|(rows, classes)| classification_case(random, rows, classes));
    let regression = [10, 1000].map(|rows| regression(random, rows));
    let cases = json!({ "drift": drift, "classification": classification, "regression": regression });
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), cases.to_string()).expect("written");
    python.run(&folder.join("check.py"), &[file.path()]).expect("the same values");
}
