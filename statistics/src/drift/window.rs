//! The last rows of each column, in as much memory as there was at the beginning.

use std::sync::Arc;

use super::baseline::{Baseline, Distribution, Value, Values};
use super::{Drift, Limits};

/// Of an unseen category, the texts that are told.
const EXAMPLES: usize = 10;
/// Letters of such a text.
const EXAMPLE_LENGTH: usize = 100;

/// The last values of one column.
#[derive(Debug, Clone)]
pub struct Window {
    capacity: usize,
    /// The place of the next value, once all are taken.
    next: usize,
    pub(super) values: Ring,
    /// Some of the categories that the baseline does not have.
    pub(super) unseen: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Ring {
    /// NaN where there was none.
    Numbers(Vec<f64>),
    /// The position among the baseline's categories.
    Categories(Vec<Code>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Known(u16),
    Unseen,
    Missing,
}

impl Window {
    /// Without a value yet, for `capacity` of them.
    pub fn new(of: &Distribution, capacity: usize) -> Window {
        let values = match of.values {
            Values::Numbers { .. } => Ring::Numbers(vec![]),
            Values::Categories { .. } => Ring::Categories(vec![]),
        };
        Window { capacity: capacity.max(1), next: 0, values, unseen: vec![] }
    }

    /// Takes a value in, in the place of the oldest where there is no room.
    pub fn push(&mut self, of: &Distribution, value: Value<'_>) {
        let place = (self.capacity, &mut self.next);
        match (&mut self.values, &of.values) {
            (Ring::Numbers(ring), _) => {
                let number = match value {
                    Value::Number(number) if number.is_finite() => number,
                    _ => f64::NAN,
                };
                put(ring, place, number);
            }
            (Ring::Categories(ring), Values::Categories { counts, .. }) => {
                let code = match value {
                    Value::Category(text) => match counts.keys().position(|known| *known == *text) {
                        Some(position) => Code::Known(position as u16),
                        None => {
                            if self.unseen.len() < EXAMPLES && !self.unseen.iter().any(|seen| *seen == *text)
                            {
                                self.unseen.push(text.chars().take(EXAMPLE_LENGTH).collect());
                            }
                            Code::Unseen
                        }
                    },
                    _ => Code::Missing,
                };
                put(ring, place, code);
            }
            // The ring was made for these values.
            (Ring::Categories(_), Values::Numbers { .. }) => {}
        }
    }
}

fn put<T>(ring: &mut Vec<T>, (capacity, next): (usize, &mut usize), value: T) {
    if ring.len() < capacity {
        ring.push(value);
    } else {
        ring[*next] = value;
        *next = (*next + 1) % capacity;
    }
}

/// The windows of a model: of its features, and behind them of its predictions.
#[derive(Debug, Clone)]
pub struct Windows {
    baseline: Arc<Baseline>,
    windows: Vec<Window>,
    rows: u64,
    capacity: usize,
}

impl Windows {
    /// Without a row yet, for `capacity` of them.
    pub fn new(baseline: Arc<Baseline>, capacity: usize) -> Windows {
        let windows = columns(&baseline).map(|column| Window::new(column, capacity)).collect();
        Windows { baseline, windows, rows: 0, capacity }
    }

    /// Takes a row in: the values of the baseline's features, and of its predictions, by their positions there.
    pub fn push<'a>(
        &mut self,
        feature: impl FnMut(usize) -> Value<'a>,
        prediction: impl FnMut(usize) -> Value<'a>,
    ) {
        let Baseline { features, predictions, .. } = &*self.baseline;
        let values = (0..features.len()).map(feature).chain((0..predictions.len()).map(prediction));
        for ((column, window), value) in columns(&self.baseline).zip(&mut self.windows).zip(values) {
            window.push(column, value);
        }
        self.rows += 1;
    }

    /// What is compared with.
    pub fn baseline(&self) -> &Arc<Baseline> {
        &self.baseline
    }

    /// All rows that came, those among them that are not in the windows any more.
    pub fn seen(&self) -> u64 {
        self.rows
    }

    /// The rows in the windows.
    pub fn rows(&self) -> u64 {
        self.rows.min(self.capacity as u64)
    }

    /// How far each column is from the baseline: the features, and the predictions.
    pub fn compare(&self, limits: &Limits) -> (Vec<Drift>, Vec<Drift>) {
        let tests = self.windows.len();
        let drifts = columns(&self.baseline).zip(&self.windows);
        let mut features =
            drifts.map(|(column, window)| Drift::new(column, window, limits, tests)).collect::<Vec<_>>();
        let predictions = features.split_off(self.baseline.features.len());
        (features, predictions)
    }
}

fn columns(baseline: &Baseline) -> impl Iterator<Item = &Distribution> {
    baseline.features.iter().chain(&baseline.predictions)
}
